//! How the verdicts of a policy set become one decision.
//!
//! Deny overrides (XACML 3.0, appendix C.2, with a fault counted as a denial), then
//! `require-approval`, then `amend`, then `allow`; if nobody allowed, the action is denied. To amend is
//! not to allow: who masks an argument of an action that nobody knows has not said that it may go on.

use crate::binding::{BindingName, Mode};
use crate::digest::Digest;
use crate::fault::{Fault, FaultCode};
use crate::request::Request;
use crate::requirement::Requirement;
use crate::verdict::{PolicyDecision, Verdict};

/// The decision of a whole policy set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The action may go on as asked.
    Allowed,
    /// The action may go on, with the properties of the amended request.
    Amended,
    /// The action may not go on.
    Denied(Denial),
    /// The action may go on once people have met each of these requirements.
    ApprovalRequired(Vec<(BindingName, Requirement)>),
}

/// Why an action is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// At least one policy denied.
    ByPolicy(Vec<(BindingName, String)>),
    /// No policy denied, but at least one gave no verdict.
    ByFault(Vec<(BindingName, FaultCode)>),
    /// No policy allowed it: every one abstained, or amended it and no more.
    AllAbstained,
    /// No binding matches the request.
    NoPolicyMatched,
}

impl Outcome {
    /// Whether the action may go on now.
    pub fn permits(&self) -> bool {
        match self {
            Self::Allowed | Self::Amended => true,
            Self::Denied(_) | Self::ApprovalRequired(_) => false,
        }
    }

    /// The stable code of the outcome in answers, metrics and records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Amended => "amended",
            Self::ApprovalRequired(_) => "approval-required",
            Self::Denied(Denial::ByPolicy(_)) => "denied-by-policy",
            Self::Denied(Denial::ByFault(_)) => "denied-by-fault",
            Self::Denied(Denial::AllAbstained) => "all-abstained",
            Self::Denied(Denial::NoPolicyMatched) => "no-policy-matched",
        }
    }

    /// Every code, for closed label sets.
    pub const CODES: &'static [&'static str] = &[
        "allowed",
        "amended",
        "approval-required",
        "denied-by-policy",
        "denied-by-fault",
        "all-abstained",
        "no-policy-matched",
    ];
}

/// Collects verdicts in binding order, and holds the request as the next policy sees it.
#[derive(Debug)]
pub struct Verdicts {
    request: Request,
    digest: Digest,
    matched: bool,
    allowed: bool,
    amended: bool,
    denials: Vec<(BindingName, String)>,
    faults: Vec<(BindingName, FaultCode)>,
    requirements: Vec<(BindingName, Requirement)>,
}

impl Verdicts {
    /// Nothing has been said of the request yet, which has a digest.
    pub fn new(request: Request, digest: Digest) -> Self {
        Self {
            request,
            digest,
            matched: false,
            allowed: false,
            amended: false,
            denials: Vec::new(),
            faults: Vec::new(),
            requirements: Vec::new(),
        }
    }

    /// The request as the next policy sees it: with every amendment so far.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Digest of that request's canonical JSON.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether an amendment has changed the request.
    pub fn is_amended(&self) -> bool {
        self.amended
    }

    /// Counts what a binding's policy said. A shadow verdict changes nothing.
    ///
    /// # Errors
    /// Where the policy's amendment gives no acceptable action: the fault, which is counted.
    pub fn add(
        &mut self,
        binding: &BindingName,
        mode: Mode,
        result: Result<&PolicyDecision, &Fault>,
    ) -> Result<(), Fault> {
        if mode == Mode::Shadow {
            return Ok(());
        }
        self.matched = true;
        let named = || binding.clone();
        match result.map(|decision| &decision.verdict) {
            Err(fault) => self.faults.push((named(), fault.code)),
            Ok(Verdict::Abstain) => {}
            Ok(Verdict::Allow) => self.allowed = true,
            Ok(Verdict::Deny { reason }) => self.denials.push((named(), reason.clone())),
            Ok(Verdict::RequireApproval { requirement }) => {
                self.requirements.push((named(), requirement.clone()));
            }
            Ok(Verdict::Amend { patch }) => match self.request.amended(patch) {
                Ok(request) => {
                    if request != self.request {
                        self.amended = true;
                        self.digest = request.digest();
                    }
                    self.request = request;
                }
                Err(error) => {
                    let code = FaultCode::AmendmentInvalid;
                    self.faults.push((named(), code));
                    return Err(Fault::new(code, format!("the amended action {error}")));
                }
            },
        }
        Ok(())
    }

    /// The decision, and the request as it was amended.
    pub fn combine(self) -> (Outcome, Request) {
        let outcome = if !self.matched {
            Outcome::Denied(Denial::NoPolicyMatched)
        } else if !self.denials.is_empty() {
            Outcome::Denied(Denial::ByPolicy(self.denials))
        } else if !self.faults.is_empty() {
            Outcome::Denied(Denial::ByFault(self.faults))
        } else if !self.requirements.is_empty() {
            Outcome::ApprovalRequired(self.requirements)
        } else if !self.allowed {
            Outcome::Denied(Denial::AllAbstained)
        } else if self.amended {
            Outcome::Amended
        } else {
            Outcome::Allowed
        };
        (outcome, self.request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Disposition, Entity, Json, Stage};
    use proptest::prelude::*;

    fn request() -> Request {
        let entity = |kind: &str, id: &str| Entity {
            kind: kind.into(),
            id: id.into(),
            properties: Json::empty_object(),
        };
        Request {
            subject: entity("agent", "a1"),
            action: Action {
                name: "pay".into(),
                properties: Json::parse(r#"{"amount":10}"#).unwrap(),
            },
            resource: entity("account", "x"),
            context: Json::empty_object(),
        }
    }

    fn requirement() -> Requirement {
        Requirement {
            title: "t".into(),
            reason: String::new(),
            stages: vec![Stage {
                approvers: vec!["user:ann".into()],
                quorum: 1,
                expires_after_seconds: 60,
                on_expiry: Disposition::Deny,
            }],
            allow_self_approval: false,
            reason_required: false,
        }
    }

    /// Some verdict or fault, numbered: 0 abstain, 1 allow, 2 amend, 3 ask, 4 deny, 5 fault.
    fn said(what: u8) -> Result<PolicyDecision, Fault> {
        let verdict = match what {
            0 => Verdict::Abstain,
            1 => Verdict::Allow,
            2 => Verdict::Amend { patch: Json::parse(r#"{"amount":5}"#).unwrap() },
            3 => Verdict::RequireApproval { requirement: requirement() },
            4 => Verdict::Deny { reason: "no".into() },
            _ => return Err(Fault::new(FaultCode::Trap, "trapped")),
        };
        Ok(PolicyDecision { verdict, annotations: Json::empty_object() })
    }

    fn combine(said_in_order: &[(u8, Mode)]) -> (&'static str, Request) {
        let mut verdicts = Verdicts::new(request(), request().digest());
        for &(what, mode) in said_in_order {
            let result = said(what);
            let _ = verdicts.add(&"b".parse().unwrap(), mode, result.as_ref());
        }
        let (outcome, request) = verdicts.combine();
        (outcome.code(), request)
    }

    fn check(enforced: &[u8], code: &str) {
        let enforced: Vec<_> = enforced.iter().map(|&what| (what, Mode::Enforce)).collect();
        assert_eq!(combine(&enforced).0, code, "{enforced:?}");
    }

    #[test]
    fn the_strictest_verdict_wins() {
        check(&[1, 2, 3, 5, 4], "denied-by-policy");
        check(&[1, 2, 3, 5], "denied-by-fault");
        check(&[1, 2, 3, 0], "approval-required");
        check(&[1, 2, 0], "amended");
        check(&[0, 1], "allowed");
    }

    #[test]
    fn nobody_allowing_is_a_denial() {
        check(&[0, 0], "all-abstained");
        check(&[2, 0], "all-abstained");
        check(&[2, 3], "approval-required");
        check(&[], "no-policy-matched");
    }

    #[test]
    fn an_amendment_that_gives_no_object_is_a_fault() {
        let patch = Json::parse("[1]").unwrap();
        let decision =
            PolicyDecision { verdict: Verdict::Amend { patch }, annotations: Json::empty_object() };
        let mut verdicts = Verdicts::new(request(), request().digest());
        let fault = verdicts.add(&"b".parse().unwrap(), Mode::Enforce, Ok(&decision)).unwrap_err();
        assert_eq!(fault.code, FaultCode::AmendmentInvalid);
        assert_eq!(verdicts.combine().0.code(), "denied-by-fault");
    }

    #[test]
    fn an_amendment_that_changes_nothing_is_none() {
        let patch = Json::parse(r#"{"amount":10}"#).unwrap();
        let decision =
            PolicyDecision { verdict: Verdict::Amend { patch }, annotations: Json::empty_object() };
        let mut verdicts = Verdicts::new(request(), request().digest());
        verdicts.add(&"b".parse().unwrap(), Mode::Enforce, Ok(&decision)).unwrap();
        verdicts.add(&"c".parse().unwrap(), Mode::Enforce, said(1).as_ref()).unwrap();
        assert_eq!(verdicts.combine().0, Outcome::Allowed);
    }

    #[test]
    fn the_digest_is_the_one_of_what_the_next_policy_is_asked() {
        let mut verdicts = Verdicts::new(request(), request().digest());
        for (amount, is_another) in [("10", false), ("7", true)] {
            let patch = Json::parse(&format!(r#"{{"amount":{amount}}}"#)).unwrap();
            let annotations = Json::empty_object();
            let decision = PolicyDecision { verdict: Verdict::Amend { patch }, annotations };
            verdicts.add(&"b".parse().unwrap(), Mode::Enforce, Ok(&decision)).unwrap();
            assert_eq!(*verdicts.digest(), verdicts.request().digest());
            assert_eq!(*verdicts.digest() != request().digest(), is_another);
        }
    }

    proptest! {
        #[test]
        fn a_shadow_changes_nothing(
            said in prop::collection::vec((0u8..6, any::<bool>()), 0..8),
        ) {
            let mode = |shadow| if shadow { Mode::Shadow } else { Mode::Enforce };
            let all: Vec<_> = said.iter().map(|&(what, shadow)| (what, mode(shadow))).collect();
            let enforced: Vec<_> =
                all.iter().copied().filter(|(_, mode)| *mode == Mode::Enforce).collect();
            prop_assert_eq!(combine(&all), combine(&enforced));
        }

        #[test]
        fn adding_a_denial_never_permits(said in prop::collection::vec(0u8..6, 0..8), at in 0usize..8) {
            let mut with_denial = said;
            with_denial.insert(at.min(with_denial.len()), 4);
            check(&with_denial, "denied-by-policy");
        }
    }
}
