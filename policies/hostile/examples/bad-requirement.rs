//! Asks for an approval that nobody can give: a stage without approvers and with a quorum of 0.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::{Decision, Verdict};
use writ_hostile::bindings::writ::host::types::{Disposition, Requirement, Stage};
use writ_hostile::{Request, Rule, decide};

struct BadRequirement;

impl Rule for BadRequirement {
    const NAME: &str = "bad-requirement";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        Ok(decide(Verdict::RequireApproval(Requirement {
            title: "Approve by silence".to_owned(),
            reason: "nobody is asked, so nobody says no".to_owned(),
            stages: vec![Stage {
                approvers: Vec::new(),
                quorum: 0,
                expires_after_seconds: 1,
                on_expiry: Disposition::Approve,
            }],
            allow_self_approval: true,
            reason_required: false,
        })))
    }
}

writ_hostile::guest!(BadRequirement);
