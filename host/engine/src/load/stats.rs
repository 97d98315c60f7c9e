//! What loading counts: its own figures, and those of the disk cache.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache::disk;

/// What loading counted since the engine was set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadStats {
    /// Components that were there already, compiled.
    pub memory_hits: u64,
    /// Compiled code, or what a component says of itself, read from the disk cache.
    pub disk_hits: u64,
    /// Files that were not in the disk cache.
    pub disk_missing: u64,
    /// Files that are not what was written, and were not used.
    pub disk_damaged: u64,
    /// Files of another installation or of another component, which were not used.
    pub disk_foreign: u64,
    /// Files that could not be read.
    pub disk_unreadable: u64,
    /// Files that could not be written.
    pub disk_not_written: u64,
    /// Times that the cache's own key had to be replaced.
    pub disk_keys_replaced: u64,
    /// Processes started to describe or to compile a component.
    pub compiles: u64,
    /// Refusals, remembered ones included.
    pub refusals: u64,
}

/// What the loader counts itself.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) memory_hits: AtomicU64,
    pub(super) compiles: AtomicU64,
    pub(super) refusals: AtomicU64,
}

impl Counts {
    /// The figures, with those of a disk cache where there is one.
    pub(super) fn with(&self, disk: Option<&disk::Counts>) -> LoadStats {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let stats = LoadStats {
            memory_hits: count(&self.memory_hits),
            compiles: count(&self.compiles),
            refusals: count(&self.refusals),
            ..LoadStats::default()
        };
        let Some(disk) = disk else { return stats };
        LoadStats {
            disk_hits: count(&disk.hits),
            disk_missing: count(&disk.missing),
            disk_damaged: count(&disk.damaged),
            disk_foreign: count(&disk.foreign),
            disk_unreadable: count(&disk.unreadable),
            disk_not_written: count(&disk.not_written),
            disk_keys_replaced: count(&disk.keys_replaced),
            ..stats
        }
    }
}
