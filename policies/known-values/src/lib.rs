//! `known-values`: asks when an argument has a value that was not seen before.
//!
//! A value is known if the settings list it, or if an action with it went on before, which after a
//! new value means: people agreed. The value is written to storage together with the question;
//! the host keeps it only when the action goes on. So nobody has to tell the policy what people
//! said, and `approval-history` is not asked.

mod form;
mod found;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::mem;

use serde::Deserialize;
use serde_json::Value;
use writ_sdk::{Decision, Host, Per, Place, Policy, Request, Requirement};

pub use form::Form;
pub use found::found;

/// The longest storage key, in bytes. A value that makes a longer one is never remembered.
const KEY_BYTES_MAX: usize = 256;

/// What the operator writes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where the values are.
    pub values: Vec<Place>,
    /// Values that are known from the start, for every subject.
    #[serde(default)]
    pub known: Vec<Value>,
    /// Whether case makes no difference.
    #[serde(default)]
    pub ignore_case: bool,
    /// Whether white space makes no difference.
    #[serde(default)]
    pub ignore_spaces: bool,
    /// Whose actions make a value known to whom.
    #[serde(default)]
    pub per: Per,
    /// How long a value stays known, in seconds; for ever, where it is left out.
    #[serde(default)]
    pub remember_seconds: Option<u32>,
    /// The verdict if every value is known.
    #[serde(default)]
    pub on_known: Pass,
    /// The verdict if no place holds a value.
    #[serde(default)]
    pub on_missing: OnMissing,
    /// The verdict if a value is new.
    #[serde(default)]
    pub on_new: OnNew,
}

/// The verdict on what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Other policies decide.
    #[default]
    Abstain,
    /// It is allowed.
    Allow,
}

/// The verdict if no place holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnMissing {
    /// The action is denied.
    #[default]
    Deny,
    /// Other policies decide.
    Abstain,
    /// The action is allowed.
    Allow,
}

/// The verdict if a value is new.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNew {
    /// The action is denied.
    #[default]
    Deny,
    /// People must agree; then the value is known.
    Ask(Requirement),
}

/// The policy.
#[derive(Debug)]
pub struct KnownValues {
    settings: Settings,
    form: Form,
    known: Known,
}

/// A look at a set of this kind touches three pages of memory, however large it is, and each page costs
/// a fresh sandbox as much as hundreds of instructions. Its hashes are the same on any machine.
type Known = HashSet<Box<str>, BuildHasherDefault<DefaultHasher>>;

impl Policy for KnownValues {
    const NAME: &'static str = "known-values";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Asks when an argument has a value that was not seen before.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(mut settings: Settings) -> Result<Self, String> {
        if settings.values.is_empty() {
            return Err("`values` names no place".to_owned());
        }
        if settings.remember_seconds == Some(0) {
            return Err("`remember-seconds` is at least 1".to_owned());
        }
        if let OnNew::Ask(requirement) = &settings.on_new {
            requirement.check()?;
        }
        let form =
            Form { ignore_case: settings.ignore_case, ignore_spaces: settings.ignore_spaces };
        // Taken, so that they are not in memory twice.
        let known = mem::take(&mut settings.known);
        let known = known.iter().map(|value| form.of(value).into()).collect();
        Ok(Self { settings, form, known })
    }

    fn evaluate(&self, request: &Request, host: &impl Host) -> Result<Decision, String> {
        let found = found(request, &self.settings.values);
        if found.is_empty() {
            return Ok(self.missing());
        }
        let mut new = Vec::new();
        for value in found {
            let form = self.form.of(&value);
            if !self.known.contains(form.as_str()) && !self.is_remembered(request, &form, host)? {
                new.push((value, form));
            }
        }
        if new.is_empty() {
            return Ok(match self.settings.on_known {
                Pass::Abstain => Decision::abstain(),
                Pass::Allow => Decision::allow(),
            });
        }
        self.unknown(request, &new, host)
    }
}

impl KnownValues {
    fn key(&self, request: &Request, form: &str) -> Option<String> {
        let key = format!("{}/{form}", self.settings.per.key(request));
        (key.len() <= KEY_BYTES_MAX).then_some(key)
    }

    fn is_remembered(
        &self,
        request: &Request,
        form: &str,
        host: &impl Host,
    ) -> Result<bool, String> {
        match self.key(request, form) {
            Some(key) => Ok(host.get(&key)?.is_some()),
            None => Ok(false),
        }
    }

    fn missing(&self) -> Decision {
        match self.settings.on_missing {
            OnMissing::Abstain => Decision::abstain(),
            OnMissing::Allow => Decision::allow(),
            OnMissing::Deny => {
                let places: Vec<String> =
                    self.settings.values.iter().map(|place| format!("`{place}`")).collect();
                Decision::deny(format!("there is no value at {}", places.join(" or ")))
            }
        }
    }

    fn unknown(
        &self,
        request: &Request,
        new: &[(Value, String)],
        host: &impl Host,
    ) -> Result<Decision, String> {
        let named: Vec<String> =
            new.iter().map(|(value, _)| format!("`{}`", plain(value))).collect();
        let reason = format!("not seen before: {}", named.join(", "));
        let decision = match &self.settings.on_new {
            OnNew::Deny => Decision::deny(reason),
            OnNew::Ask(requirement) => {
                self.remember(request, new, host)?;
                let subject = &request.subject;
                let title = format!(
                    "{} {} wants `{}` with a new value",
                    subject.kind, subject.id, request.action.name
                );
                Decision::require_approval(requirement.filled(title, reason))
            }
        };
        let values: Vec<Value> = new.iter().map(|(value, _)| value.clone()).collect();
        Ok(decision.with("new", values))
    }

    /// Staged only: the host keeps it when the action goes on.
    fn remember(
        &self,
        request: &Request,
        new: &[(Value, String)],
        host: &impl Host,
    ) -> Result<(), String> {
        for (_, form) in new {
            if let Some(key) = self.key(request, form) {
                host.set(&key, b"", self.settings.remember_seconds)?;
            }
        }
        Ok(())
    }
}

/// A string without its quotes, any other value as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

writ_sdk::export!(KnownValues);
