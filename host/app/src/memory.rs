//! Memory that the process has freed and the allocator still holds.

/// Gives back to the system what was freed. For the end of a phase that took much more than what
/// follows, such as loading: by itself the allocator gives back only while it is used.
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: it takes no pointer and may be called from any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
