//! Compiled code, kept.

/// The disk cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Placeholder until the disk cache exists.
    #[error("the cache cannot be used")]
    Unusable,
}
