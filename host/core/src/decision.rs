//! What is kept of every decision.

use serde::{Deserialize, Serialize};

use crate::binding::{BindingName, Mode, Tenant};
use crate::digest::Digest;
use crate::fault::FaultCode;
use crate::inquiry::Inquiry;
use crate::request::Request;
use crate::verbatim::Verbatim;

/// A decision as it is stored, before it is answered.
#[derive(Clone, Debug)]
pub struct DecisionRecord {
    /// A UUID version 7 (RFC 9562), so that ids sort by time.
    pub id: String,
    /// For whom it was decided.
    pub tenant: Tenant,
    /// When the request was received, in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// The caller's `X-Request-ID`, where there was one.
    pub request_id: Option<String>,
    /// The W3C trace id, where there was one.
    pub trace_id: Option<String>,
    /// Digest of the request's canonical JSON.
    pub request_digest: Digest,
    /// `type` and `id` of the subject.
    pub subject: (String, String),
    /// The action's name.
    pub action: String,
    /// `type` and `id` of the resource.
    pub resource: (String, String),
    /// Digest of the policy set that decided.
    pub policy_set: Digest,
    /// The outcome's code ([`crate::Outcome::code`]).
    pub outcome: &'static str,
    /// What each policy said, in binding order.
    pub policies: Vec<PolicyRecord>,
    /// What else it takes to decide the same again; none where that is not to be kept.
    pub whole: Option<Box<Whole>>,
}

/// What it takes, beside the policy set, to decide the same again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// What was asked, before any policy amended it, as canonical JSON (RFC 8785); none where it is
    /// too large to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Verbatim>,
    /// The id that policies were told, where it is another than the decision's: an execution's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Whether the action had been allowed before, with what policies stored then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_begun: bool,
    /// What policies asked the store, in binding order; not those that asked nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<Basis>,
}

/// On what a policy's verdict rests, beside the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Which binding.
    pub binding: BindingName,
    /// What the store was asked, and answered, in order.
    pub inquiries: Vec<Inquiry>,
    /// Whether that is not all of it, since it is too large to be kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl DecisionRecord {
    /// Who, what and on what, without anybody's properties.
    pub fn parties(request: &Request) -> ((String, String), String, (String, String)) {
        (
            (request.subject.kind.clone(), request.subject.id.clone()),
            request.action.name.clone(),
            (request.resource.kind.clone(), request.resource.id.clone()),
        )
    }
}

/// What one policy said, as it is stored and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// Which binding.
    pub binding: BindingName,
    /// Digest of component, settings and limits.
    pub image: Digest,
    /// Whether its verdict counts.
    pub mode: Mode,
    /// The verdict's name; `fault` where there was none.
    pub verdict: String,
    /// The reason of a denial or the message of a fault.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The fault's code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<FaultCode>,
    /// What the policy wanted recorded; absent where it is `{}`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub annotations: Option<serde_json::Value>,
    /// Digest of what it said beyond all this ([`crate::Verdict::particulars`]), with nothing
    /// masked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub particulars: Option<Digest>,
    /// Fuel burnt; that of the first evaluation where the answer was remembered. Of one that ended at its
    /// deadline, what it had burnt at its last call of the host: less than in truth.
    pub fuel: u64,
    /// How often it asked the host.
    #[serde(default)]
    pub host_calls: u64,
    /// Time taken, in microseconds.
    pub duration_us: u64,
    /// Whether the answer was remembered from an equal request.
    pub memoised: bool,
}
