//! One request, decided: evaluated until its decision can be kept, then answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;
use writ_core::combine::Denial;
use writ_core::ports::Namespace;
use writ_core::{
    BindingName, DecisionRecord, Digest, Fault, FaultCode, Json, Outcome, Person, PolicyRecord,
    Principal, Request, Verbatim,
};
use writ_engine::Execution;

use super::active::asker;
use super::beside::Beside;
use super::contention::Held;
use super::keep::{Attempt, Keep};
use super::round::{Asked, Round};
use super::shadow::Shadow;
use super::{Active, Answer, Service, Undecided};
use crate::breaker::Path;
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

/// What is asked, and who asks: not always the caller, who may go on for somebody else.
pub(super) struct Asking<'a> {
    /// Nobody where a command decides.
    pub by: Option<&'a Person>,
    pub request: &'a Request,
}

/// One request on its way to a decision.
pub(super) struct Deciding<'a> {
    service: &'a Service,
    asked: Asked<'a>,
    /// The decision's id.
    id: String,
    canonical: Verbatim,
    /// The action's, before any policy amends them.
    properties: Json,
    meta: Meta,
    start: Instant,
    /// What learns of it, beside who asked.
    beside: Option<Arc<Beside>>,
    /// The bindings of the set that are asked on the side about it.
    shadow: Option<&'a Shadow>,
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
        self.decide_at(active, request, meta, now_ms()).await
    }

    /// The same for a request that was received at another time, in milliseconds since the Unix
    /// epoch: the time that policies see.
    ///
    /// # Errors
    /// As [`Service::decide`].
    pub async fn decide_at(
        &self,
        active: &Active,
        request: Request,
        meta: Meta,
        received_at_ms: u64,
    ) -> Result<Answer, Undecided> {
        let id = Uuid::now_v7().to_string();
        let execution = Arc::new(Execution {
            id: id.clone(),
            tenant: active.tenant.clone(),
            received_at_ms,
            has_begun: false,
            sensitive: self.sensitive(&request),
        });
        let by = meta.caller.clone();
        let asking = Asking { by: by.as_ref().map(|caller| &caller.person), request: &request };
        let deciding = Deciding::new(self, active, &execution, id, asking, meta);
        let (round, keeping) = deciding.until_kept(request, &self.records).await?;
        match Attempt::of(&deciding.id, keeping.kept().await)? {
            Attempt::Kept(()) => Ok(deciding.decided(round)),
            Attempt::Conflict(_) => Err(deciding.impossible()),
        }
    }
}

impl<'a> Deciding<'a> {
    /// A request that is asked for the first time, or again for the same execution.
    pub(super) fn new(
        service: &'a Service,
        active: &'a Active,
        execution: &'a Arc<Execution>,
        id: String,
        Asking { by, request }: Asking<'_>,
        meta: Meta,
    ) -> Self {
        let canonical = Verbatim::new(request.canonical());
        let asker = asker(by, &request.subject);
        let asked = Asked { active, execution, digest: canonical.digest(), asker };
        let properties = request.action.properties.clone();
        let beside = service.in_force.load().learner(active.digest, request).cloned();
        let shadow = active.shadow().filter(|shadow| shadow.concerns(request));
        let start = Instant::now();
        Self { service, asked, id, canonical, properties, meta, start, beside, shadow }
    }

    /// The decision's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Who asks, for breakers.
    pub(super) fn asker(&self) -> Path {
        self.asked.asker
    }

    /// The execution that it is about.
    pub(super) fn execution(&self) -> &Arc<Execution> {
        self.asked.execution
    }

    /// Digest of the set that decides.
    pub(super) fn policy_set(&self) -> Digest {
        self.asked.active.digest
    }

    /// The bindings that decide.
    pub(super) fn enforced(&self) -> &Arc<[BindingName]> {
        &self.asked.active.enforced
    }

    /// What was asked, of which policies made `amended`.
    pub(super) fn asked(&self, amended: &Request) -> Request {
        let mut asked = amended.clone();
        asked.action.properties = self.properties.clone();
        asked
    }

    /// Evaluates until what was decided is kept: at most [`ROUNDS_MAX`] times, then denies.
    pub(super) async fn until_kept<K: Keep>(
        &self,
        mut request: Request,
        keeper: &K,
    ) -> Result<(Round, K::Kept), K::Error> {
        let mut contended = BTreeSet::new();
        let mut policies = Vec::new();
        for number in 0..ROUNDS_MAX {
            let turns = match number {
                0..OPTIMISTIC_ROUNDS => Held::default(),
                _ => self.service.contention.hold(&contended, &self.service.records).await,
            };
            let mut round = self.service.rounds.round(self.asked, request).await;
            let is_beside = self.beside.as_ref().is_some_and(|beside| !beside.is_canary());
            if is_beside || self.shadow.is_some() {
                round.remember();
            }
            let record = self.record(&mut round);
            let attempt = keeper.keep(&mut round, record).await?;
            // Others read what was accepted: they need not wait for the disk.
            drop(turns);
            match attempt {
                Attempt::Kept(kept) => return Ok((round, kept)),
                Attempt::Conflict(namespaces) => contended.extend(namespaces),
            }
            self.service.metrics().storage_conflicts.inc();
            policies = round.policies;
            // An amendment changes nothing but the action's properties.
            request = round.request;
            request.action.properties = self.properties.clone();
        }
        self.give_up(request, policies, &contended, keeper).await
    }

    fn record(&self, round: &mut Round) -> DecisionRecord {
        let (subject, action, resource) = DecisionRecord::parties(&round.request);
        let Asked { active, execution, digest, .. } = self.asked;
        let (asked, bases) =
            ((self.id.as_str(), &self.canonical), std::mem::take(&mut round.bases));
        let whole = self.service.rounds.recording.whole(asked, execution, bases);
        DecisionRecord {
            id: self.id.clone(),
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
            whole,
        }
    }

    /// Counts and tells what was decided, once it is durable.
    pub(super) fn decided(&self, round: Round) -> Answer {
        let took = self.start.elapsed();
        if let Some(beside) = &self.beside {
            beside.learn(self, &round, took);
        }
        if let Some(shadow) = self.shadow {
            shadow.learn(self, &round);
        }
        let Round { outcome, mut request, policies, .. } = round;
        self.service.metrics().decided(&request.action.name, &outcome, took);
        tracing::debug!(
            decision = self.id,
            caller = self.meta.caller.as_ref().map(|caller| caller.person.as_str()),
            request = self.meta.request_id.as_deref(),
            trace = self.meta.trace.as_ref().map(TraceContext::trace_id),
            outcome = outcome.code(),
            "decided"
        );
        let (mut amended, mut requestable) = (None, None);
        match &outcome {
            Outcome::Amended => amended = Some(request.action),
            Outcome::ApprovalRequired(_) => {
                request.action.properties = self.properties.clone();
                requestable = Some(Box::new(request));
            }
            Outcome::Allowed | Outcome::Denied(_) => {}
        }
        let (id, policy_set) = (self.id.clone(), self.asked.active.digest);
        Answer { id, policy_set, outcome, amended, policies, requestable }
    }

    /// Denies what could not be decided, because others kept changing what its policies read.
    async fn give_up<K: Keep>(
        &self,
        request: Request,
        mut policies: Vec<PolicyRecord>,
        contended: &BTreeSet<Arc<Namespace>>,
        keeper: &K,
    ) -> Result<(Round, K::Kept), K::Error> {
        let text = "other requests kept changing what the policy had read";
        let fault = Fault::new(FaultCode::StorageConflict, text);
        self.service.metrics().faulted(&fault);
        let decision = self.id.as_str();
        tracing::warn!(decision, "denied: others changed the same storage {ROUNDS_MAX} times");
        let is_contended = |record: &PolicyRecord| {
            contended.iter().any(|namespace| namespace.binding == record.binding)
        };
        for record in policies.iter_mut().filter(|record| is_contended(record)) {
            record.verdict = "fault".into();
            record.reason = Some(fault.message.clone());
            record.fault = Some(fault.code);
            (record.annotations, record.particulars) = (None, None);
        }
        let faults = contended.iter().map(|namespace| (namespace.binding.clone(), fault.code));
        let mut round = Round::denied(Denial::ByFault(faults.collect()), request, policies);
        let record = self.record(&mut round);
        match keeper.keep(&mut round, record).await? {
            Attempt::Kept(kept) => Ok((round, kept)),
            Attempt::Conflict(_) => Err(self.impossible().into()),
        }
    }

    fn impossible(&self) -> Undecided {
        let decision = self.id.as_str();
        tracing::error!(decision, "the store found a conflict where there can be none");
        Undecided::StorageUnavailable
    }
}
