//! Retention: what came to its end long ago is removed, a little at a time, and the chain tells of it.
//!
//! The chain can only be cut from its start, so that is where events go: up to the first that is
//! still needed. Events are needed by an execution that has not ended, or not long ago, by a channel
//! that has not told them, and by a dead letter that was tried not long ago. What is behind such an
//! event waits with it, however old it is. (Keeping the hashes of removed events instead would let
//! nothing wait, but would grow for ever, and could be checked no more than what is not there.)
//!
//! An execution goes in the transaction in which its last event goes, with all that belongs to it. So
//! every event that is there still tells of an execution that is there.
//!
//! Decisions go by their age alone: whole batches, from the start of each strand up to the first with
//! a decision that is young enough to stay.
//!
//! Each transaction moves the tenant's anchor and ends with an event that vouches for it, so that a
//! crash leaves a whole sweep or none. What is removed is followed from the anchor on before: a chain
//! that is broken is not swept, since that would remove the evidence.

use std::collections::HashMap;

use writ_core::chain::{Anchor, Evidence, Head};
use writ_core::execution::{Fact, Status};
use writ_core::strand::StrandPlace;
use writ_core::{Tenant, Verifier};

use crate::moment::id_at;
use crate::port::on;
use crate::sealing::Opener;
use crate::store::Store;
use crate::verify::{Broken, Evidence as View, VerifyError, take, unavailable};

mod strands;

/// How many events go at once: few, since other commits wait meanwhile.
pub(crate) const EVENTS_MAX: u32 = 512;
/// How many decisions go at once.
pub(crate) const DECISIONS_MAX: u32 = 2_048;

/// What one step of a sweep has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Executions, with their approvals, journals and callers' keys.
    pub executions: u64,
    /// Approvals of theirs.
    pub approvals: u64,
    /// Events.
    pub events: u64,
    /// Decisions.
    pub decisions: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Whether another step may find more.
    pub is_more: bool,
    /// What keeps the next event that is old enough to go, where something does.
    pub held_by: Option<Holder>,
}

/// What still needs an event that is old enough to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An execution that has not ended, by id.
    Execution(String),
    /// A channel that has not told it, by name.
    Channel(String),
    /// A dead letter that was tried not long ago, by id.
    DeadLetter(String),
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Execution(id) => write!(f, "execution `{id}` has not ended"),
            Self::Channel(name) => write!(f, "channel `{name}` has not told it"),
            Self::DeadLetter(id) => write!(f, "dead letter `{id}` was tried not long ago"),
        }
    }
}

/// The execution that some events tell of, and its last event.
#[derive(Debug)]
pub(crate) struct ToldOf {
    pub(crate) execution: String,
    pub(crate) status: String,
    pub(crate) last_sequence: u64,
    pub(crate) last_at_ms: u64,
}

/// What is to be removed in one transaction, if the chain still begins where it did.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) tenant: Tenant,
    pub(crate) from: Anchor,
    pub(crate) to: Anchor,
    /// Those whose last event goes.
    pub(crate) executions: Vec<String>,
    /// Decisions from before there were batches go that are from before `to.until_ms`, at most so many.
    pub(crate) decisions_max: u32,
    /// What of strands of decisions goes.
    pub(crate) cuts: Vec<StrandCut>,
    pub(crate) now_ms: u64,
}

/// What goes of a strand of decisions.
#[derive(Clone, Debug)]
pub(crate) struct StrandCut {
    /// Where it begins.
    pub(crate) from: StrandPlace,
    /// Where it is to begin: what is before that goes.
    pub(crate) to: StrandPlace,
}

/// How many rows of each kind went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) executions: u64,
    pub(crate) approvals: u64,
    pub(crate) events: u64,
    pub(crate) decisions: u64,
    pub(crate) dead_letters: u64,
}

impl Store {
    /// Removes some of what a tenant has had since before a time, at most a few hundred executions
    /// and a few thousand decisions: ask again while there [is more](Removed::is_more). Any number of
    /// hosts may; one at a time does. Times are in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`VerifyError::Broken`], and nothing is removed, where what would go is not whole.
    /// [`VerifyError::Store`].
    pub async fn retain(
        &self,
        tenant: &Tenant,
        before_ms: u64,
        now_ms: u64,
    ) -> Result<Removed, VerifyError> {
        on!(self, backend => {
            let mut view = backend.view(tenant).await.map_err(unavailable)?;
            let found = find(&mut view, backend.sealing().of(tenant), before_ms, now_ms).await?;
            drop(view);
            let Found { plan, is_more, held_by } = found;
            let counts = match plan {
                Some(plan) => backend.retain(plan).await?,
                None => Some(Counts::default()),
            };
            // None where another host sweeps, or an execution is being told of again.
            let is_more = is_more && counts.is_some();
            let Counts { executions, approvals, events, decisions, dead_letters } =
                counts.unwrap_or_default();
            Ok(Removed { executions, approvals, events, decisions, dead_letters, is_more, held_by })
        })
    }
}

/// What a look at the start of a chain has found.
struct Found {
    plan: Option<Plan>,
    is_more: bool,
    held_by: Option<Holder>,
}

/// What of the start of a chain may go.
struct Cut {
    end: Verifier,
    executions: Vec<String>,
    /// How many events, and how many of those tell of executions.
    events: u32,
    of_executions: u32,
    held_by: Option<Holder>,
}

async fn find(
    view: &mut impl View,
    opener: Opener<'_>,
    before_ms: u64,
    now_ms: u64,
) -> Result<Found, VerifyError> {
    let from = view.anchor().await.map_err(unavailable)?;
    let cut = cut(view, &from, before_ms).await?;
    let decisions = view.old_decisions(before_ms, DECISIONS_MAX).await.map_err(unavailable)?;
    let strands = strands::cut(view, opener, before_ms).await?;
    let is_full = cut.events == EVENTS_MAX;
    // Events that tell of nothing but removals go in bulk: else each would leave another.
    let goes = cut.of_executions > 0 || is_full;
    let to = match goes {
        true => Anchor { head: cut.end.head().clone(), until_ms: before_ms },
        false => Anchor { until_ms: before_ms, ..from.clone() },
    };
    let is_more = is_full || strands.is_full || decisions == u64::from(DECISIONS_MAX);
    let plan = (goes || decisions > 0 || !strands.cuts.is_empty()).then(|| Plan {
        tenant: opener.tenant.clone(),
        from,
        to,
        executions: if goes { cut.executions } else { Vec::new() },
        decisions_max: DECISIONS_MAX,
        cuts: strands.cuts,
        now_ms,
    });
    Ok(Found { plan, is_more, held_by: cut.held_by })
}

async fn cut(view: &mut impl View, from: &Anchor, before_ms: u64) -> Result<Cut, VerifyError> {
    let after = from.head.sequence;
    let page = view.events(after, EVENTS_MAX).await.map_err(unavailable)?;
    let last = page.last().map_or(after, |last| last.sequence);
    let told = view.told_of(after, last).await.map_err(unavailable)?;
    let told: HashMap<_, _> = told.into_iter().map(|told| (told.execution.clone(), told)).collect();
    let needed = view.needed(before_ms).await.map_err(unavailable)?;
    let end = Verifier::after(from.head.clone());
    let mut cut = Cut { end, executions: Vec::new(), events: 0, of_executions: 0, held_by: None };
    for kept in &page {
        // Looked at in either case: what is broken is told of, and not kept as what is needed.
        let mut end = cut.end.clone();
        take(&mut end, kept).map_err(|at| Broken::Event { at, execution: None })?;
        let is_told = !kept.execution.is_empty();
        if let Some((place, holder)) = &needed
            && *place <= kept.sequence
        {
            cut.held_by = (kept.at_ms < before_ms).then(|| holder.clone());
            break;
        }
        match told.get(&kept.execution) {
            None if is_told => {
                let (execution, sequence) = (kept.execution.clone(), kept.sequence);
                return Err(Broken::Removed { execution, sequence }.into());
            }
            None if kept.at_ms >= before_ms => break,
            None => {}
            Some(told) if !Status::FINAL_NAMES.contains(&told.status.as_str()) => {
                let holder = || Holder::Execution(told.execution.clone());
                cut.held_by = (kept.at_ms < before_ms).then(holder);
                break;
            }
            Some(told) if told.last_at_ms >= before_ms => break,
            Some(told) if told.last_sequence == kept.sequence => {
                cut.executions.push(told.execution.clone());
            }
            Some(_) => {}
        }
        (cut.end, cut.events) = (end, cut.events + 1);
        cut.of_executions += u32::from(is_told);
    }
    Ok(cut)
}

impl Plan {
    /// The event that tells of it all, and vouches for the anchor and for where strands begin now.
    pub(crate) fn evidence(&self, counts: &Counts, mut strands: Vec<StrandPlace>) -> Evidence {
        strands.retain(|start| start.number > 0);
        let Head { sequence: to, hash, .. } = self.to.head.clone();
        let Counts { executions, approvals, events, decisions, dead_letters } = *counts;
        Evidence {
            at_ms: self.now_ms,
            execution: String::new(),
            version: 0,
            state: hash,
            fact: Fact::Swept {
                until_ms: self.to.until_ms,
                after: self.from.head.sequence,
                to,
                hash,
                executions,
                approvals,
                events,
                decisions,
                dead_letters,
                strands,
            },
            goes_on: false,
        }
    }

    /// Whether the strands that are cut begin where they did when this was planned. Nothing else than
    /// a removal changes that.
    pub(crate) fn fits_strands(&self, starts: &[StrandPlace]) -> bool {
        let starts: HashMap<_, _> = starts.iter().map(|start| (&start.strand, start)).collect();
        self.cuts.iter().all(|cut| starts.get(&cut.from.strand) == Some(&&cut.from))
    }

    /// Decisions' ids sort by time (UUID version 7, RFC 9562): all from before the plan's time are
    /// below this.
    pub(crate) fn decisions_below(&self) -> String {
        id_at(self.to.until_ms)
    }
}
