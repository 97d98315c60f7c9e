//! Reading decisions in bulk: batch by batch, newest first, as they were kept.
//!
//! So any number of them is read in the memory of a few batches, and nothing is parsed that nobody looks
//! at. Decisions from before there were batches hold nothing that could be decided again, and are not
//! among them.

use writ_core::Tenant;

use crate::decisions::Window;
use crate::error::StoreError;
use crate::moment::id_at;
use crate::port::on;
use crate::row::{KeptBatch, StoredDecision};
use crate::store::Store;
use crate::strand::BATCHES_MAX;

/// A batch of decisions, opened: at most a megabyte, unless one decision alone has more.
#[derive(Debug)]
pub struct RecordedBatch {
    batch: KeptBatch,
    /// No decision below this was asked for.
    from_id: String,
}

impl RecordedBatch {
    /// Its decisions since the time that was asked for, in the order of commitment.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], for each record that is none.
    pub fn decisions(&self) -> impl Iterator<Item = Result<StoredDecision, StoreError>> {
        let decisions = self.batch.body.lines().map(|line| self.batch.read(line));
        decisions.filter(|read| read.as_ref().map_or(true, |decision| decision.id >= self.from_id))
    }

    /// How many records there are, those from before included.
    pub fn records(&self) -> usize {
        self.batch.body.lines().count()
    }

    /// About when the latest of its requests was received, in milliseconds since the Unix epoch.
    pub fn until_ms(&self) -> u64 {
        self.batch.until_ms
    }
}

impl Store {
    /// A tenant's batches of decisions that were made since a time (in milliseconds since the Unix
    /// epoch), newest first: the next few behind `after`, and none at the end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Sealed`].
    pub async fn recorded(
        &self,
        tenant: &Tenant,
        since_ms: u64,
        after: Option<&RecordedBatch>,
    ) -> Result<Vec<RecordedBatch>, StoreError> {
        let from_id = id_at(since_ms);
        let window = Window::from(from_id.clone(), after.map(|after| &after.batch));
        let found = on!(self, backend => backend.batches(tenant, &window, BATCHES_MAX).await)?;
        let sealing = on!(self, backend => backend.sealing());
        let opened = found.into_iter().map(|mut batch| {
            batch.body = batch.open(sealing.of(tenant))?.into_owned();
            Ok(RecordedBatch { batch, from_id: from_id.clone() })
        });
        opened.collect()
    }
}
