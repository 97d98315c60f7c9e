//! One request, decided: evaluated until its decision can be kept, then answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;
use writ_core::combine::Denial;
use writ_core::ports::Namespace;
use writ_core::{
    DecisionRecord, Fault, FaultCode, Ledger, Outcome, PolicyRecord, Principal, Request,
};
use writ_engine::Execution;
use writ_store::{CommitError, Failure};

use super::contention::Held;
use super::records::Keeping;
use super::round::{Asked, Round};
use super::{Active, Answer, Service, Undecided};
use crate::clock::now_ms;
use crate::telemetry::TraceContext;

/// How often a decision is evaluated before it is given up.
const ROUNDS_MAX: usize = 16;
/// How many rounds are evaluated in the hope that nobody else writes meanwhile.
const OPTIMISTIC_ROUNDS: usize = 2;

/// What belongs to a request and is not decided upon.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// Who asks; nobody where a command decides.
    pub caller: Option<Arc<Principal>>,
    /// The caller's `X-Request-ID`.
    pub request_id: Option<String>,
    /// The trace that the request is part of.
    pub trace: Option<TraceContext>,
}

/// One request on its way to a decision.
struct Deciding<'a> {
    service: &'a Service,
    asked: Asked<'a>,
    meta: Meta,
    start: Instant,
}

type Ledgers = Vec<(Arc<Namespace>, Ledger)>;

/// What became of a round.
enum Submitted {
    /// It waits for the disk.
    Accepted(Keeping),
    /// What was read in these namespaces has changed.
    Conflict(Vec<Arc<Namespace>>),
}

impl Service {
    /// Decides a request by `active`. When it returns, the decision and what its policies store
    /// have been kept together.
    ///
    /// A caller may drop the future at any time: then the decision is kept, or nothing is.
    ///
    /// # Errors
    /// Where the decision could not be kept: then nothing was decided.
    pub async fn decide(
        &self,
        active: &Active,
        request: Request,
        meta: Meta,
    ) -> Result<Answer, Undecided> {
        let start = Instant::now();
        let execution = Arc::new(Execution {
            id: Uuid::now_v7().to_string(),
            tenant: active.tenant.clone(),
            received_at_ms: now_ms(),
        });
        let asked = Asked { active, execution: &execution, digest: request.digest() };
        Deciding { service: self, asked, meta, start }.run(request).await
    }
}

impl Deciding<'_> {
    async fn run(self, mut request: Request) -> Result<Answer, Undecided> {
        let properties = request.action.properties.clone();
        let mut contended = BTreeSet::new();
        let mut policies = Vec::new();
        for number in 0..ROUNDS_MAX {
            let turns = match number {
                0..OPTIMISTIC_ROUNDS => Held::default(),
                _ => self.service.contention.hold(&contended).await,
            };
            let mut round = self.service.round(self.asked, request).await;
            let ledgers = std::mem::take(&mut round.ledgers);
            let submitted = self.submit(&round, ledgers).await?;
            // Others read what was accepted: they need not wait for the disk.
            drop(turns);
            match submitted {
                Submitted::Accepted(keeping) => return self.answer(round, keeping).await,
                Submitted::Conflict(namespaces) => contended.extend(namespaces),
            }
            self.service.metrics.storage_conflicts.inc();
            policies = round.policies;
            // An amendment changes nothing but the action's properties.
            request = round.request;
            request.action.properties = properties.clone();
        }
        self.give_up(request, policies, &contended).await
    }

    async fn submit(&self, round: &Round, ledgers: Ledgers) -> Result<Submitted, Undecided> {
        match self.service.records.accept(self.record(round), ledgers).await {
            Ok(keeping) => Ok(Submitted::Accepted(keeping)),
            Err(CommitError::Conflict(namespaces)) => Ok(Submitted::Conflict(namespaces)),
            Err(CommitError::Unavailable(failure)) => Err(self.not_kept(&failure)),
        }
    }

    fn not_kept(&self, failure: &Failure) -> Undecided {
        let decision = self.asked.execution.id.as_str();
        let detail = failure.inside();
        tracing::error!(decision, detail, "a decision is not given, because {failure}");
        Undecided::StorageUnavailable
    }

    fn record(&self, round: &Round) -> DecisionRecord {
        let (subject, action, resource) = DecisionRecord::parties(&round.request);
        let Asked { active, execution, digest } = self.asked;
        DecisionRecord {
            id: execution.id.clone(),
            tenant: execution.tenant.clone(),
            received_at_ms: execution.received_at_ms,
            request_id: self.meta.request_id.clone(),
            trace_id: self.meta.trace.map(|trace| trace.trace_id().to_owned()),
            request_digest: digest,
            subject,
            action,
            resource,
            policy_set: active.digest,
            outcome: round.outcome.code(),
            policies: round.policies.clone(),
        }
    }

    /// The answer, once the decision is durable.
    async fn answer(&self, round: Round, keeping: Keeping) -> Result<Answer, Undecided> {
        match keeping.kept().await {
            Ok(()) => Ok(self.decided(round)),
            Err(CommitError::Unavailable(failure)) => Err(self.not_kept(&failure)),
            Err(CommitError::Conflict(_)) => Err(self.impossible()),
        }
    }

    fn decided(&self, round: Round) -> Answer {
        let Round { outcome, request, policies, .. } = round;
        let action = request.action;
        self.service.metrics.decided(&action.name, &outcome, self.start.elapsed());
        tracing::debug!(
            decision = self.asked.execution.id.as_str(),
            caller = self.meta.caller.as_ref().map(|caller| caller.person.as_str()),
            request = self.meta.request_id.as_deref(),
            trace = self.meta.trace.as_ref().map(TraceContext::trace_id),
            outcome = outcome.code(),
            "decided"
        );
        Answer {
            id: self.asked.execution.id.clone(),
            policy_set: self.asked.active.digest,
            amended: matches!(outcome, Outcome::Amended).then_some(action),
            outcome,
            policies,
        }
    }

    /// Denies what could not be decided, because others kept changing what its policies read.
    async fn give_up(
        &self,
        request: Request,
        mut policies: Vec<PolicyRecord>,
        contended: &BTreeSet<Arc<Namespace>>,
    ) -> Result<Answer, Undecided> {
        let text = "other requests kept changing what the policy had read";
        let fault = Fault::new(FaultCode::StorageConflict, text);
        self.service.metrics.faulted(&fault);
        let decision = self.asked.execution.id.as_str();
        tracing::warn!(decision, "denied: others changed the same storage {ROUNDS_MAX} times");
        let is_contended = |record: &PolicyRecord| {
            contended.iter().any(|namespace| namespace.binding == record.binding)
        };
        for record in policies.iter_mut().filter(|record| is_contended(record)) {
            record.verdict = "fault".into();
            record.reason = Some(fault.message.clone());
            record.fault = Some(fault.code);
        }
        let faults = contended.iter().map(|namespace| (namespace.binding.clone(), fault.code));
        let outcome = Outcome::Denied(Denial::ByFault(faults.collect()));
        let round = Round { outcome, request, policies, ledgers: Vec::new() };
        match self.submit(&round, Vec::new()).await? {
            Submitted::Accepted(keeping) => self.answer(round, keeping).await,
            Submitted::Conflict(_) => Err(self.impossible()),
        }
    }

    fn impossible(&self) -> Undecided {
        let decision = self.asked.execution.id.as_str();
        tracing::error!(decision, "the store found a conflict where there can be none");
        Undecided::StorageUnavailable
    }
}
