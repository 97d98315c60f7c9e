//! Whether a tenant's evidence is whole: its events follow each other, and its executions are what
//! the last event of each tells. Where older events have been removed, the chain begins after its
//! anchor, which the last event that tells of a removal vouches for. Its decisions follow each other
//! in their strands, as far as events have told of them and further.
//!
//! What only finds things, and holds nothing itself, is not looked at: which approval belongs to
//! which execution, what it is about, whom it asks, and callers' keys.

use writ_core::chain::{Anchor, Breach, Break, Head};
use writ_core::execution::Fact;
use writ_core::{Digest, Execution, Tenant, Verifier};

use crate::error::{Failure, StoreError};
use crate::execution::PAGE_MAX;
use crate::port::on;
use crate::retention::{Holder, ToldOf};
use crate::row::{ExecutionRow, KeptBatch, KeptEvent, KeptExecution};
use crate::sealing::{Opener, SealError, Sealed};
use crate::store::Store;
use crate::strand::KeptStrand;
use strands::Told;

pub(crate) mod strands;

/// What was found to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where the chain begins.
    pub anchor: Anchor,
    /// Where the chain ends. Noted elsewhere, it tells later whether the end was cut off, or
    /// everything was made anew, which nothing within the store can tell.
    pub head: Head,
    /// How many executions there are.
    pub executions: u64,
    /// How many decisions there are; those from before there were batches do not count.
    pub decisions: u64,
}

/// Evidence is not whole, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something was changed by somebody else than the store.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first thing that is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An event.
    #[error("{at}{}", of(execution))]
    Event {
        /// Where in the chain, and what is wrong there.
        at: Break,
        /// The execution that it tells of, as far as that can be told.
        execution: Option<String>,
    },
    /// An execution is not what its last event tells.
    #[error("execution `{execution}` is not what event {sequence} tells")]
    Changed {
        /// Which.
        execution: String,
        /// Its last event's place in the chain.
        sequence: u64,
    },
    /// An execution of which events tell is not there.
    #[error("execution `{execution}`, of which event {sequence} tells, is not there")]
    Removed {
        /// Which.
        execution: String,
        /// The first event that tells of it.
        sequence: u64,
    },
    /// No event vouches for the place where the chain begins, or one vouches for another place.
    #[error(
        "the chain begins after event {sequence}, and the last event that tells of a removal tells otherwise"
    )]
    Anchor {
        /// The place that is said to be the last of what was removed.
        sequence: u64,
    },
    /// A batch of decisions.
    #[error("batch {number} of the decisions in strand `{strand}` {breach}")]
    Batch {
        /// In which strand.
        strand: String,
        /// Which place in the strand.
        number: u64,
        /// What is wrong there.
        breach: Breach,
    },
    /// A decision is not what it was when it was kept, or not in its place.
    #[error(
        "decision {place}{} of batch {number} in strand `{strand}` was changed, removed or put elsewhere",
        named(id)
    )]
    Decision {
        /// In which strand.
        strand: String,
        /// In which batch.
        number: u64,
        /// Which of the batch, from 1.
        place: usize,
        /// What is found there instead says that it is this one, as far as that can be told.
        id: Option<String>,
    },
    /// No event vouches for the place where a strand begins, or one vouches for another place.
    #[error(
        "strand `{strand}` of decisions begins after batch {number}, and the last event that tells of a removal tells otherwise"
    )]
    Strand {
        /// Which.
        strand: String,
        /// The batch that is said to be the last of what was removed.
        number: u64,
    },
    /// No event tells of an execution that is there.
    #[error("no event tells of execution `{execution}`")]
    Untold {
        /// Which.
        execution: String,
    },
}

fn of(execution: &Option<String>) -> String {
    execution.as_ref().map(|id| format!(" (execution `{id}`)")).unwrap_or_default()
}

fn named(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (`{id}`)")).unwrap_or_default()
}

impl Store {
    /// Reads all events, executions and decisions of a tenant, and checks that none was changed, removed or
    /// put elsewhere by anybody but the store. Sees everything as it is when it begins; SQLite's
    /// write-ahead log cannot be cut before it ends.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] with the first thing that is not whole, and [`VerifyError::Store`].
    pub async fn verify(&self, tenant: &Tenant) -> Result<Verified, VerifyError> {
        on!(self, backend => {
            let mut view = backend.view(tenant).await.map_err(unavailable)?;
            verified(&mut view, backend.sealing().of(tenant)).await
        })
    }
}

/// What is kept of a tenant, all of it as it was at one time.
pub(crate) trait Evidence {
    /// Where the chain begins.
    async fn anchor(&mut self) -> Result<Anchor, sqlx::Error>;

    /// Where the chain ends, where that is kept beside the events.
    async fn end(&mut self) -> Result<Option<Head>, sqlx::Error>;

    /// The executions that events tell of, those after a place up to another.
    async fn told_of(&mut self, after: u64, to: u64) -> Result<Vec<ToldOf>, sqlx::Error>;

    /// The first event that is needed for something else than its execution: for what is not told
    /// yet, or was tried in vain since a time.
    async fn needed(&mut self, since_ms: u64) -> Result<Option<(u64, Holder)>, sqlx::Error>;

    /// How many decisions there are from before a time, counted up to a limit.
    async fn old_decisions(&mut self, before_ms: u64, limit: u32) -> Result<u64, sqlx::Error>;

    /// Events in the order of their places, those after one.
    async fn events(&mut self, after: u64, limit: u32) -> Result<Vec<KeptEvent>, sqlx::Error>;

    /// Where each strand of decisions begins, and ends where that is kept beside it.
    async fn strands(&mut self) -> Result<Vec<KeptStrand>, sqlx::Error>;

    /// A strand's batches in the order of their places, those behind one.
    async fn batches(
        &mut self,
        strand: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<KeptBatch>, sqlx::Error>;

    /// A batch of a strand that is not there: the strand, and its place.
    async fn stray(&mut self) -> Result<Option<(String, u64)>, sqlx::Error>;

    /// The first event of an execution that is not there, with the execution's id.
    async fn removed(&mut self) -> Result<Option<(String, u64)>, sqlx::Error>;

    /// Executions in the order of their ids, those after one.
    async fn executions(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<KeptExecution>, sqlx::Error>;
}

async fn verified(view: &mut impl Evidence, opener: Opener<'_>) -> Result<Verified, VerifyError> {
    let anchor = view.anchor().await.map_err(unavailable)?;
    let (head, told) = follow(view, &anchor).await?;
    if let Some((execution, sequence)) = view.removed().await.map_err(unavailable)? {
        return Err(Broken::Removed { execution, sequence }.into());
    }
    let executions = compare(view, opener).await?;
    let decisions = strands::follow(view, opener, &told).await?;
    // Last, since it says least: who can cut the end off can also note that it ended there.
    if view.end().await.map_err(unavailable)?.is_some_and(|end| end != head) {
        return Err(missing_after(&head).into());
    }
    Ok(Verified { anchor, head, executions, decisions })
}

/// Follows the chain to its end. Returns what it tells of strands, too.
async fn follow(view: &mut impl Evidence, anchor: &Anchor) -> Result<(Head, Told), VerifyError> {
    let mut verifier = Verifier::after(anchor.head.clone());
    // From the first that is there: none may be where the chain has been cut off.
    let (mut after, mut goes_on, mut vouched) = (0, false, None);
    let mut told = Told::default();
    loop {
        let page = view.events(after, PAGE_MAX).await.map_err(unavailable)?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for kept in page {
            take(&mut verifier, &kept).map_err(|at| {
                let execution = kept.event.as_ref().map(|event| event.execution.clone());
                let is_its = |id: &String| at.breach != Breach::Missing && !id.is_empty();
                Broken::Event { at, execution: execution.filter(is_its) }
            })?;
            let Some(event) = kept.event else { continue };
            goes_on = event.goes_on;
            told.take(&event.fact);
            if let Fact::Swept { .. } = event.fact {
                vouched = Some(anchor.is_told_by(&event.fact));
            }
        }
    }
    if goes_on {
        return Err(missing_after(verifier.head()).into());
    }
    match vouched.unwrap_or(*anchor == Anchor::start(anchor.head.tenant.clone())) {
        true => Ok((verifier.head().clone(), told)),
        false => Err(Broken::Anchor { sequence: anchor.head.sequence }.into()),
    }
}

fn missing_after(head: &Head) -> Broken {
    let at = Break { sequence: head.sequence + 1, breach: Breach::Missing };
    Broken::Event { at, execution: None }
}

/// Takes the next event as it is kept.
pub(crate) fn take(verifier: &mut Verifier, kept: &KeptEvent) -> Result<(), Break> {
    let sequence = verifier.head().sequence + 1;
    let broken = |breach| Err(Break { sequence, breach });
    if kept.sequence > sequence {
        return broken(Breach::Missing);
    }
    // What is not written as it would be written is changed, also where it says the same.
    let Some(event) = kept.event.as_ref().filter(|event| kept.is_written_as(event)) else {
        return broken(Breach::Changed);
    };
    if Digest::of(&kept.body) == event.hash && event.sequence != kept.sequence {
        return broken(Breach::OutOfOrder);
    }
    verifier.take(event)
}

/// How many executions are looked at together: each may have a megabyte, and so may what tells of it.
const EXECUTIONS_MAX: u32 = 64;

/// Compares every execution with the last event that tells of it. Returns how many there are.
async fn compare(view: &mut impl Evidence, opener: Opener<'_>) -> Result<u64, VerifyError> {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = view.executions(&after, EXECUTIONS_MAX).await.map_err(unavailable)?;
        let Some(last) = page.last() else { return Ok(count) };
        after.clone_from(&last.row.id);
        count += page.len() as u64;
        page.into_iter().try_for_each(|kept| is_as_told(kept, opener))?;
    }
}

fn is_as_told(kept: KeptExecution, opener: Opener<'_>) -> Result<(), VerifyError> {
    let KeptExecution { mut row, told } = kept;
    let Some(told) = told else { return Err(Broken::Untold { execution: row.id }.into()) };
    row.body = match opener.open(Sealed::Execution, (&row.id, 0), &row.body) {
        Ok(body) => body.into_owned(),
        // Somebody's who has no key: then it is not what was written.
        Err(SealError::Broken { .. }) => String::new(),
        Err(error @ SealError::UnknownKey { .. }) => return Err(StoreError::from(error).into()),
    };
    let execution: Option<Execution> = serde_json::from_str(&row.body).ok();
    let holds = told.state == Digest::of(&row.body)
        && told.version == row.version
        && execution.is_some_and(|execution| row == ExecutionRow::from(&execution));
    match holds {
        true => Ok(()),
        false => Err(Broken::Changed { execution: row.id, sequence: told.sequence }.into()),
    }
}

pub(crate) fn unavailable(error: sqlx::Error) -> VerifyError {
    StoreError::from(Failure::from(error)).into()
}
