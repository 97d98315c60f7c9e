//! Waiting: a caller that holds on until an execution has been decided, or a tool has ended; and a
//! running tool that people are to answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use writ_core::{Execution, Principal};

use super::{ExecutionError, Executions};

/// Those who wait, by execution.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    // Guards the map only; holds an entry for each execution that is waited for, and no other.
    bells: Mutex<HashMap<String, Arc<Notify>>>,
}

/// One who waits; gone when this is dropped.
pub(super) struct Waiter<'a> {
    waiting: &'a Waiting,
    id: &'a str,
    pub(super) bell: Arc<Notify>,
}

impl Executions {
    /// The execution as soon as people need not be waited for any more, or once its tool has ended
    /// where this host carries it out; at most `at_most` later.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`], [`ExecutionError::Undecided`].
    pub async fn once_decided(
        &self,
        by: &Principal,
        id: &str,
        at_most: Duration,
    ) -> Result<Execution, ExecutionError> {
        let end = Instant::now() + at_most;
        let waiter = self.waiting.join(id);
        loop {
            // Asked before reading: what changes in between rings.
            let rung = waiter.bell.notified();
            let execution = self.one(by, id).await?;
            if !execution.is_under_way() {
                return Ok(execution);
            }
            if tokio::time::timeout_at(end, rung).await.is_err() {
                return self.one(by, id).await;
            }
        }
    }
}

impl Waiting {
    pub(super) fn join<'a>(&'a self, id: &'a str) -> Waiter<'a> {
        let bell = self.bells().entry(id.to_owned()).or_default().clone();
        Waiter { waiting: self, id, bell }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bells().is_empty()
    }

    pub(super) fn tell_all(&self) {
        self.bells().values().for_each(|bell| bell.notify_waiters());
    }

    pub(super) fn tell(&self, id: &str) {
        if let Some(bell) = self.bells().get(id) {
            bell.notify_waiters();
        }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut bells = self.waiting.bells();
        // The map's own, and this one's, which goes before anybody else can count.
        self.bell = Arc::default();
        if bells.get(self.id).is_some_and(|bell| Arc::strong_count(bell) == 1) {
            bells.remove(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_remembered_who_no_longer_waits() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.join("a"), waiting.join("a"));
        drop(first);
        assert_eq!(waiting.bells().len(), 1);
        drop(second);
        assert_eq!(waiting.bells().len(), 0);
    }
}
