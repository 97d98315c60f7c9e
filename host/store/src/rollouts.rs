//! The version of a policy set that a tenant rolls out beside the one that decides.
//!
//! How it is rolled out is its users' business: the store keeps a text. There is one row a tenant, of
//! the rollout that goes on or was the last. That one begins, and that one ends, is told by the chain
//! in the same transaction; of all who end the same one, one does.

use writ_core::Tenant;
use writ_core::chain::Evidence;

use crate::error::StoreError;
use crate::policies::Occasion;
use crate::port::on;
use crate::store::Store;

/// A rollout as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRollout {
    /// Its number among the tenant's rollouts, from 1 and without a gap.
    pub id: u64,
    /// The version.
    pub number: u64,
    /// The version that must decide beside it; none where any may.
    pub within: Option<u64>,
    /// How, as JSON.
    pub plan: String,
    /// What led to it.
    pub occasion: Occasion,
    /// Since when, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How it ended, as JSON; none while it goes on.
    pub ended: Option<String>,
}

/// What tells of the end of a rollout; none where there is nothing to tell.
pub type ToldOfEnd = dyn FnOnce(&KnownRollout) -> Option<Evidence> + Send + Sync;

/// How a rollout ends.
pub struct RolloutEnd {
    /// What is kept of it, as JSON.
    pub ended: String,
    /// What the chain tells of it. Called once, where it ends.
    pub evidence: Box<ToldOfEnd>,
}

/// A rollout that is to begin, in place of one that goes on.
#[derive(Debug)]
pub struct NewRollout {
    /// Whose.
    pub tenant: Tenant,
    /// The version, which must not decide.
    pub number: u64,
    /// The version that must decide beside it, and ends it by deciding no more; none where any may.
    pub within: Option<u64>,
    /// How, as JSON.
    pub plan: String,
    /// What leads to it.
    pub occasion: Occasion,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What the chain tells of it.
    pub evidence: Evidence,
    /// How the one ends that it takes the place of.
    pub replaces: RolloutEnd,
}

/// Why a rollout does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBegun {
    /// There is no such version.
    NoSuchVersion,
    /// The version decides.
    Decides,
    /// Another version decides than the one that must.
    Overtaken,
}

impl NewRollout {
    /// What keeps it from beginning, where a version decides and it is known whether its own is there.
    pub(crate) fn hindrance(&self, is_there: bool, active: Option<u64>) -> Option<NotBegun> {
        match active {
            _ if !is_there => Some(NotBegun::NoSuchVersion),
            Some(active) if active == self.number => Some(NotBegun::Decides),
            active if self.within.is_some() && self.within != active => Some(NotBegun::Overtaken),
            _ => None,
        }
    }
}

/// What the rollout that goes on comes to where another version decides from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overturned {
    /// It is that version.
    Promoted,
    /// It was to be beside another one.
    Overtaken,
}

impl KnownRollout {
    pub(crate) fn overturned_by(&self, chosen: u64) -> Option<Overturned> {
        match self.within {
            _ if self.number == chosen => Some(Overturned::Promoted),
            Some(within) if within != chosen => Some(Overturned::Overtaken),
            _ => None,
        }
    }
}

/// A rollout that is to end.
#[derive(Debug)]
pub struct RolloutStop {
    /// Whose.
    pub tenant: Tenant,
    /// Its number among the tenant's.
    pub id: u64,
    /// How.
    pub end: RolloutEnd,
}

impl std::fmt::Debug for RolloutEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RolloutEnd").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl KnownRollout {
    /// Whether it goes on.
    pub fn goes_on(&self) -> bool {
        self.ended.is_none()
    }
}

impl Store {
    /// Begins a rollout, and ends the one that goes on. Returns its number among the tenant's, or why it
    /// does not begin. Durable when this returns; who stops waiting does not take it back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_rollout(
        &self,
        new: NewRollout,
    ) -> Result<Result<u64, NotBegun>, StoreError> {
        on!(self, backend => backend.begin_rollout(new).await)
    }

    /// Ends a rollout, and tells whether it was this that ended it. Durable when this returns; who
    /// stops waiting does not take it back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_rollout(&self, stop: RolloutStop) -> Result<bool, StoreError> {
        on!(self, backend => backend.end_rollout(stop).await)
    }

    /// The rollout that goes on, or was the last; none where none ever was. [`Store::set_changes`]
    /// tells of changes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn rollout(&self, tenant: &Tenant) -> Result<Option<KnownRollout>, StoreError> {
        on!(self, backend => backend.rollout(tenant).await)
    }
}
