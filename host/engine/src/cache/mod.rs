//! Compiled code, kept: in memory for this process, on disk for the next one.

pub(crate) mod disk;
pub(crate) mod key;
pub(crate) mod memory;

pub use disk::CacheError;
