//! What becomes of a decision where another policy set makes it.

use serde::{Deserialize, Serialize};
use writ_core::combine::Denial;
use writ_core::{Json, Outcome};

/// What becomes of a decision under another set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is what it was.
    Same,
    /// It is denied, and was not.
    NewDenial,
    /// It may go on, and might not, or not without people.
    NewAllow,
    /// People are asked, and were not.
    NewApproval,
    /// It is denied since a policy gives no verdict, and was not.
    NewFault,
    /// It is denied as it was, by another policy or for another reason.
    OtherReason,
    /// People are asked as they were, and others, or something else.
    OtherRequirement,
    /// It may go on as it might, as another action.
    OtherAction,
    /// A policy asks the store for something that was not recorded: nobody can tell.
    Unrecorded,
    /// What was decided cannot be decided again.
    Unrepeatable,
}

impl Change {
    /// Each, in the order in which they are told.
    pub const ALL: [Self; 10] = [
        Self::Same,
        Self::NewDenial,
        Self::NewAllow,
        Self::NewApproval,
        Self::NewFault,
        Self::OtherReason,
        Self::OtherRequirement,
        Self::OtherAction,
        Self::Unrecorded,
        Self::Unrepeatable,
    ];
    /// What becomes of those that can be decided again.
    pub const DECIDED: &[Self] = Self::ALL.split_at(8).0;

    /// Its name in answers, metrics, options and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::NewDenial => "new-denial",
            Self::NewAllow => "new-allow",
            Self::NewApproval => "new-approval",
            Self::NewFault => "new-fault",
            Self::OtherReason => "other-reason",
            Self::OtherRequirement => "other-requirement",
            Self::OtherAction => "other-action",
            Self::Unrecorded => "unrecorded",
            Self::Unrepeatable => "unrepeatable",
        }
    }

    /// From one outcome's code to another outcome: what it means for who asks.
    pub fn of_code(then: &str, now: &Outcome) -> Self {
        let permitted = [Outcome::Allowed.code(), Outcome::Amended.code()].contains(&then);
        let asked = then == Outcome::ApprovalRequired(Vec::new()).code();
        match now {
            Outcome::Allowed | Outcome::Amended if permitted => Self::Same,
            Outcome::Allowed | Outcome::Amended => Self::NewAllow,
            Outcome::ApprovalRequired(_) if asked => Self::Same,
            Outcome::ApprovalRequired(_) => Self::NewApproval,
            Outcome::Denied(_) if !permitted && !asked => Self::Same,
            Outcome::Denied(Denial::ByFault(_)) => Self::NewFault,
            Outcome::Denied(_) => Self::NewDenial,
        }
    }

    /// From one outcome, and the action's properties that it left, to others.
    pub fn between(then: (&Outcome, &Json), now: (&Outcome, &Json)) -> Self {
        match Self::of_code(then.0.code(), now.0) {
            Self::Same => Self::within(then, now),
            change => change,
        }
    }

    /// What differs where who asks is told the same.
    fn within((then, before): (&Outcome, &Json), (now, after): (&Outcome, &Json)) -> Self {
        match now {
            Outcome::Allowed | Outcome::Amended if before == after => Self::Same,
            Outcome::Allowed | Outcome::Amended => Self::OtherAction,
            _ if then == now => Self::Same,
            Outcome::ApprovalRequired(_) => Self::OtherRequirement,
            Outcome::Denied(_) => Self::OtherReason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::FaultCode;

    fn denied(reason: &str) -> Outcome {
        Outcome::Denied(Denial::ByPolicy(vec![("p".parse().unwrap(), reason.to_owned())]))
    }

    fn faulted() -> Outcome {
        Outcome::Denied(Denial::ByFault(vec![("p".parse().unwrap(), FaultCode::Trap)]))
    }

    #[test]
    fn a_change_is_told_by_what_it_means_for_who_asks() {
        let asked = Outcome::ApprovalRequired(Vec::new());
        for (then, now, expected) in [
            ("allowed", &Outcome::Amended, Change::Same),
            ("amended", &Outcome::Amended, Change::Same),
            ("amended", &Outcome::Allowed, Change::Same),
            ("denied-by-fault", &asked, Change::NewApproval),
            ("allowed", &denied("a"), Change::NewDenial),
            ("approval-required", &denied("a"), Change::NewDenial),
            ("amended", &faulted(), Change::NewFault),
            ("denied-by-policy", &faulted(), Change::Same),
            ("denied-by-policy", &Outcome::Allowed, Change::NewAllow),
            ("approval-required", &Outcome::Allowed, Change::NewAllow),
            ("allowed", &asked, Change::NewApproval),
            ("approval-required", &asked, Change::Same),
        ] {
            assert_eq!(Change::of_code(then, now), expected, "{then}");
        }
    }

    #[test]
    fn reasons_requirements_and_actions_are_compared() {
        let (one, two) = (Json::parse("1").unwrap(), Json::parse("2").unwrap());
        let between = |then: &Outcome, now: &Outcome| Change::between((then, &one), (now, &one));
        assert_eq!(between(&denied("a"), &denied("a")), Change::Same);
        assert_eq!(between(&denied("a"), &denied("b")), Change::OtherReason);
        assert_eq!(between(&denied("a"), &faulted()), Change::OtherReason);
        let requirement = writ_core::Requirement {
            title: "t".into(),
            reason: String::new(),
            stages: Vec::new(),
            allow_self_approval: false,
            reason_required: false,
        };
        let asked = Outcome::ApprovalRequired(vec![("p".parse().unwrap(), requirement)]);
        assert_eq!(between(&asked, &asked), Change::Same);
        let other = between(&Outcome::ApprovalRequired(Vec::new()), &asked);
        assert_eq!(other, Change::OtherRequirement);
        let amended = Outcome::Amended;
        assert_eq!(Change::between((&amended, &one), (&amended, &one)), Change::Same);
        assert_eq!(Change::between((&amended, &one), (&amended, &two)), Change::OtherAction);
    }

    #[test]
    fn a_change_has_the_name_that_is_written() {
        for change in Change::ALL {
            assert_eq!(serde_json::to_value(change).unwrap(), change.name());
        }
    }
}
