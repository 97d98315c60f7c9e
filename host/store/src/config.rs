//! Where the store keeps its files, and its bounds.

use std::path::PathBuf;
use std::time::Duration;

/// Where the store keeps its files, and its bounds. None is optional.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The directory that holds the files; created, for its owner only, where it does not exist.
    pub directory: PathBuf,
    /// How many commits one transaction, and so one fsync, carries at most.
    pub commit_batch_max: usize,
    /// How many commits wait for the writer at most; more wait to be accepted.
    pub queue_max: usize,
    /// Memory for keys that are durable and could be read again, in bytes. Keys that are not yet
    /// durable come on top; `queue_max` bounds them.
    pub cache_bytes_max: usize,
    /// Largest size of the database file, in bytes. What does not fit is refused.
    pub file_bytes_max: u64,
    /// How many connections load what is not in memory.
    pub readers_max: u32,
    /// How often expired values and old deletions are swept.
    pub sweep_every: Duration,
}

impl StoreConfig {
    /// The defaults, in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            commit_batch_max: 512,
            queue_max: 4_096,
            cache_bytes_max: 16 << 20,
            file_bytes_max: 1 << 40,
            readers_max: 2,
            sweep_every: Duration::from_secs(60),
        }
    }
}
