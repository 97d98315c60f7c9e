//! What callers and people intend with an execution, and so how it must end.

use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// A plain question, which makes no execution.
    Question,
    /// No policy allows it.
    Denied,
    /// The second stage says no.
    Rejected,
    /// Nobody answers in time.
    Expired,
    /// It is called off while people are asked.
    Cancelled,
    /// Two stages agree, and its requester carries it out.
    Carried(Carried),
    /// A tool of the host asks twice and counts in its storage; the first may say no.
    Payout { rejected: bool },
    /// A tool of the host calls itself, as deep as it may.
    Nested,
    /// The host calls an endpoint; one that may be called again, or not.
    Called { repeatable: bool },
}

/// What its requester tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    Succeeded,
    Failed,
    /// Nothing: it dies after the effect.
    Forgotten,
    /// Nothing, and an operator does later.
    Resolved,
}

/// Those that are soon over are tried more often.
const PLANS: &[Plan] = &[
    Plan::Question,
    Plan::Denied,
    Plan::Rejected,
    Plan::Expired,
    Plan::Cancelled,
    Plan::Carried(Carried::Succeeded),
    Plan::Carried(Carried::Succeeded),
    Plan::Carried(Carried::Succeeded),
    Plan::Carried(Carried::Failed),
    Plan::Carried(Carried::Forgotten),
    Plan::Carried(Carried::Resolved),
    Plan::Payout { rejected: false },
    Plan::Payout { rejected: false },
    Plan::Payout { rejected: true },
    Plan::Nested,
    Plan::Called { repeatable: true },
    Plan::Called { repeatable: false },
    Plan::Called { repeatable: false },
];

impl Plan {
    pub(crate) fn random(random: &mut Random) -> Self {
        random.one_of(PLANS)
    }

    /// How the execution must end. `is_lost` says that it was begun, and whoever began it never
    /// learnt what became of it.
    pub(crate) fn end(self, is_lost: bool) -> &'static str {
        match self {
            Self::Question => "no execution",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Carried(Carried::Resolved) => "succeeded",
            Self::Carried(_) if is_lost => "unknown",
            Self::Carried(Carried::Succeeded) => "succeeded",
            Self::Carried(Carried::Failed) => "failed",
            Self::Carried(Carried::Forgotten) => "unknown",
            Self::Called { repeatable: false } if is_lost => "unknown",
            Self::Payout { rejected: true } => "failed",
            Self::Payout { rejected: false } | Self::Nested | Self::Called { .. } => "succeeded",
        }
    }
}
