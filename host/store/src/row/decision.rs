//! Decisions: one row each, appended.

use writ_core::{DecisionRecord, Digest, PolicyRecord};

use crate::error::StoreError;

/// A decision as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDecision {
    /// A UUID version 7 (RFC 9562).
    pub id: String,
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
    /// The outcome's code.
    pub outcome: String,
    /// What each policy said, in binding order.
    pub policies: Vec<PolicyRecord>,
}

/// A decision whose policies are already JSON, which is made where the decision was made and not
/// on a connection that writes.
#[derive(Debug)]
pub(crate) struct DecisionRow {
    pub(crate) record: DecisionRecord,
    pub(crate) policies: String,
}

impl From<DecisionRecord> for DecisionRow {
    fn from(mut record: DecisionRecord) -> Self {
        let policies = std::mem::take(&mut record.policies);
        let policies = serde_json::to_string(&policies).expect("policy records are plain JSON");
        Self { record, policies }
    }
}

/// A row, whose digests and JSON are still to be understood.
pub(crate) struct UnreadDecision {
    pub(crate) decision: StoredDecision,
    pub(crate) policies: String,
}

impl TryFrom<UnreadDecision> for StoredDecision {
    type Error = StoreError;

    fn try_from(stored: UnreadDecision) -> Result<Self, StoreError> {
        let UnreadDecision { decision, policies } = stored;
        match serde_json::from_str(&policies) {
            Ok(policies) => Ok(Self { policies, ..decision }),
            Err(reason) => Err(StoreError::Damaged {
                what: "decision",
                id: decision.id,
                reason: reason.to_string(),
            }),
        }
    }
}
