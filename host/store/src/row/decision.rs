//! Decisions: as they are told, as they are kept, and as they were kept before there were batches.

use serde::{Deserialize, Serialize};
use writ_core::{DecisionRecord, Digest, PolicyRecord, Tenant, Whole};

use crate::error::StoreError;
use crate::sealing::{Opener, Sealed};

/// A decision as it was stored.
// INVARIANT: the id comes first, so that a record is found without reading the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredDecision {
    /// A UUID version 7 (RFC 9562).
    pub id: String,
    /// When the request was received, in milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// The caller's `X-Request-ID`, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The W3C trace id, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// The outcome's code.
    pub outcome: String,
    /// What each policy said, in binding order.
    pub policies: Vec<PolicyRecord>,
    /// What else it takes to decide the same again, where that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Box<Whole>>,
}

/// A decision on its way to its batch: its text and digest are made where it was decided, and not on
/// a connection that writes.
#[derive(Debug)]
pub(crate) struct DecisionRow {
    pub(crate) tenant: Tenant,
    pub(crate) id: String,
    pub(crate) received_at_ms: u64,
    /// JSON on one line, as it is kept.
    pub(crate) text: String,
    /// SHA-256 of that.
    pub(crate) digest: Digest,
}

impl From<DecisionRecord> for DecisionRow {
    fn from(record: DecisionRecord) -> Self {
        let tenant = record.tenant.clone();
        let stored = StoredDecision::from(record);
        let text = serde_json::to_string(&stored).expect("decisions are plain JSON");
        let StoredDecision { id, received_at_ms, .. } = stored;
        Self { tenant, id, received_at_ms, digest: Digest::of(&text), text }
    }
}

impl From<DecisionRecord> for StoredDecision {
    fn from(record: DecisionRecord) -> Self {
        Self {
            id: record.id,
            received_at_ms: record.received_at_ms,
            request_id: record.request_id,
            trace_id: record.trace_id,
            request_digest: record.request_digest,
            subject: record.subject,
            action: record.action,
            resource: record.resource,
            policy_set: record.policy_set,
            outcome: record.outcome.to_owned(),
            policies: record.policies,
            whole: record.whole,
        }
    }
}

/// A row of the table `decisions`, from before there were batches, whose JSON is still to be
/// understood.
pub(crate) struct UnreadDecision {
    pub(crate) decision: StoredDecision,
    pub(crate) policies: String,
}

impl UnreadDecision {
    /// The decision that a row holds.
    pub(crate) fn read(self, opener: Opener<'_>) -> Result<StoredDecision, StoreError> {
        let Self { decision, policies } = self;
        let policies = opener.open(Sealed::Decision, (&decision.id, 0), &policies)?;
        match serde_json::from_str(&policies) {
            Ok(policies) => Ok(StoredDecision { policies, ..decision }),
            Err(reason) => Err(StoreError::Damaged {
                what: "decision",
                id: decision.id,
                reason: reason.to_string(),
            }),
        }
    }
}
