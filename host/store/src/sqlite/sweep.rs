//! What is done every so often: sweeping, which removes rows whose value expired, or was deleted,
//! long enough ago, and telling how far decisions have come.
//!
//! A removal is judged and queued like any commit, so that it never removes what was written since
//! it was looked for. It happens long after the value's end (see `KEPT_MS`), when no evaluation
//! that saw the row can still run.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::claim::Claim;
use crate::commit::Answer;
use crate::error::{Failure, StoreError};
use crate::moment;
use crate::row::StorageRow;
use crate::sqlite::backend::{Inner, Sqlite};
use crate::sqlite::batch::{Job, Message};
use crate::sqlite::commit::{Draft, Submission};
use crate::sqlite::storage;
use crate::sqlite::table::{Loaded, Stamps};

/// How many rows are swept at once: few, since other commits wait meanwhile.
const ROWS_MAX: u32 = 64;

/// The task that sweeps. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Sweeper(JoinHandle<()>);

impl Sweeper {
    /// Sweeps every so often for as long as the store has handles.
    pub(crate) fn start(inner: Weak<Inner>, every: Duration) -> Self {
        Self(tokio::spawn(run(inner, every)))
    }

    pub(crate) async fn stop(mut self) {
        self.0.abort();
        // Only says that it was aborted.
        (&mut self.0).await.ok();
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sqlite {
    pub(crate) async fn sweep(&self, now_ms: u64) -> Result<usize, StoreError> {
        Ok(self.inner.sweep(now_ms).await?)
    }
}

impl Inner {
    async fn sweep(&self, now_ms: u64) -> Result<usize, Failure> {
        // Before the rows are looked for: whatever is evicted from now on stays.
        let stamps = self.shared.table().stamps();
        let rows = storage::to_sweep(&self.shared.readers, now_ms, ROWS_MAX).await?;
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            self.account(&row.namespace).await?;
            let permit = self.messages.reserve().await.map_err(|_| Failure::closed())?;
            answers.extend(self.remove(permit, row, &stamps));
        }
        let removed = answers.len();
        for answer in answers {
            answer.await.unwrap_or_else(|_| Err(Failure::closed()))?;
            self.shared.counters.swept.fetch_add(1, Relaxed);
        }
        Ok(removed)
    }

    /// None where the row has changed since it was found.
    fn remove(
        &self,
        permit: mpsc::Permit<'_, Message>,
        row: StorageRow,
        stamps: &Stamps,
    ) -> Option<Answer> {
        let StorageRow { namespace, key, stored, .. } = row;
        let version = self.shared.table().version_loaded(stored.version);
        let claim = Claim::removal(namespace.clone(), key.clone(), version);
        let stamp = stamps.of(&namespace, &key);
        let loaded = Loaded { keys: vec![(namespace, key, stamp, stored)], ..Loaded::default() };
        let draft = Draft { claims: vec![claim], ..Draft::default() };
        match self.submit(permit, draft, loaded) {
            Ok(Submission::Queued(answer)) => Some(answer),
            Ok(Submission::Incomplete(_)) | Err(_) => None,
        }
    }
}

async fn run(inner: Weak<Inner>, every: Duration) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut decisions, mut is_beginning) = (0, true);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        while sweep_some(&inner).await {}
        // The first tick is at once: what a host that begins has decided by then can wait.
        if !is_beginning {
            decisions = anchor(&inner, decisions).await;
        }
        is_beginning = false;
    }
}

/// Has it told how far strands of decisions have come, where there are others than there were.
async fn anchor(inner: &Inner, before: u64) -> u64 {
    let decisions = inner.shared.counters.decisions.load(Relaxed);
    if decisions > before {
        let job = Job { anchors_at_ms: Some(moment::now_ms()), ..Job::default() };
        if let Err(failure) = inner.write(job).await {
            tracing::warn!(error = failure.inside(), "how far decisions have come is not told");
            return before;
        }
    }
    decisions
}

async fn sweep_some(inner: &Arc<Inner>) -> bool {
    match inner.sweep(moment::now_ms()).await {
        Ok(removed) => removed == ROWS_MAX as usize,
        Err(failure) => {
            tracing::warn!(error = failure.inside(), "storage cannot be swept");
            false
        }
    }
}
