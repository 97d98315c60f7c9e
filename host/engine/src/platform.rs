//! What only Linux has, in one place, each with what happens elsewhere.

/// Whether the kernel's PAGEMAP_SCAN may be used to reset memories between evaluations.
///
/// Not where pages may be swapped out: a page in swap would not be found, and the next guest would
/// see it. Elsewhere than on Linux there is no such thing.
pub(crate) fn pagemap_scan_is_sound() -> bool {
    #[cfg(target_os = "linux")]
    {
        // The first line is the table's head.
        std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() <= 1)
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}
