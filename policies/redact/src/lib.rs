//! `redact`: masks or removes arguments before an action goes on.
//!
//! Answers with an amendment where it changed anything, and has no opinion otherwise: whether the
//! action may go on at all is for other policies to say.

mod card;
mod digits;
mod email;
mod iban;
mod number;
mod patch;
mod pattern;
mod redaction;
mod settings;

use std::collections::BTreeMap;

use serde_json::Value;
use writ_sdk::{Decision, Host, Policy, Request};

pub use pattern::Find;
use redaction::Redaction;
pub use settings::Settings;

/// The policy.
#[derive(Debug)]
pub struct Redact {
    redactions: Vec<Redaction>,
}

impl Policy for Redact {
    const NAME: &'static str = "redact";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Masks or removes arguments before an action goes on.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let redactions = settings.redactions.into_iter().map(Redaction::try_from);
        Ok(Self { redactions: redactions.collect::<Result<_, _>>()? })
    }

    fn evaluate(&self, request: &Request, _host: &impl Host) -> Result<Decision, String> {
        if request.action.properties.is_empty() {
            return Ok(Decision::abstain());
        }
        let before = request.action.properties.object();
        let mut after = Value::Object(before.clone());
        let mut applied = BTreeMap::<_, u64>::new();
        for redaction in &self.redactions {
            let count = redaction.apply(&mut after);
            if count > 0 {
                *applied.entry(redaction.name()).or_default() += count;
            }
        }
        if applied.is_empty() {
            return Ok(Decision::abstain());
        }
        let Value::Object(after) = after else { return Err("the arguments are gone".to_owned()) };
        let patch = patch::between(before, &after);
        if patch.is_empty() {
            return Ok(Decision::abstain());
        }
        Ok(Decision::amend(patch).with("redacted", Value::from_iter(applied)))
    }
}

writ_sdk::export!(Redact);
