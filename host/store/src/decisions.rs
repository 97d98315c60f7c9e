//! Asking for what was decided: batches are looked through from the newest that can hold an id on, and
//! then the rows from before there were batches.

use std::collections::BTreeMap;

use writ_core::receipt::Place;
use writ_core::strand::ChainedBatch;
use writ_core::{Tenant, Verbatim};

use crate::error::StoreError;
use crate::execution::PAGE_MAX;
use crate::moment::{id_at, time_of};
use crate::port::on;
use crate::row::{END, KeptBatch, SPAN_MS, StoredDecision};
use crate::store::Store;
use crate::strand::BATCHES_MAX;

/// A decision, its record, and where that is.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedDecision {
    /// What it says.
    pub decision: StoredDecision,
    /// The text that its digest is of.
    pub text: Verbatim,
    /// Its place among the batches of a strand.
    pub place: Place,
}

/// Which batches are asked for, newest first: by their last id, strand and number.
#[derive(Debug)]
pub(crate) struct Window {
    /// Only those whose last id is at least this.
    pub(crate) last_from: String,
    /// Only those before this place.
    pub(crate) before: (String, String, u64),
    /// Only those whose first id is at most this.
    pub(crate) first_to: String,
}

impl Window {
    /// Those that can hold an id, and no others.
    fn around(id: &str) -> Self {
        let last_from = id.to_owned();
        match time_of(id) {
            Some(_) => Self { last_from, ..Self::up_to(id) },
            None => {
                Self { before: (id.to_owned(), END.to_owned(), 0), last_from, ..Self::up_to(id) }
            }
        }
    }

    /// Those that can hold an id or one below it.
    fn up_to(id: &str) -> Self {
        // No batch that begins at an id or below it ends later than this. What names no time is in a
        // batch of its own, but may be anywhere among the others.
        let last = time_of(id).map_or_else(|| END.to_owned(), |at| id_at(at + SPAN_MS + 1));
        Self {
            last_from: String::new(),
            before: (last, END.to_owned(), 0),
            first_to: id.to_owned(),
        }
    }

    /// Those that can hold an id or one above it, behind a batch.
    pub(crate) fn from(id: String, behind: Option<&KeptBatch>) -> Self {
        let mut window = Self { last_from: id, ..Self::up_to(END) };
        behind.into_iter().for_each(|batch| window.go_on_before(batch));
        window
    }

    fn go_on_before(&mut self, batch: &KeptBatch) {
        self.before = (batch.last_id.clone(), batch.strand.clone(), batch.number);
    }
}

impl Store {
    /// One decision of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Sealed`] and [`StoreError::Damaged`].
    pub async fn decision(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<StoredDecision>, StoreError> {
        if let Some((batch, (_, text))) = self.find(tenant, id).await? {
            return Ok(Some(batch.read(&text)?));
        }
        on!(self, backend => backend.decision(tenant, id).await)
    }

    /// One decision of a tenant as its record, and where that is. None where there is none, or where
    /// it is from before decisions were chained.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Sealed`] and [`StoreError::Damaged`].
    pub async fn placed_decision(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<PlacedDecision>, StoreError> {
        let Some((batch, (place, text))) = self.find(tenant, id).await? else { return Ok(None) };
        let Some(ChainedBatch { number, digests, until_ms, previous, hash }) = batch.link() else {
            return Err(StoreError::Damaged {
                what: "batch of decisions",
                id: format!("{}/{}", batch.strand, batch.number),
                reason: "its digests are none".into(),
            });
        };
        let strand = batch.strand.clone();
        let place = Place { strand, batch: number, place, previous, until_ms, digests, hash };
        Ok(Some(PlacedDecision { decision: batch.read(&text)?, text: Verbatim::new(text), place }))
    }

    /// The batch that has a decision, and its record with its place in there.
    async fn find(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<(KeptBatch, (u64, String))>, StoreError> {
        let mut window = Window::around(id);
        on!(self, backend => {
            let opener = backend.sealing().of(tenant);
            loop {
                let batches = backend.batches(tenant, &window, BATCHES_MAX).await?;
                let Some(last) = batches.last() else { return Ok(None) };
                window.go_on_before(last);
                for batch in batches {
                    if let Some(found) = batch.find(opener, id)? {
                        return Ok(Some((batch, found)));
                    }
                }
            }
        })
    }

    /// A tenant's decisions, newest first, at most `limit` (and [`PAGE_MAX`]) of those before an id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Sealed`] and [`StoreError::Damaged`].
    pub async fn decisions_page(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StoredDecision>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        let mut window = Window::up_to(before.unwrap_or(END));
        let mut newest = Newest { limit: limit as usize, found: BTreeMap::new() };
        on!(self, backend => {
            let opener = backend.sealing().of(tenant);
            'reading: loop {
                let batches = backend.batches(tenant, &window, BATCHES_MAX).await?;
                let Some(last) = batches.last() else { break };
                window.go_on_before(last);
                for batch in &batches {
                    // Those behind it end no later.
                    if newest.is_above(&batch.last_id) {
                        break 'reading;
                    }
                    newest.add(batch.all(opener)?, before);
                }
            }
            newest.add(backend.decisions_page(tenant, before, limit).await?, before);
        });
        Ok(newest.found.into_values().rev().collect())
    }
}

/// The newest of what was found, by id.
struct Newest {
    limit: usize,
    found: BTreeMap<String, StoredDecision>,
}

impl Newest {
    fn add(&mut self, decisions: Vec<StoredDecision>, before: Option<&str>) {
        let is_before = |decision: &StoredDecision| before.is_none_or(|id| *decision.id < *id);
        let decisions = decisions.into_iter().filter(is_before);
        self.found.extend(decisions.map(|decision| (decision.id.clone(), decision)));
        while self.found.len() > self.limit {
            self.found.pop_first();
        }
    }

    /// Whether nothing up to an id belongs to them.
    fn is_above(&self, id: &str) -> bool {
        let lowest = self.found.first_key_value();
        self.found.len() >= self.limit && lowest.is_none_or(|(lowest, _)| **lowest > *id)
    }
}
