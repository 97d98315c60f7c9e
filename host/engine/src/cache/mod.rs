//! Compiled code, kept: in memory for this process, on disk for the next one.

mod code;
pub(crate) mod disk;
mod files;
pub(crate) mod key;
pub(crate) mod memory;
mod secret;

pub use disk::CacheError;
