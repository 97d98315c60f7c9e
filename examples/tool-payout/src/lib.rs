//! Pays out once two groups of people have agreed, one after the other.
//!
//! It is written as if nothing could happen in between, though each question may be open for a day
//! and the host may be killed at any point: the host runs it again from its start, and answers what
//! it was answered before.

use serde::{Deserialize, Serialize};
use writ_sdk::{Approval, ApprovalState, Disposition, Requirement, Stage, Storage, Tool, ToolHost};

/// See the module.
#[derive(Debug)]
pub struct Payout;

/// What is paid.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// To whom.
    payee: String,
    /// How much, in cents.
    cents: u64,
}

/// What became of it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Receipt {
    /// Which payout of this tenant it is.
    number: i64,
    /// How many were checked so far, with this one.
    checked: i64,
    /// How many were released so far, with this one.
    released: i64,
    /// Who agreed, in order.
    agreed: Vec<String>,
}

impl Tool for Payout {
    const NAME: &'static str = "payout";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Pays out, once the treasury has checked the payee and a director \
                                   has released the payment.";
    const INPUT_SCHEMA: &'static str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "payee": {"type": "string", "minLength": 1, "maxLength": 100},
            "cents": {"type": "integer", "minimum": 1, "maximum": 100000000}
        },
        "required": ["payee", "cents"],
        "additionalProperties": false
    }"#;
    type Arguments = Arguments;
    type Output = Receipt;

    fn call(
        Arguments { payee, cents }: Arguments,
        host: &impl ToolHost,
    ) -> Result<Receipt, String> {
        let number = host.increment("number", 1, None)?;
        note(host, number, "asked")?;
        let check = question("group:treasury", format!("Check the payee {payee}"));
        let mut agreed = agreement(&host.ask(&check)?, host, number)?;
        let checked = host.increment("checked", 1, None)?;
        note(host, number, "checked")?;
        let release = question("group:directors", format!("Release {cents} cents to {payee}"));
        agreed.extend(agreement(&host.ask(&release)?, host, number)?);
        let released = host.increment("released", 1, None)?;
        note(host, number, "released")?;
        Ok(Receipt { number, checked, released, agreed })
    }
}

writ_sdk::export_tool!(Payout);

fn question(approver: &str, title: String) -> Requirement {
    let stage = Stage {
        approvers: vec![approver.to_owned()],
        quorum: 1,
        expires_after_seconds: 86_400,
        on_expiry: Disposition::Deny,
    };
    Requirement {
        title,
        reason: "every payout is agreed to twice".to_owned(),
        stages: vec![stage],
        allow_self_approval: false,
        reason_required: false,
    }
}

/// Who agreed; an error where somebody said no, or nobody answered.
fn agreement(approval: &Approval, host: &impl Storage, number: i64) -> Result<Vec<String>, String> {
    let (word, text) = match approval.state {
        ApprovalState::Approved => {
            return Ok(approval.votes.iter().map(|vote| vote.approver.clone()).collect());
        }
        ApprovalState::Rejected => ("rejected", "somebody said no"),
        ApprovalState::Pending | ApprovalState::Expired | ApprovalState::Cancelled => {
            ("expired", "nobody answered in time")
        }
    };
    note(host, number, word)?;
    Err(format!("payout {number} is not released: {text}"))
}

fn note(host: &impl Storage, number: i64, state: &str) -> Result<(), String> {
    host.set(&format!("payout/{number}"), state.as_bytes(), None)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use writ_sdk::Vote;
    use writ_sdk::testing::TestHost;

    fn answered(state: ApprovalState) -> Approval {
        let approver = "user:ann".to_owned();
        let approved = state == ApprovalState::Approved;
        let vote = Vote { approver, approved, reason: None, at_ms: 1 };
        Approval { id: "a".to_owned(), state, votes: vec![vote] }
    }

    fn pay(host: &TestHost) -> Result<String, String> {
        writ_sdk::call_tool::<Payout>(r#"{"payee": "acme", "cents": 500}"#, host)
    }

    fn stored(host: &TestHost, key: &str) -> String {
        String::from_utf8(host.get(key).unwrap().unwrap().value).unwrap()
    }

    #[test]
    fn it_is_paid_once_both_have_agreed() {
        let host = TestHost::new();
        host.will_answer(answered(ApprovalState::Approved));
        host.will_answer(answered(ApprovalState::Approved));
        let receipt = pay(&host).unwrap();
        assert_eq!(
            receipt,
            r#"{"number":1,"checked":1,"released":1,"agreed":["user:ann","user:ann"]}"#
        );
        assert_eq!(host.asked().len(), 2);
        assert_eq!(stored(&host, "payout/1"), "released");
    }

    #[test]
    fn who_says_no_ends_it() {
        let host = TestHost::new();
        host.will_answer(answered(ApprovalState::Rejected));
        assert_eq!(pay(&host).unwrap_err(), "payout 1 is not released: somebody said no");
        assert_eq!(stored(&host, "payout/1"), "rejected");
        assert_eq!(host.get("checked"), Ok(None));
    }
}
