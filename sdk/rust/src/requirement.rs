//! What people must do before an action may go on, in the form that settings write it.
//!
//! A policy's settings hold a requirement with what is fixed (who, how many, how long); the policy
//! fills in what depends on the request, which is the title and the reason.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::decision::REASON_CHARS_MAX;
use crate::text::clip;

/// The longest title of a requirement, in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// How long an approver may be, in bytes: no longer name is anybody's.
const APPROVER_BYTES_MAX: usize = 262;

/// What happens when a stage ends without enough votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// The action is denied.
    #[default]
    Deny,
    /// The next stage is asked; in the last stage the action is denied.
    Escalate,
    /// The action goes on without an answer.
    Approve,
}

/// One group of people who are asked together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stage {
    /// Who may decide: `user:ID` or `group:ID`; 1 to 64 of them.
    pub approvers: Vec<String>,
    /// How many distinct people must say yes; at least 1, which is the default.
    #[serde(default = "one")]
    pub quorum: u32,
    /// How long the stage stays open, in seconds: 1 to a year; a day by default.
    #[serde(default = "a_day")]
    pub expires_after_seconds: u32,
    /// What happens then; `deny` by default.
    #[serde(default)]
    pub on_expiry: Disposition,
}

/// What people must do before an action may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Requirement {
    /// One line that an approver reads first; empty in settings: the policy writes one.
    #[serde(default)]
    pub title: String,
    /// Why approval is asked; empty in settings: the policy writes one.
    #[serde(default)]
    pub reason: String,
    /// Asked one after the other, and every one must agree; 1 to 8 of them.
    pub stages: Vec<Stage>,
    /// Whether the subject of the request, who sent it and who had it retried may be among its
    /// approvers; no by default.
    #[serde(default)]
    pub allow_self_approval: bool,
    /// Whether a vote must carry a reason; no by default.
    #[serde(default)]
    pub reason_required: bool,
}

impl Requirement {
    /// The same with a title and a reason where it has none; each is cut to what the contract
    /// allows.
    pub fn filled(&self, title: impl Into<String>, reason: impl Into<String>) -> Self {
        let or = |own: &String, other: String| if own.is_empty() { other } else { own.clone() };
        Self {
            title: clip(or(&self.title, title.into()), TITLE_CHARS_MAX),
            reason: clip(or(&self.reason, reason.into()), REASON_CHARS_MAX),
            ..self.clone()
        }
    }

    /// Refuses what the contract does not allow, so that a policy can do so in `configure` and
    /// not in each evaluation.
    ///
    /// # Errors
    /// Says which bound is broken.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=8).contains(&self.stages.len()) {
            return Err(format!("a requirement has 1 to 8 stages, not {}", self.stages.len()));
        }
        self.stages.iter().try_for_each(Stage::check)
    }
}

impl Stage {
    fn check(&self) -> Result<(), String> {
        const YEAR: u32 = 31_536_000;
        if !(1..=64).contains(&self.approvers.len()) {
            return Err(format!("a stage has 1 to 64 approvers, not {}", self.approvers.len()));
        }
        if let Some(other) = self.approvers.iter().find(|approver| !is_approver(approver)) {
            return Err(format!(
                "`{other}` is no approver\nhint: write `user:ID` or `group:ID`, of at most {APPROVER_BYTES_MAX} bytes"
            ));
        }
        if self.quorum == 0 {
            return Err("a quorum is at least 1".to_owned());
        }
        // One person under two spellings has one vote. The host knows more spellings than these.
        let users: Option<BTreeSet<String>> = self
            .approvers
            .iter()
            .map(|approver| approver.strip_prefix("user:").map(str::to_lowercase))
            .collect();
        if let Some(users) = users.map(|users| users.len())
            && self.quorum as usize > users
        {
            return Err(format!("a quorum of {} cannot be reached by {users} users", self.quorum));
        }
        if !(1..=YEAR).contains(&self.expires_after_seconds) {
            return Err(format!("a stage stays open for 1 to {YEAR} seconds"));
        }
        Ok(())
    }
}

fn is_approver(text: &str) -> bool {
    let id = text.strip_prefix("user:").or_else(|| text.strip_prefix("group:"));
    let is_name = |id: &str| !id.is_empty() && !id.chars().any(char::is_control);
    text.len() <= APPROVER_BYTES_MAX && id.is_some_and(is_name)
}

fn one() -> u32 {
    1
}

fn a_day() -> u32 {
    86_400
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn requirement(stages: Value) -> Requirement {
        serde_json::from_value(json!({"stages": stages})).unwrap()
    }

    #[test]
    fn what_settings_leave_out_is_the_careful_choice() {
        let asked = requirement(json!([{"approvers": ["group:ops"]}]));
        assert_eq!(asked.check(), Ok(()));
        assert!(!asked.allow_self_approval);
        assert_eq!(asked.stages[0].quorum, 1);
        assert_eq!(asked.stages[0].on_expiry, Disposition::Deny);
        assert_eq!(asked.stages[0].expires_after_seconds, 86_400);
    }

    #[test]
    fn a_title_of_the_settings_stays() {
        let mut asked = requirement(json!([{"approvers": ["group:ops"]}]));
        asked.title = "Pay?".to_owned();
        let filled = asked.filled("other", "x".repeat(3_000));
        assert_eq!(filled.title, "Pay?");
        assert_eq!(filled.reason.chars().count(), REASON_CHARS_MAX);
    }

    #[test]
    fn what_the_contract_does_not_allow_is_refused() {
        let cases = [
            (json!([]), "1 to 8 stages"),
            (json!([{"approvers": []}]), "1 to 64 approvers"),
            (json!([{"approvers": ["ops"]}]), "`ops` is no approver"),
            (json!([{"approvers": ["user:"]}]), "`user:` is no approver"),
            (json!([{"approvers": ["user:a"], "quorum": 0}]), "at least 1"),
            (json!([{"approvers": ["user:a\u{7}"]}]), "is no approver"),
            (json!([{"approvers": ["user:a"], "quorum": 2}]), "cannot be reached"),
            (json!([{"approvers": ["user:a", "user:A"], "quorum": 2}]), "reached by 1 users"),
            (json!([{"approvers": ["user:a"], "expires-after-seconds": 0}]), "1 to 31536000"),
        ];
        for (stages, text) in cases {
            let refused = requirement(stages).check().unwrap_err();
            assert!(refused.contains(text), "{refused}");
        }
    }
}
