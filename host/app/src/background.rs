//! Work beside requests: what ends with its owner, and what nobody can take back.

use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// Work that goes on until it is done, or this is dropped.
#[derive(Debug)]
pub struct Background(JoinHandle<()>);

impl Background {
    /// Starts it.
    pub fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does something to its end, whether or not somebody waits for it.
pub async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The host stops.
        Err(_) => std::future::pending().await,
    }
}
