//! Cases: what a policy set must answer, in files beside its configuration.
//!
//! A case is a story: what is given, then one request after the other, each with its instant and
//! what must come of it. Time is what the case says, storage is in memory and begins as the case
//! says, so a month passes in a millisecond and nothing that lasts is touched. What evaluates,
//! combines and keeps is the same code that serves.
//!
//! A file is TOML, a list `[[case]]`, or JSON, one case or an array of them:
//!
//! ```toml
//! [[case]]
//! name = "the budget of a day is spent once"
//! given.at = "2026-11-22T09:00:00Z"
//! given.storage.budget = { "some/key" = "100" }
//!
//! [[case.steps]]
//! after_seconds = 86_400
//! request.subject = { type = "agent", id = "a1" }
//! request.action = { name = "pay", properties = { amount = 10 } }
//! request.resource = { type = "account", id = "7" }
//! expect = { decision = "allowed", verdicts.budget = "allow" }
//! ```

mod expect;
mod file;
mod given;
mod json;
mod raw;
mod run;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use writ_core::ports::About;
use writ_core::{Approval, BindingName, Request};

pub use expect::Expect;
pub use file::{CaseFile, files, parse_all, read};
pub use run::{Report, run};

/// One story about a policy set.
#[derive(Debug)]
pub struct Case {
    /// The file that holds it, from the configuration's directory on.
    pub file: String,
    /// A sentence.
    pub name: String,
    /// What there is before the first step.
    pub given: Given,
    /// In order; never empty.
    pub steps: Vec<Step>,
}

/// What there is before the first step of a case.
#[derive(Debug, Default)]
pub struct Given {
    /// What policies have stored, by binding and key.
    pub storage: Storage,
    /// What people were asked before, and about what.
    pub approvals: Vec<(About, Approval)>,
}

/// Values by binding and key. A text stands for itself, any other value for its JSON, and `null` for
/// a key that is not there.
pub type Storage = BTreeMap<BindingName, BTreeMap<String, Value>>;

/// One request, and what must come of it.
#[derive(Debug)]
pub struct Step {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What is asked.
    pub request: Request,
    /// What must come of it.
    pub expect: Expect,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// The case's file.
    pub file: String,
    /// The case's name.
    pub name: String,
    /// The first step that differs, from 1; none where all hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// What differs there, a sentence each.
    pub differences: Vec<String>,
}

impl CaseReport {
    /// Whether everything came as the case says.
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Case {
    /// Whether its file's name or its own name contains a text, whatever the case of its letters.
    pub fn is_about(&self, text: &str) -> bool {
        let contains = |of: &str| of.to_lowercase().contains(&text.to_lowercase());
        contains(&self.file) || contains(&self.name)
    }
}
