//! One round: every binding that matches is evaluated once, in order, and the verdicts combined.
//!
//! A round changes nothing that lasts. A decision may take more than one, where storage changed
//! meanwhile.

use std::sync::Arc;
use std::time::Instant;

use writ_core::combine::Denial;
use writ_core::ports::{ApprovalReader, Namespace, StorageReader};
use writ_core::{
    Basis, Commit, Digest, Fault, FaultCode, Json, Ledger, Mode, Outcome, PolicyDecision,
    PolicyRecord, Request, Sensitive, Verdict, Verdicts,
};
use writ_engine::{Call, Evaluation, Execution, Recorder};

use super::active::{Active, ActiveBinding, end_of};
use super::recording::{Recording, basis};
use crate::breaker::{End, Path};
use crate::telemetry::Metrics;

/// What was read and is to be written, by namespace.
pub(super) type Ledgers = Vec<(Arc<Namespace>, Ledger)>;

/// What one round gave.
pub(super) struct Round {
    /// What was decided.
    pub outcome: Outcome,
    /// The request as policies amended it.
    pub request: Request,
    /// What each policy said.
    pub policies: Vec<PolicyRecord>,
    /// What they asked the store, where that is to be kept.
    pub bases: Vec<Basis>,
    /// What was read and is to be written, where that is remembered.
    pub before: Arc<Ledgers>,
    staged: Vec<Staged>,
}

/// What stays the same from round to round.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub active: &'a Active,
    pub execution: &'a Arc<Execution>,
    pub digest: Digest,
    /// Who asks, for breakers.
    pub asker: Path,
}

struct Staged {
    namespace: Arc<Namespace>,
    ledger: Ledger,
    commit: Commit,
    faulted: bool,
}

/// Where those bindings are asked whose verdict does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shadows {
    /// On the side, once it is decided: nobody waits for them.
    Aside,
    /// With the others, by whoever wants to be told what they say.
    Told,
}

/// What every round is made with.
pub(super) struct Rounds {
    pub(super) shadows: Shadows,
    pub(super) storage: Arc<dyn StorageReader>,
    pub(super) approvals: Arc<dyn ApprovalReader>,
    pub(super) recording: Recording,
    pub(super) metrics: Arc<Metrics>,
    /// When the clock of breakers began.
    pub(super) started: Instant,
}

impl Rounds {
    /// Milliseconds since it began, on a clock that does not go backwards.
    fn clock_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Evaluates a request once.
    pub(super) async fn round(&self, asked: Asked<'_>, request: Request) -> Round {
        let mut verdicts = Verdicts::new(request, asked.digest);
        let mut policies = Vec::with_capacity(asked.active.bindings.len());
        let mut bases = Vec::new();
        let mut staged = Vec::new();
        for binding in &asked.active.bindings {
            let core = &binding.bound.binding;
            let is_asked = core.mode == Mode::Enforce || self.shadows == Shadows::Told;
            if !is_asked || !core.matcher.matches(verdicts.request()) {
                continue;
            }
            let recorder = self.recorder(&binding.bound.image);
            let question = (verdicts.request(), verdicts.digest());
            let mut evaluation = self.evaluate(asked, binding, question, recorder.as_ref()).await;
            bases.extend(recorder.and_then(|recorder| basis(&core.name, recorder.transcript())));
            let particulars =
                evaluation.result.as_ref().ok().and_then(|said| said.verdict.particulars());
            mask(&mut evaluation, &asked.execution.sensitive, binding.bound.image.sensitive());
            if let Err(fault) = verdicts.add(&core.name, core.mode, evaluation.result.as_ref()) {
                evaluation.result = Err(fault);
            }
            self.report(asked, binding, verdicts.request(), &evaluation);
            policies.push(record(binding, &evaluation, particulars));
            let faulted = evaluation.result.is_err();
            if let (Mode::Enforce, Some(ledger)) = (core.mode, evaluation.ledger) {
                let namespace = binding.namespace.clone();
                staged.push(Staged { namespace, ledger, commit: core.commit, faulted });
            }
        }
        let (outcome, request) = verdicts.combine();
        Round { outcome, request, policies, bases, before: Arc::default(), staged }
    }

    async fn evaluate(
        &self,
        asked: Asked<'_>,
        binding: &ActiveBinding,
        (request, request_digest): (&Request, &Digest),
        recorder: Option<&Arc<Recorder>>,
    ) -> Evaluation {
        let Some(mut permit) = binding.admit(asked.asker, self.clock_ms()) else {
            binding.metrics.refused();
            return refused(
                FaultCode::BreakerOpen,
                "the policy has run into its limits too often and is rested",
            );
        };
        let Some(_turn) = binding.turn().await else {
            permit.settle(End::Unknown, self.clock_ms());
            return refused(FaultCode::Overloaded, "too many evaluations of the policy wait");
        };
        let storage = recorder.map(|recorder| recorder.clone() as Arc<dyn StorageReader>);
        let approvals = recorder.map(|recorder| recorder.clone() as Arc<dyn ApprovalReader>);
        let call = Call {
            request,
            request_digest,
            execution: asked.execution,
            namespace: &binding.namespace,
            storage: storage.as_ref().unwrap_or(&self.storage),
            approvals: approvals.as_ref().unwrap_or(&self.approvals),
        };
        let evaluation = permit.follow(binding.bound.image.evaluate(call)).await;
        let end = match &evaluation.result {
            Ok(_) => End::Success,
            Err(fault) => end_of(fault.code),
        };
        permit.settle(end, self.clock_ms());
        binding.metrics.evaluated(evaluation.duration, evaluation.fuel, evaluation.memoised);
        evaluation
    }

    /// Counts what a policy said, and logs a fault: here and nowhere else.
    fn report(
        &self,
        asked: Asked<'_>,
        binding: &ActiveBinding,
        request: &Request,
        evaluation: &Evaluation,
    ) {
        binding.metrics.said(evaluation.result.as_ref());
        match &evaluation.result {
            Ok(PolicyDecision { verdict: Verdict::Deny { .. }, .. })
                if binding.bound.binding.mode == Mode::Enforce =>
            {
                let policy = &binding.bound.image.description().name;
                self.metrics.violated(policy, &request.action.name);
            }
            Ok(_) => {}
            Err(fault) => {
                self.metrics.faulted(fault);
                log(fault, binding, asked.execution);
            }
        }
    }
}

impl Round {
    /// Nobody could be asked to any end: what is denied in place of a decision.
    pub(super) fn denied(denial: Denial, request: Request, policies: Vec<PolicyRecord>) -> Self {
        let (outcome, staged) = (Outcome::Denied(denial), Vec::new());
        Self { outcome, request, policies, bases: Vec::new(), before: Arc::default(), staged }
    }

    /// Remembers what was read and is to be written, for whoever decides once more.
    pub(super) fn remember(&mut self) {
        let seen = |staged: &Staged| (staged.namespace.clone(), staged.ledger.clone());
        self.before = Arc::new(self.staged.iter().map(seen).collect());
    }

    /// What must still be so when the decision is kept, and what is then to be written. `goes_on`
    /// tells whether the action may.
    pub(super) fn take_ledgers(&mut self, goes_on: bool) -> Ledgers {
        let staged = std::mem::take(&mut self.staged);
        staged.into_iter().filter_map(|staged| staged.settle(goes_on)).collect()
    }

    /// What must still be so when the decision is kept, where nothing is to be written whatever was
    /// decided.
    pub(super) fn take_reads(&mut self) -> Ledgers {
        let staged = std::mem::take(&mut self.staged);
        let reads = staged.into_iter().filter_map(|Staged { namespace, mut ledger, .. }| {
            ledger.discard_writes();
            (!ledger.is_empty()).then_some((namespace, ledger))
        });
        reads.collect()
    }
}

impl Staged {
    /// The ledger as it is to be committed: reads always count, writes only where they are kept.
    fn settle(mut self, goes_on: bool) -> Option<(Arc<Namespace>, Ledger)> {
        let kept = match self.commit {
            Commit::Always => true,
            Commit::OnPermit => goes_on,
        };
        if !kept || self.faulted {
            self.ledger.discard_writes();
        }
        (!self.ledger.is_empty()).then_some((self.namespace, self.ledger))
    }
}

/// Takes out of a question to people what must not be told of arguments and settings: others are told
/// the question who may not see them.
fn mask(evaluation: &mut Evaluation, arguments: &Sensitive, settings: &Sensitive) {
    if let Ok(PolicyDecision { verdict: Verdict::RequireApproval { requirement }, .. }) =
        &mut evaluation.result
    {
        let masked = settings.mask_requirement(&arguments.mask_requirement(requirement));
        *requirement = masked;
    }
}

/// An evaluation that did not take place.
fn refused(code: FaultCode, text: &str) -> Evaluation {
    Evaluation {
        result: Err(Fault::new(code, text)),
        fuel: 0,
        duration: std::time::Duration::ZERO,
        host_calls: 0,
        memory_peak_bytes: 0,
        memoised: false,
        ledger: None,
    }
}

fn record(
    binding: &ActiveBinding,
    evaluation: &Evaluation,
    particulars: Option<Digest>,
) -> PolicyRecord {
    let (verdict, reason, fault, annotations) = match &evaluation.result {
        Ok(PolicyDecision { verdict, annotations }) => {
            let reason = verdict.reason().map(str::to_owned);
            (verdict.name(), reason, None, Some(annotations))
        }
        Err(fault) => ("fault", Some(fault.message.clone()), Some(fault.code), None),
    };
    let said = |annotations: &&Json| annotations.as_str() != "{}";
    PolicyRecord {
        binding: binding.bound.binding.name.clone(),
        image: binding.bound.image.digest(),
        mode: binding.bound.binding.mode,
        verdict: verdict.to_owned(),
        reason,
        fault,
        annotations: annotations.filter(said).map(Json::to_value),
        // A verdict that does not count as it is says nothing.
        particulars: particulars.filter(|_| fault.is_none()),
        fuel: evaluation.fuel,
        host_calls: evaluation.host_calls,
        duration_us: evaluation.duration.as_micros() as u64,
        memoised: evaluation.memoised,
    }
}

fn log(fault: &Fault, binding: &ActiveBinding, execution: &Execution) {
    let own = binding.bound.image.sensitive();
    let told = |text: &str| own.mask(&execution.sensitive.mask(text)).into_owned();
    let (message, detail) = (told(&fault.message), fault.detail().map(told));
    let (code, decision) = (fault.code.as_str(), execution.id.as_str());
    let binding = binding.bound.binding.name.as_str();
    // A breaker says once that it is open; each request that it refuses is not worth a line.
    if fault.code == FaultCode::BreakerOpen {
        tracing::debug!(decision, binding, code, "the policy was not asked");
    } else {
        tracing::warn!(decision, binding, code, detail, "the policy gave no verdict: {message}");
    }
}
