//! What others are told of an event: ids, kinds, and who is asked what. Never arguments, results or
//! context, and nothing that a vote says but yes or no.

use serde::Serialize;
use writ_core::approval::ApprovalState;
use writ_core::execution::Fact;
use writ_core::{ChainedEvent, Digest, Execution, Tenant};
use writ_store::{Store, StoreError};

use crate::clock::now_ms;

/// How many characters of an event's hash are part of its id: enough that another chain's event in
/// the same place has another.
const HASH_CHARS: usize = 16;

/// What others are told of one event.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) tenant: Tenant,
    /// The same, however often it is sent.
    pub(super) id: String,
    pub(super) at_ms: u64,
    /// Empty where it happened to the chain itself.
    pub(super) execution: String,
    pub(super) fact: Fact,
    /// The question, where people are asked one.
    pub(super) question: Option<Question>,
    sequence: u64,
}

/// A question to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Question {
    pub(super) title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    /// Who is asked: `user:ID` or `group:ID`.
    pub(super) approvers: Vec<String>,
    /// Who sent it, as that is known here: not as they call themselves.
    #[serde(skip)]
    pub(super) requester: String,
    /// Whether an answer must say why.
    #[serde(skip)]
    pub(super) reason_required: bool,
    /// Whether it is still asked, as far as is known when this is told.
    #[serde(skip)]
    pub(super) is_open: bool,
}

/// A question that is still asked, and where an answer to it belongs.
pub(super) struct Asking<'a> {
    pub(super) question: &'a Question,
    pub(super) approval: &'a str,
    pub(super) stage: usize,
    pub(super) expires_at_ms: u64,
}

/// A notice's content, as a receiver reads it.
#[derive(Serialize)]
struct Content<'a> {
    tenant: &'a Tenant,
    sequence: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    execution: &'a str,
    #[serde(flatten)]
    fact: &'a Fact,
    #[serde(flatten)]
    question: Option<&'a Question>,
}

impl Notice {
    /// What is told of an event. The question is read from the execution, which keeps it.
    ///
    /// # Errors
    /// [`StoreError`], where the execution cannot be read.
    pub(super) async fn of(event: ChainedEvent, store: &Store) -> Result<Self, StoreError> {
        let mut question = None;
        if let Fact::Asked { approval, stage, .. } = &event.fact {
            let execution = store.execution(&event.tenant, &event.execution).await?;
            question = execution.and_then(|asked| Question::of(&asked, approval, *stage));
        }
        Ok(Self::new(event, question))
    }

    fn new(event: ChainedEvent, question: Option<Question>) -> Self {
        let ChainedEvent { tenant, sequence, at_ms, execution, fact, hash, .. } = event;
        let id = id(&tenant, sequence, &hash);
        Self { tenant, id, at_ms, execution, fact, question, sequence }
    }

    /// The question that it asks, where it asks one and an answer would still count.
    pub(super) fn asking(&self) -> Option<Asking<'_>> {
        let Fact::Asked { approval, stage, expires_at_ms } = &self.fact else { return None };
        let question = self.question.as_ref().filter(|question| question.is_open)?;
        Some(Asking { question, approval, stage: *stage, expires_at_ms: *expires_at_ms })
    }

    /// What a receiver reads, as JSON.
    pub(super) fn content(&self) -> impl Serialize {
        Content {
            tenant: &self.tenant,
            sequence: self.sequence,
            execution: &self.execution,
            fact: &self.fact,
            question: self.question.as_ref(),
        }
    }
}

impl Question {
    /// The question that a stage of an approval asks.
    pub(super) fn of(execution: &Execution, approval: &str, stage: usize) -> Option<Self> {
        let approval = execution.approval(approval)?;
        let requirement = &approval.requirement;
        Some(Self {
            title: requirement.title.clone(),
            reason: requirement.reason.clone(),
            approvers: requirement.stages.get(stage)?.approvers.clone(),
            requester: execution.requester.to_string(),
            reason_required: requirement.reason_required,
            is_open: matches!(
                approval.state,
                ApprovalState::Pending { stage: now, expires_at_ms }
                    if now == stage && now_ms() < expires_at_ms
            ),
        })
    }
}

fn id(tenant: &Tenant, sequence: u64, hash: &Digest) -> String {
    let hash = hash.to_string();
    let end = hash.len().saturating_sub(HASH_CHARS);
    format!("{tenant}-{sequence}-{}", hash.get(end..).unwrap_or_default())
}
