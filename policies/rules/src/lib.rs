//! `rules`: decides by conditions over any part of the request.
//!
//! Everything is parsed in `configure` (pointers, globs, regular expressions); an evaluation walks
//! the conditions and asks the host nothing, so its answers are remembered.

mod condition;
mod operand;
mod pattern;
mod test;
mod value;

use serde::Deserialize;
use writ_sdk::{Decision, Host, Policy, Request, Requirement};

pub use condition::Condition;
pub use operand::{Bound, Operand, Set};
pub use pattern::Pattern;
pub use test::{Kind, Length, Test};
pub use value::{equal, order};

/// What the operator writes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// In the order in which they are asked.
    pub rules: Vec<Rule>,
    /// Which of the rules that match decides.
    #[serde(default)]
    pub combine: Combine,
    /// The verdict where no rule matches.
    #[serde(default)]
    pub on_none: OnNone,
}

/// Which of the rules that match decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// The first.
    #[default]
    FirstMatch,
    /// The first that denies; else the first that asks; else the first that allows.
    DenyOverrides,
}

/// The verdict where no rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNone {
    /// Other policies decide.
    #[default]
    Abstain,
    /// The action is allowed.
    Allow,
    /// The action is denied.
    Deny,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// What the rule is called in records.
    pub name: String,
    /// When it matches; always, where it is left out.
    #[serde(default)]
    pub when: Condition,
    /// What comes of it then.
    pub effect: Effect,
}

/// What comes of a rule that matches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The action is allowed.
    Allow,
    /// The action is denied, with this reason.
    Deny(String),
    /// People must agree.
    Ask(Requirement),
}

impl Effect {
    /// The order in which `deny-overrides` prefers effects.
    fn rank(&self) -> u8 {
        match self {
            Self::Deny(_) => 0,
            Self::Ask(_) => 1,
            Self::Allow => 2,
        }
    }
}

/// The policy.
#[derive(Debug)]
pub struct Rules {
    settings: Settings,
}

impl Policy for Rules {
    const NAME: &'static str = "rules";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Decides by conditions over any part of the request.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        for rule in &settings.rules {
            if let Effect::Ask(requirement) = &rule.effect {
                requirement.check().map_err(|told| format!("rule `{}`: {told}", rule.name))?;
            }
        }
        Ok(Self { settings })
    }

    fn evaluate(&self, request: &Request, _host: &impl Host) -> Result<Decision, String> {
        Ok(match self.deciding(request) {
            Some(rule) => rule.decide(request),
            None => match self.settings.on_none {
                OnNone::Abstain => Decision::abstain(),
                OnNone::Allow => Decision::allow(),
                OnNone::Deny => Decision::deny("no rule allows this action"),
            },
        })
    }
}

impl Rules {
    /// The rule that decides, if any matches.
    fn deciding(&self, request: &Request) -> Option<&Rule> {
        let mut matching = self.settings.rules.iter().filter(|rule| rule.when.holds(request));
        match self.settings.combine {
            Combine::FirstMatch => matching.next(),
            // `min_by_key` gives the first of several that are equal.
            Combine::DenyOverrides => matching.min_by_key(|rule| rule.effect.rank()),
        }
    }
}

impl Rule {
    fn decide(&self, request: &Request) -> Decision {
        let decision = match &self.effect {
            Effect::Allow => Decision::allow(),
            Effect::Deny(reason) => Decision::deny(reason.clone()),
            Effect::Ask(requirement) => Decision::require_approval(requirement.filled(
                format!(
                    "{} {} wants `{}`",
                    request.subject.kind, request.subject.id, request.action.name
                ),
                format!("rule `{}` asks for approval", self.name),
            )),
        };
        decision.with("rule", self.name.as_str())
    }
}

writ_sdk::export!(Rules);
