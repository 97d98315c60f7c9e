//! Decisions: one row each, appended.

use writ_core::{DecisionRecord, Digest, PolicyRecord};

use crate::error::StoreError;
use crate::sealing::{Opener, Sealed, Sealing};

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

impl DecisionRow {
    /// As it is to be kept.
    pub(crate) fn seal(&mut self, sealing: &Sealing) {
        let (DecisionRecord { tenant, id, .. }, policies) = (&self.record, &mut self.policies);
        let plain = std::mem::take(policies);
        *policies = sealing.seal(tenant, Sealed::Decision, (id, 0), plain);
    }
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
