//! `four-eyes`: asks for the agreement of people other than the subject.
//!
//! Who must agree is fixed in the settings; which actions need it is told by their names and,
//! where that is not enough, by a figure. More than that is `rules`' matter. It asks the host
//! nothing, so its answers are remembered.

mod threshold;

use serde::Deserialize;
use writ_sdk::{Decision, Disposition, Globs, Host, Policy, Request, Requirement};

pub use threshold::{Reached, Threshold};

/// What the operator writes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Who must agree. May not allow self-approval, nor let time stand for agreement.
    pub requirement: Requirement,
    /// Which actions need it; all, where it is left out.
    #[serde(default)]
    pub actions: Option<Globs>,
    /// From which figure on they need it; always, where it is left out.
    #[serde(default)]
    pub threshold: Option<Threshold>,
    /// The verdict on the others.
    #[serde(default)]
    pub on_other: OnOther,
}

/// The verdict on an action that needs no agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnOther {
    /// Other policies decide.
    #[default]
    Abstain,
    /// It is allowed.
    Allow,
}

/// The policy.
#[derive(Debug)]
pub struct FourEyes {
    settings: Settings,
}

impl Policy for FourEyes {
    const NAME: &'static str = "four-eyes";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Asks for the agreement of people other than the subject.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        if settings.requirement.allow_self_approval {
            return Err("four eyes are not two: `allow-self-approval` must be false".to_owned());
        }
        if settings.requirement.stages.iter().any(|stage| stage.on_expiry == Disposition::Approve) {
            return Err(
                "silence is nobody's agreement: `on-expiry` must not be `approve`".to_owned()
            );
        }
        settings.requirement.check()?;
        Ok(Self { settings })
    }

    fn evaluate(&self, request: &Request, _host: &impl Host) -> Result<Decision, String> {
        let action = &request.action.name;
        let meant = self.settings.actions.as_ref().is_none_or(|globs| globs.matches(action));
        let why = match &self.settings.threshold {
            _ if !meant => return Ok(self.other()),
            None => String::new(),
            Some(threshold) => match threshold.reached(request) {
                Reached::No => return Ok(self.other()),
                Reached::Yes(why) => format!(": {why}"),
            },
        };
        let title = format!("{} {} wants `{action}`", request.subject.kind, request.subject.id);
        let reason = format!("`{action}` needs the agreement of somebody else{why}");
        Ok(Decision::require_approval(self.settings.requirement.filled(title, reason)))
    }
}

impl FourEyes {
    fn other(&self) -> Decision {
        match self.settings.on_other {
            OnOther::Abstain => Decision::abstain(),
            OnOther::Allow => Decision::allow(),
        }
    }
}

writ_sdk::export!(FourEyes);
