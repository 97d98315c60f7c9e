//! What must come of a request, and what differs from it.
//!
//! What a case does not mention is not compared.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use writ_core::{BindingName, Outcome, PolicyRecord};

use super::Storage;
use super::json::{compare, equal};
use crate::config::wording;
use crate::service::Answer;

/// Any denial, whoever denies.
const DENIED: &str = "denied";
/// What is said of a binding whose policy was not asked.
const NOT_ASKED: &str = "none";
/// What a policy can say, as records name it.
const VERDICTS: [&str; 7] =
    ["abstain", "allow", "amend", "deny", "require-approval", "fault", NOT_ASKED];

/// What must come of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The outcome's code ([`Outcome::code`]), or `denied` for any denial.
    pub decision: Option<String>,
    /// The whole reason, as a caller reads it.
    pub reason: Option<String>,
    /// The whole properties of the action that may go on in place of the one that was asked for.
    pub amended: Option<Map<String, Value>>,
    /// Members of what people must do, by the binding that asks.
    pub requirements: BTreeMap<BindingName, Value>,
    /// What policies say, by binding.
    pub verdicts: BTreeMap<BindingName, Said>,
    /// Values that are stored once the decision is kept.
    pub storage: Storage,
}

/// What one policy must say: the verdict alone, or more of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// `abstain`, `allow`, `amend`, `deny`, `require-approval`, `fault`, or `none` where the binding
    /// does not match.
    Verdict(String),
    /// The verdict and what is beside it.
    Whole(SaidWhole),
}

/// What one policy must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidWhole {
    verdict: String,
    /// The whole reason of a denial.
    #[serde(default)]
    reason: Option<String>,
    /// The fault's code.
    #[serde(default)]
    fault: Option<String>,
    /// Members of the annotations.
    #[serde(default)]
    annotations: Option<Value>,
}

impl Expect {
    /// Refuses names that nothing can have.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(decision) = &self.decision {
            let known = Outcome::CODES.iter().copied().chain([DENIED]);
            known_name("decision", decision, known)?;
        }
        self.verdicts.values().try_for_each(|said| known_name("verdict", said.verdict(), VERDICTS))
    }

    /// What differs in a decision, a sentence each.
    pub(super) fn differences(&self, answer: &Answer) -> Vec<String> {
        let mut found = Vec::new();
        self.compare_decision(answer, &mut found);
        for (binding, part) in &self.requirements {
            match requirement(&answer.outcome, binding) {
                Some(actual) => {
                    compare(&actual, part, &format!("requirements.{binding}"), &mut found)
                }
                None => found.push(format!("`{binding}` asks nobody")),
            }
        }
        for (binding, said) in &self.verdicts {
            let record = answer.policies.iter().find(|record| record.binding == *binding);
            said.compare(binding, record, &mut found);
        }
        found
    }

    fn compare_decision(&self, answer: &Answer, found: &mut Vec<String>) {
        let (code, reason) = (answer.outcome.code(), answer.reason());
        if let Some(decision) = &self.decision {
            let is_denied = matches!(answer.outcome, Outcome::Denied(_));
            if decision != code && !(decision == DENIED && is_denied) {
                let why = reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                found.push(format!("the decision is `{code}`{why}, not `{decision}`"));
            }
        }
        if let Some(expected) = &self.reason
            && reason.as_ref() != Some(expected)
        {
            let reason =
                reason.map_or("no reason is given".into(), |it| format!("the reason is `{it}`"));
            found.push(format!("{reason}, not `{expected}`"));
        }
        if let Some(expected) = &self.amended {
            let expected = Value::Object(expected.clone());
            match answer.amended.as_ref().map(|action| action.properties.to_value()) {
                Some(actual) if equal(&actual, &expected) => {}
                Some(actual) => found.push(format!("amended is {actual}, not {expected}")),
                None => found.push("the action is not amended".into()),
            }
        }
    }
}

impl Said {
    fn verdict(&self) -> &str {
        match self {
            Self::Verdict(verdict) | Self::Whole(SaidWhole { verdict, .. }) => verdict,
        }
    }

    fn compare(
        &self,
        binding: &BindingName,
        record: Option<&PolicyRecord>,
        found: &mut Vec<String>,
    ) {
        let expected = self.verdict();
        let verdict = record.map_or(NOT_ASKED, |record| record.verdict.as_str());
        if verdict != expected {
            let why = record.and_then(|record| record.reason.as_ref());
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            found.push(format!("the verdict of `{binding}` is `{verdict}`{why}, not `{expected}`"));
            return;
        }
        let (Self::Whole(said), Some(record)) = (self, record) else { return };
        let text = |of: &Option<String>| of.as_ref().map_or("none".into(), |it| format!("`{it}`"));
        if said.reason.is_some() && said.reason != record.reason {
            let (actual, expected) = (text(&record.reason), text(&said.reason));
            found.push(format!("the reason of `{binding}` is {actual}, not {expected}"));
        }
        let fault = record.fault.map(|code| code.as_str().to_owned());
        if said.fault.is_some() && said.fault != fault {
            let (actual, expected) = (text(&fault), text(&said.fault));
            found.push(format!("the fault of `{binding}` is {actual}, not {expected}"));
        }
        if let Some(part) = &said.annotations {
            let nothing = Value::Object(Map::new());
            let actual = record.annotations.as_ref().unwrap_or(&nothing);
            compare(actual, part, &format!("annotations of {binding}"), found);
        }
    }
}

fn known_name<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Result<(), String> {
    if known.clone().into_iter().any(|known| known == name) {
        return Ok(());
    }
    Err(format!("there is no {what} `{name}`\nhint: {}", wording::suggest(name, known)))
}

/// What a binding asks people for, in the names of settings.
fn requirement(outcome: &Outcome, binding: &BindingName) -> Option<Value> {
    let Outcome::ApprovalRequired(requirements) = outcome else { return None };
    let (_, requirement) = requirements.iter().find(|(asks, _)| asks == binding)?;
    Some(serde_json::to_value(requirement).expect("texts and small numbers are JSON"))
}
