//! `budget`: denies, or asks, when the sum of an argument goes over a limit.
//!
//! Amounts are decimals, never binary fractions. The sum is read and written through storage that
//! the host commits together with the decision, so requests at the same time never overspend it.

mod amount;
mod decimal;
mod spent;

use serde::Deserialize;
use writ_sdk::{Decision, Host, Per, Place, Policy, Request, Requirement};

pub use amount::{InvalidAmount, read_amount};
pub use decimal::{Decimal, NotADecimal, Rounding};
pub use spent::{Damaged, Spent};

/// What the operator writes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where the amount is.
    pub amount: Place,
    /// How much may be spent within a window; a number, or a decimal as text.
    pub limit: Decimal,
    /// The length of a window, in seconds; none: the budget is never renewed.
    #[serde(default)]
    pub window_seconds: Option<u32>,
    /// What is summed together.
    #[serde(default)]
    pub per: Per,
    /// The verdict within the limit.
    #[serde(default)]
    pub on_within: OnWithin,
    /// The verdict over it.
    #[serde(default)]
    pub on_over: OnOver,
}

/// The verdict on an action within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnWithin {
    /// Other policies decide.
    #[default]
    Abstain,
    /// It is allowed.
    Allow,
}

/// The verdict on an action over the limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnOver {
    /// It is denied.
    #[default]
    Deny,
    /// People must agree.
    Ask(Requirement),
}

/// The policy.
#[derive(Debug)]
pub struct Budget {
    settings: Settings,
}

impl Policy for Budget {
    const NAME: &'static str = "budget";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Denies, or asks, when the sum of an argument goes over a limit.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        if settings.limit < Decimal::ZERO {
            return Err(format!("`limit` is not negative, as {} is", settings.limit));
        }
        if settings.window_seconds == Some(0) {
            return Err("`window-seconds` is at least 1".to_owned());
        }
        if let OnOver::Ask(requirement) = &settings.on_over {
            requirement.check()?;
        }
        Ok(Self { settings })
    }

    fn evaluate(&self, request: &Request, host: &impl Host) -> Result<Decision, String> {
        let amount = match read_amount(request, &self.settings.amount) {
            Ok(amount) => amount,
            Err(invalid) => return Ok(Decision::deny(invalid.to_string())),
        };
        let key = self.settings.per.key(request);
        let window = Window::new(self.settings.window_seconds, host);
        let mut spent = match host.get(&key)? {
            Some(entry) => Spent::parse(&entry.value).map_err(|error| error.to_string())?,
            None => Spent::default(),
        };
        spent.enter(window.start);
        let before = spent.sum;
        // What goes on was counted when it began.
        let is_counted = host.has_begun();
        if !is_counted {
            spent.sum = before.plus(amount).ok_or("the sum is out of range")?;
        }
        let decision = if spent.sum <= self.settings.limit {
            self.within(spent.sum)
        } else {
            match &self.settings.on_over {
                OnOver::Deny => {
                    return Ok(self.describe(Decision::deny(self.over(before, amount)), before));
                }
                OnOver::Ask(requirement) => self.ask(requirement, request, before, amount),
            }
        };
        if !is_counted {
            host.set(&key, spent.to_string().as_bytes(), window.ttl_seconds(spent.window_start))?;
        }
        Ok(decision)
    }
}

/// The window that is open now.
struct Window {
    seconds: Option<u32>,
    now_ms: u64,
    /// In seconds since the Unix epoch; 0 for the window that never ends.
    start: u64,
}

impl Window {
    fn new(seconds: Option<u32>, host: &impl Host) -> Self {
        let Some(length) = seconds.map(u64::from) else {
            return Self { seconds, now_ms: 0, start: 0 };
        };
        let now_ms = host.received_at_ms();
        let now = now_ms / 1_000;
        Self { seconds, now_ms, start: now - now % length }
    }

    /// Until the end of the window that began at `start`; none: for ever.
    fn ttl_seconds(&self, start: u64) -> Option<u32> {
        let end_ms = (start + u64::from(self.seconds?)) * 1_000;
        let left = end_ms.saturating_sub(self.now_ms).div_ceil(1_000);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

impl Budget {
    fn within(&self, sum: Decimal) -> Decision {
        let decision = match self.settings.on_within {
            OnWithin::Abstain => Decision::abstain(),
            OnWithin::Allow => Decision::allow(),
        };
        self.describe(decision, sum)
    }

    fn ask(
        &self,
        requirement: &Requirement,
        request: &Request,
        before: Decimal,
        amount: Decimal,
    ) -> Decision {
        let subject = &request.subject;
        let title = format!(
            "{} {} wants `{}` for {amount}, over budget",
            subject.kind, subject.id, request.action.name
        );
        let asked = requirement.filled(title, self.over(before, amount));
        self.describe(Decision::require_approval(asked), before)
    }

    fn over(&self, before: Decimal, amount: Decimal) -> String {
        let Settings { limit, per, window_seconds, .. } = &self.settings;
        let window = window_seconds.map_or_else(String::new, |seconds| format!(" in {seconds} s"));
        format!(
            "the budget of {limit}{window} for {per} is exceeded: {before} is spent, \
             {amount} is asked for"
        )
    }

    /// Figures as text, since a double does not hold every decimal.
    fn describe(&self, decision: Decision, spent: Decimal) -> Decision {
        decision.with("limit", self.settings.limit.to_string()).with("spent", spent.to_string())
    }
}

writ_sdk::export!(Budget);
