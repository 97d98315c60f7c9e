//! What a transition of one execution calls for at another: at the one that called it, or at the one
//! that it has called.

use super::{Awaited, Execution, Status};

/// Something to be done at another execution. It is kept with the transition that calls for it, done
/// once or more often, and done again it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Whoever made a call is told that it has ended, if it has.
    TellCaller {
        /// The execution that called.
        caller: String,
        /// The execution that was called.
        call: String,
    },
    /// What an execution has called last is called off, unless it has ended.
    CallOff {
        /// The execution that called, and has ended.
        caller: String,
    },
}

impl Errand {
    /// What follows from an execution's next state; `before` is none where it is new.
    pub fn of_transition(before: Option<&Execution>, next: &Execution) -> Vec<Self> {
        let ends = next.has_come_to_an_end() && !before.is_some_and(Execution::has_come_to_an_end);
        if !ends {
            return Self::of_waiting(next).into_iter().collect();
        }
        let tells = next.parent.as_ref().map(|parent| Self::TellCaller {
            caller: parent.execution.clone(),
            call: next.id.clone(),
        });
        let may_have_called = match &next.status {
            // It has seen the end of all that it called.
            Status::Succeeded { .. } => false,
            _ => before.is_some_and(may_wait_for_a_call),
        };
        let calls_off = may_have_called.then(|| Self::CallOff { caller: next.id.clone() });
        tells.into_iter().chain(calls_off).collect()
    }

    /// What it waits for may have ended before it began to wait, and told nobody.
    fn of_waiting(next: &Execution) -> Option<Self> {
        match &next.status {
            Status::Suspended { awaits: Awaited::Execution { id, has_ended: false } } => {
                Some(Self::TellCaller { caller: next.id.clone(), call: id.clone() })
            }
            _ => None,
        }
    }

    /// The errand's name where it is kept.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TellCaller { .. } => "tell-caller",
            Self::CallOff { .. } => "call-off",
        }
    }
}

/// Whether a call of its tool may be under way.
fn may_wait_for_a_call(before: &Execution) -> bool {
    match &before.status {
        Status::Running { .. } => before.tool.is_some(),
        Status::Suspended { awaits: Awaited::Execution { has_ended, .. } } => !has_ended,
        _ => false,
    }
}
