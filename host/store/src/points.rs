//! Named points of the road, at which tests kill the host as `kill -9` does.
//!
//! A host that is built without the feature `failpoints` has none of them: passing one is nothing.
//! With it, the process ends at one passage of the one point that it is armed with ([`arm`]), and at
//! no other. The lists name every point that is passed, and a test of the binary sees that the host
//! dies at each.

#[cfg(feature = "failpoints")]
mod armed;

#[cfg(feature = "failpoints")]
pub use armed::arm;

#[cfg(feature = "failpoints")]
use writ_core::execution::Fact;

use crate::row::JournalRow;
use crate::step::Step;

/// Lists the points of each thing that a transaction keeps, and finds them.
macro_rules! kept {
    ($($kind:ident = $name:literal,)*) => {
        /// Points of both databases: before the transaction that keeps something, within it once all
        /// is written, and after it, before anybody is answered.
        pub const NAMES: &[&str] = &[
            "store.decisions.begun",
            "store.decisions.committed",
            $(
                concat!("store.", $name, ".begun"),
                concat!("store.", $name, ".written"),
                concat!("store.", $name, ".committed"),
            )*
        ];

        /// Something that a transaction keeps.
        #[cfg(feature = "failpoints")]
        #[derive(Clone, Copy, Debug)]
        enum Kind { $($kind,)* }

        #[cfg(feature = "failpoints")]
        impl Kind {
            fn at(self, moment: Moment) -> &'static str {
                match (self, moment) {
                    $(
                        (Self::$kind, Moment::Begun) => concat!("store.", $name, ".begun"),
                        (Self::$kind, Moment::Written) => concat!("store.", $name, ".written"),
                        (Self::$kind, Moment::Committed) => concat!("store.", $name, ".committed"),
                    )*
                }
            }
        }
    };
}

kept! {
    Received = "execution.received",
    Denied = "execution.denied",
    Allowed = "execution.allowed",
    Claimed = "execution.claimed",
    Resumed = "execution.resumed",
    Suspended = "execution.suspended",
    CallEnded = "execution.call-ended",
    Rejected = "execution.rejected",
    Expired = "execution.expired",
    Cancelled = "execution.cancelled",
    Succeeded = "execution.succeeded",
    Failed = "execution.failed",
    Unknown = "execution.unknown",
    Asked = "approval.asked",
    Voted = "approval.voted",
    Ended = "approval.ended",
    Idempotency = "idempotency",
    Storage = "storage",
    Journal = "journal",
}

/// Points of SQLite alone.
pub const SQLITE: &[&str] = &["sqlite.transaction.begun", "sqlite.batch.answered"];

/// Points of PostgreSQL alone.
pub const POSTGRES: &[&str] = &[
    "postgres.key.taken",
    "postgres.execution.held",
    "postgres.namespaces.held",
    "postgres.chain.held",
    "postgres.due.leased",
];

/// At which moment of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// Nothing is written.
    Begun,
    /// All is written, and nothing is durable.
    Written,
    /// All is durable, and nobody is answered.
    Committed,
}

/// What a transaction keeps, for the points that it passes.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    #[cfg(feature = "failpoints")]
    kinds: Vec<Kind>,
}

/// Passes a point: nothing, unless the process is armed with it.
#[inline(always)]
pub fn pass(name: &'static str) {
    #[cfg(feature = "failpoints")]
    armed::pass(name);
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

#[cfg(feature = "failpoints")]
impl Keeping {
    /// The same, and what else it keeps: a step, so many rows of storage, and entries of a journal.
    pub(crate) fn and(
        mut self,
        step: Option<&Step>,
        writes: usize,
        journal: &[JournalRow],
    ) -> Self {
        if let Some(step) = step {
            self.kinds.extend(step.evidence.iter().filter_map(|evidence| kind(&evidence.fact)));
            self.kinds.extend(step.idempotency.iter().map(|_| Kind::Idempotency));
        }
        self.kinds.extend((writes > 0).then_some(Kind::Storage));
        self.kinds.extend(journal.first().map(|_| Kind::Journal));
        self
    }

    /// Passes the points of all that it keeps.
    pub(crate) fn pass(&self, moment: Moment) {
        self.kinds.iter().for_each(|kind| pass(kind.at(moment)));
    }
}

#[cfg(not(feature = "failpoints"))]
impl Keeping {
    #[inline(always)]
    pub(crate) fn and(self, _: Option<&Step>, _: usize, _: &[JournalRow]) -> Self {
        self
    }

    #[inline(always)]
    pub(crate) fn pass(&self, _: Moment) {}
}

/// The fact as something that is kept; none for those that another one always accompanies.
#[cfg(feature = "failpoints")]
fn kind(fact: &Fact) -> Option<Kind> {
    Some(match fact {
        Fact::Received { .. } => Kind::Received,
        Fact::Denied { .. } => Kind::Denied,
        Fact::Allowed { .. } => Kind::Allowed,
        Fact::Claimed { .. } => Kind::Claimed,
        Fact::Resumed { .. } => Kind::Resumed,
        Fact::Suspended { .. } => Kind::Suspended,
        Fact::CallEnded { .. } => Kind::CallEnded,
        Fact::Rejected => Kind::Rejected,
        Fact::Expired => Kind::Expired,
        Fact::Cancelled { .. } => Kind::Cancelled,
        Fact::Succeeded { .. } => Kind::Succeeded,
        Fact::Failed { .. } => Kind::Failed,
        Fact::Unknown { .. } => Kind::Unknown,
        Fact::Asked { .. } => Kind::Asked,
        Fact::Voted { .. } => Kind::Voted,
        Fact::Ended { .. } => Kind::Ended,
        // Beside others in their transactions, or in ones that tests of their own kill.
        Fact::Decided { .. }
        | Fact::AwaitingApproval
        | Fact::Released { .. }
        | Fact::SentAgain { .. }
        | Fact::Retried { .. }
        | Fact::Swept { .. }
        | Fact::DecisionsAnchored { .. }
        | Fact::SetAdded { .. }
        | Fact::SetActivated { .. }
        | Fact::SetRefused { .. }
        | Fact::RolloutStarted { .. }
        | Fact::RolloutEnded { .. }
        | Fact::PolicyAdded { .. }
        | Fact::ChannelForgotten { .. } => return None,
    })
}
