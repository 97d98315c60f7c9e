//! What callers were told of one execution, and what they did.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::plan::Plan;
use crate::world::text;

/// Everything that was answered about an execution, and what was done about it outside of the host.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) plan: Plan,
    /// What led to it, to be had again.
    pub(crate) origin: String,
    /// The caller's key for it, and what was sent with it.
    pub(crate) key: String,
    pub(crate) question: String,
    /// Its id; empty where the plan makes none.
    pub(crate) id: String,
    pub(crate) answers: Vec<Answered>,
    /// How many claims were answered with a permit.
    pub(crate) permits: usize,
    /// How often what people agreed to was done: counted where it is done.
    pub(crate) effects: usize,
}

/// What one answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) version: u64,
    pub(crate) status: String,
    /// Who had said what in which approval.
    pub(crate) votes: BTreeSet<String>,
}

impl Answered {
    /// What an answer says of an execution.
    pub(crate) fn of(execution: &Value) -> Self {
        let approvals = execution["approvals"].as_array().unwrap();
        let votes = approvals.iter().flat_map(|approval| {
            let votes = approval["votes"].as_array().unwrap().iter();
            votes.map(|vote| format!("{}: {vote}", approval["id"]))
        });
        Self {
            version: execution["version"].as_u64().unwrap(),
            status: text(&execution["status"]),
            votes: votes.collect(),
        }
    }

    /// Whether what this says still holds in what is said later.
    pub(crate) fn holds_in(&self, later: &Self) -> bool {
        let is_same = self.version == later.version;
        self.version <= later.version
            && (!is_same || self == later)
            && may_lead(&self.status, &later.status)
            && self.votes.is_subset(&later.votes)
    }
}

/// Whether an execution of one status may ever have another.
fn may_lead(from: &str, to: &str) -> bool {
    let mut reached = BTreeSet::from([from]);
    let mut todo = vec![from];
    while let Some(status) = todo.pop() {
        todo.extend(next(status).iter().filter(|status| reached.insert(status)));
    }
    reached.contains(to)
}

/// As `writ_core::execution::Status` says of each.
fn next(status: &str) -> &'static [&'static str] {
    match status {
        "awaiting-approval" => &["rejected", "expired", "cancelled", "allowed"],
        "allowed" => &["running", "expired", "cancelled", "denied", "awaiting-approval"],
        "running" => &["succeeded", "failed", "unknown", "suspended"],
        "suspended" => &["running", "cancelled"],
        "unknown" => &["succeeded", "failed"],
        _ => &[],
    }
}
