//! What is asked of a version that is to be rolled out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_core::BindingName;
use writ_core::rollout::{By, Canary, Guard, Header, How, Hundredths};

use crate::http::json::Text;
use crate::reload::Draft;

/// For which part of all requests one decides, in percent, where nobody says.
const CANARY_SHARE: Hundredths = Hundredths::of(5);

/// About which decisions a version is asked on the side.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ShadowRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct ShadowBody {
    /// The one binding of the version that is meant, tried within the version that decides: all others
    /// stay as they are. Absent: the whole version.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    binding: Option<BindingName>,
    /// About which part of all requests, in percent, with two decimals at most; 100 where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    share_percent: Option<Hundredths>,
    /// What it is a part of: what belongs together is asked together. `subject` where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "subject")]
    by: By,
    /// Why: kept, and told in the chain of events. At most 1,024 bytes.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    comment: Option<Text>,
}

/// For which requests a version decides, and when it must decide no more.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = CanaryRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct CanaryBody {
    /// The one binding of the version that is meant, tried within the version that decides: all others
    /// stay as they are. Absent: the whole version.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    binding: Option<BindingName>,
    /// For which part of all requests, in percent, with two decimals at most. 5 where it is absent, and
    /// 0 where there is a header.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    share_percent: Option<Hundredths>,
    /// What it is a part of: `subject`, or `thread` of the context. What belongs together is decided by
    /// the same version, on every host.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "subject")]
    by: By,
    /// For requests that bear it, it decides as well.
    #[serde(default)]
    header: Option<HeaderBody>,
    /// When it must decide no more.
    #[serde(default)]
    guard: GuardBody,
    /// Why: kept, and told in the chain of events. At most 1,024 bytes.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    comment: Option<Text>,
}

/// A header and its value.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = CanaryHeader)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct HeaderBody {
    /// Its name.
    pub(super) name: String,
    /// Its value, to the letter.
    pub(super) value: String,
}

/// What a version must not exceed, on any host.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = CanaryGuard)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct GuardBody {
    /// How many of 100 decisions may be denials since a policy gave no verdict: 0 to 100, 1 where it is
    /// absent.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    max_fault_percent: Option<Hundredths>,
    /// By how many percentage points the part of denials may be larger than otherwise: 0 to 100, 10
    /// where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    max_deny_increase_percent: Option<Hundredths>,
    /// How many times as long as otherwise 95 of 100 decisions may take: 1 to 1000, 2 where it is absent.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    max_latency_factor: Option<Hundredths>,
    /// How many decisions there must be before anything is said of them: 1 to 1,000,000, 100 where it is
    /// absent.
    #[serde(default)]
    min_decisions: Option<u64>,
    /// How long is looked back, in seconds: 1 to 3,600, 60 where it is absent.
    #[serde(default)]
    window_seconds: Option<u64>,
}

impl ShadowBody {
    /// As what is wanted of a version, and why.
    pub(super) fn into_draft(self, version: u64) -> (Draft, Option<Text>) {
        let Self { binding, share_percent, by, comment } = self;
        let share_percent = share_percent.unwrap_or(Hundredths::of(100));
        (Draft { version, binding, share_percent, by, how: How::Shadow }, comment)
    }
}

impl CanaryBody {
    /// As what is wanted of a version, and why.
    pub(super) fn into_draft(self, version: u64) -> (Draft, Option<Text>) {
        let Self { binding, share_percent, by, header, guard, comment } = self;
        let usual = if header.is_some() { Hundredths::of(0) } else { CANARY_SHARE };
        let share_percent = share_percent.unwrap_or(usual);
        let header = header
            .map(|HeaderBody { name, value }| Header { name: name.to_ascii_lowercase(), value });
        let how = How::Canary(Canary { header, guard: guard.into() });
        (Draft { version, binding, share_percent, by, how }, comment)
    }
}

impl From<GuardBody> for Guard {
    fn from(body: GuardBody) -> Self {
        let usual = Self::default();
        Self {
            max_fault_percent: body.max_fault_percent.unwrap_or(usual.max_fault_percent),
            max_deny_increase_percent: body
                .max_deny_increase_percent
                .unwrap_or(usual.max_deny_increase_percent),
            max_latency_factor: body.max_latency_factor.unwrap_or(usual.max_latency_factor),
            min_decisions: body.min_decisions.unwrap_or(usual.min_decisions),
            window_seconds: body.window_seconds.unwrap_or(usual.window_seconds),
        }
    }
}

impl From<Guard> for GuardBody {
    fn from(guard: Guard) -> Self {
        Self {
            max_fault_percent: Some(guard.max_fault_percent),
            max_deny_increase_percent: Some(guard.max_deny_increase_percent),
            max_latency_factor: Some(guard.max_latency_factor),
            min_decisions: Some(guard.min_decisions),
            window_seconds: Some(guard.window_seconds),
        }
    }
}
