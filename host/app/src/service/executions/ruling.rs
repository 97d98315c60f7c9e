//! What a round of policies means for an execution.

use uuid::Uuid;
use writ_core::combine::Denial;
use writ_core::execution::{Asking, Denied, Event, Reason, Ruling};
use writ_core::{BindingName, DecisionRecord, Outcome};

use super::super::round::Round;

/// The event that a round is.
pub(super) fn decided(round: &Round, record: &DecisionRecord, at_ms: u64) -> Event {
    Event::Decided {
        decision: record.id.clone(),
        policy_set: record.policy_set,
        ruling: ruling(&round.outcome),
        request: round.request.clone(),
        at_ms,
    }
}

fn ruling(outcome: &Outcome) -> Ruling {
    let denied = |reasons| Ruling::Denied(Denied { code: outcome.code().to_owned(), reasons });
    match outcome {
        Outcome::Allowed | Outcome::Amended => Ruling::Permitted,
        Outcome::ApprovalRequired(requirements) => {
            let asking = |(binding, requirement): &(BindingName, _)| Asking {
                approval: Uuid::now_v7().to_string(),
                binding: binding.clone(),
                requirement: writ_core::Requirement::clone(requirement),
            };
            Ruling::Asked(requirements.iter().map(asking).collect())
        }
        Outcome::Denied(Denial::ByPolicy(denials)) => {
            denied(denials.iter().map(|(binding, text)| reason(binding, text)).collect())
        }
        Outcome::Denied(Denial::ByFault(faults)) => {
            denied(faults.iter().map(|(binding, code)| reason(binding, code.as_str())).collect())
        }
        Outcome::Denied(Denial::AllAbstained | Denial::NoPolicyMatched) => denied(Vec::new()),
    }
}

fn reason(binding: &BindingName, text: &str) -> Reason {
    Reason { binding: binding.clone(), reason: text.to_owned() }
}
