//! Case files: what a policy must answer, as data.
//!
//! The same files run natively, against the Wasm component, and against policies in other
//! languages that do the same, so they know nothing of Rust. A file holds one case or an array of
//! them:
//!
//! ```json
//! {
//!   "name": "the third call within a minute is denied",
//!   "settings": {"limit": 2, "window-seconds": 60, "on-within": "allow"},
//!   "commit": "on-permit",
//!   "steps": [
//!     {
//!       "at_ms": 1000,
//!       "request": {
//!         "subject": {"type": "user", "id": "alice"},
//!         "action": {"name": "pay", "properties": {"amount": 1}},
//!         "resource": {"type": "account", "id": "7"}
//!       },
//!       "expect": {"verdict": "allow", "annotations": {"remaining": 1}}
//!     }
//!   ]
//! }
//! ```
//!
//! - `name`: a sentence. `settings`: what `configure` gets. A case with `refused` in place of
//!   `steps` says that `configure` must fail with a text that contains it.
//! - `commit`: `on-permit` (the default) keeps a step's writes if its verdict is allow or amend;
//!   `always` keeps them all. Storage persists over the steps of a case, and begins empty.
//! - `at_ms`: the instant of the request, in milliseconds since the Unix epoch; as the step
//!   before (the first: 0) where it is left out.
//! - `has_begun`: true says that the action was allowed before, as of a tool that goes on after a
//!   wait. What is written in such a step is never kept.
//! - `expect.verdict` is compared exactly, and so are `reason` (of a denial) and `patch` where
//!   they are given. `requirement` and `annotations` name what must be there: each member must be
//!   equal, and objects are compared in the same way; arrays must have the same length.
//! - `expect` may hold `fault` in place of `verdict`: `evaluate` must return an error that
//!   contains this text.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One story about one policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// What `configure` gets.
    pub settings: Value,
    /// When writes to storage are kept.
    #[serde(default)]
    pub commit: Commit,
    /// A part of the text with which `configure` must refuse the settings; such a case has no
    /// steps.
    #[serde(default)]
    pub refused: Option<String>,
    /// In order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// When writes to storage are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commit {
    /// If the verdict lets the action go on.
    #[default]
    OnPermit,
    /// Whatever the verdict is.
    Always,
}

/// One request and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Milliseconds since the Unix epoch; none: as the step before.
    #[serde(default)]
    pub at_ms: Option<u64>,
    /// Whether the action was allowed before; then nothing that is written is kept.
    #[serde(default)]
    pub has_begun: bool,
    /// In AuthZEN's shape.
    pub request: CaseRequest,
    /// What must come of it.
    pub expect: Expect,
}

/// A request in AuthZEN's shape.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRequest {
    /// Who wants to act.
    pub subject: CaseEntity,
    /// What they want to do.
    pub action: CaseAction,
    /// On what.
    pub resource: CaseEntity,
    /// Everything else.
    #[serde(default)]
    pub context: Map<String, Value>,
}

/// A subject or a resource.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseEntity {
    /// Never empty.
    #[serde(rename = "type")]
    pub kind: String,
    /// Never empty.
    pub id: String,
    /// What is told about it.
    #[serde(default)]
    pub properties: Map<String, Value>,
}

/// An action.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseAction {
    /// Never empty.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub properties: Map<String, Value>,
}

/// What must come of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `abstain`, `allow`, `amend`, `deny` or `require-approval`; none only beside `fault`.
    #[serde(default)]
    pub verdict: Option<String>,
    /// The whole reason of a denial.
    #[serde(default)]
    pub reason: Option<String>,
    /// The whole patch of an amendment.
    #[serde(default)]
    pub patch: Option<Value>,
    /// Members of the requirement, named as settings name them.
    #[serde(default)]
    pub requirement: Option<Value>,
    /// Members of the annotations.
    #[serde(default)]
    pub annotations: Option<Value>,
    /// A part of the text of the error that `evaluate` must return.
    #[serde(default)]
    pub fault: Option<String>,
}

/// Parses a case file: one case or an array of cases.
///
/// # Errors
/// Where the text is neither; the text says where.
pub fn parse_cases(text: &str) -> Result<Vec<Case>, serde_json::Error> {
    if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|case| vec![case])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = r#"{
        "request": {"subject": {"type": "u", "id": "1"}, "action": {"name": "a"},
                    "resource": {"type": "r", "id": "2"}},
        "expect": {"verdict": "allow"}
    }"#;

    #[test]
    fn a_file_holds_one_case_or_several() {
        let one = format!(r#"{{"name": "n", "settings": {{}}, "steps": [{STEP}]}}"#);
        assert_eq!(parse_cases(&one).unwrap().len(), 1);
        assert_eq!(parse_cases(&format!("[{one}, {one}]")).unwrap().len(), 2);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let text = r#"{"name": "n", "settings": {}, "step": []}"#;
        assert!(parse_cases(text).unwrap_err().to_string().contains("unknown field `step`"));
    }
}
