//! Who waits for a reload.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{Notify, oneshot};

use super::{Outcome, Trigger, Wish};

/// Those who wait for one task.
#[derive(Default)]
pub(super) struct Queue {
    // Guards who waits; held to add or to take, never across an await.
    asked: Mutex<Vec<Asked>>,
    wake: Notify,
}

/// Somebody who wants a reload.
pub(super) struct Asked {
    pub(super) wish: Wish,
    pub(super) trigger: Trigger,
    pub(super) done: oneshot::Sender<Outcome>,
}

impl Queue {
    /// Waits for what comes of a wish; in vain where the host stops.
    pub(super) async fn join(&self, wish: Wish, trigger: Trigger) -> Result<Outcome, RecvError> {
        let (done, outcome) = oneshot::channel();
        self.asked().push(Asked { wish, trigger, done });
        self.wake.notify_one();
        outcome.await
    }

    /// All who wait, once anybody does.
    pub(super) async fn next(&self) -> Vec<Asked> {
        self.wake.notified().await;
        std::mem::take(&mut *self.asked())
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
