//! Deciding once more what was decided: the same request, by a policy set that may be another, with
//! what the store answered then. Nothing is kept, and nothing is asked of anybody.
//!
//! Policies are evaluated by the same code as ever ([`writ_engine::Image::evaluate`]); the recorded
//! answers stand in the place of the store.

use std::sync::Arc;

use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use writ_core::ports::{ApprovalReader, Namespace, StorageReader};
use writ_core::text::visible;
use writ_core::{
    BindingName, DecisionRecord, Digest, Fault, FaultCode, Mode, Outcome, Party, PolicyDecision,
    Request, Tenant, Verdicts, Whole,
};
use writ_engine::{Call, Departure, Execution, Order, Replay};
use writ_store::StoredDecision;

use crate::policy_set::{Bound, Snapshot};

/// A decision that was made again.
#[derive(Debug)]
pub struct Again {
    /// What is decided now.
    pub outcome: Outcome,
    /// What each policy says now, in binding order.
    pub policies: Vec<PolicyAgain>,
}

/// What one policy says now.
#[derive(Debug)]
pub struct PolicyAgain {
    /// Which binding.
    pub binding: BindingName,
    /// Digest of component, settings and limits.
    pub image: Digest,
    /// Whether its verdict counts.
    pub mode: Mode,
    /// Its verdict, or why there is none.
    pub result: Result<PolicyDecision, Fault>,
    /// Fuel burnt.
    pub fuel: u64,
    /// Where it asks for something else than then: what it says rests on nothing from there on.
    pub departure: Option<Departure>,
}

/// A decision cannot be made again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrepeatable {
    /// Its request is not kept.
    #[error(
        "the request is not recorded\nhint: decisions from now on have it where `[decisions] record` is \"whole\" and the request has at most 64 KiB"
    )]
    Request,
    /// The request that is kept does not read back.
    #[error("the recorded request does not read back: {0}")]
    Damaged(String),
    /// It did not end in any way that there is.
    #[error("its outcome, `{}`, is none", visible(.0))]
    Outcome(String),
    /// Not all that the store answered is kept.
    #[error("what the store answered policy `{0}` is more than was recorded")]
    Truncated(BindingName),
    /// A policy gave no verdict for want of time or room, which says nothing of the policy.
    #[error("policy `{binding}` gave no verdict then, for a reason of the host's: {}", code.as_str())]
    Host {
        /// Which binding.
        binding: BindingName,
        /// The fault's code.
        code: FaultCode,
    },
    /// The same of now: this host has too little time or room.
    #[error("policy `{binding}` gives no verdict here, for a reason of this host's: {}", code.as_str())]
    Here {
        /// Which binding.
        binding: BindingName,
        /// The fault's code.
        code: FaultCode,
    },
}

/// The first thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Others were asked.
    #[error("policies {then:?} were asked then, and {now:?} now")]
    Policies {
        /// The bindings then.
        then: Vec<String>,
        /// The bindings now.
        now: Vec<String>,
    },
    /// The set has another policy, or another use of it, than the record names.
    #[error("policy `{binding}` is {now} in the set, and was {then}")]
    Policy {
        /// Which binding.
        binding: BindingName,
        /// Its image then, and its mode.
        then: String,
        /// The set's.
        now: String,
    },
    /// A policy asks the store for something else.
    #[error("policy `{binding}` asks the store for something else: {}", told(departure))]
    Departed {
        /// Which binding.
        binding: BindingName,
        /// Where. Boxed, since it may be large.
        departure: Box<Departure>,
    },
    /// A policy says something else.
    #[error("policy `{binding}` said {then} then, and {now} now")]
    Verdict {
        /// Which binding.
        binding: BindingName,
        /// What it said, with its reason.
        then: String,
        /// What it says.
        now: String,
    },
    /// A policy says the same in other words: another patch, other people, other annotations.
    #[error(
        "policy `{binding}` said {verdict} then as now, and meant something else: another patch, requirement or annotation"
    )]
    Particulars {
        /// Which binding.
        binding: BindingName,
        /// The verdict's name.
        verdict: &'static str,
    },
    /// A policy burns another amount of fuel.
    #[error("policy `{binding}` burnt {then} fuel then, and {now} now")]
    Fuel {
        /// Which binding.
        binding: BindingName,
        /// How much it burnt.
        then: u64,
        /// How much it burns.
        now: u64,
    },
    /// The whole set decides otherwise.
    #[error("the set decided {then} then, and {now} now")]
    Outcome {
        /// The outcome's code then.
        then: String,
        /// The outcome's code now.
        now: String,
    },
}

fn told(Departure { place, asked, recorded }: &Departure) -> String {
    let text =
        |question: &Option<_>| question.as_ref().map_or("nothing".into(), |q| format!("{q:?}"));
    format!("question {} was {} then, and is {} now", place + 1, text(recorded), text(asked))
}

impl Again {
    /// Makes a decision again, by `snapshot`. What policies log goes nowhere: arguments are in it.
    ///
    /// # Errors
    /// Each of [`Unrepeatable`].
    pub async fn decide(
        snapshot: &Snapshot,
        tenant: &Tenant,
        recorded: &StoredDecision,
        order: Order,
    ) -> Result<Self, Unrepeatable> {
        let parts = repeatable(recorded)?;
        let again = Self::evaluate(snapshot, tenant, recorded, parts, order);
        again.with_subscriber(NoSubscriber::default()).await
    }

    async fn evaluate(
        snapshot: &Snapshot,
        tenant: &Tenant,
        recorded: &StoredDecision,
        (whole, request): (&Whole, Request),
        order: Order,
    ) -> Result<Self, Unrepeatable> {
        let execution = Arc::new(Execution {
            id: whole.execution.as_ref().unwrap_or(&recorded.id).clone(),
            tenant: tenant.clone(),
            received_at_ms: recorded.received_at_ms,
            has_begun: whole.has_begun,
            sensitive: Arc::default(),
        });
        let mut verdicts = Verdicts::new(request, recorded.request_digest);
        let mut policies = Vec::with_capacity(snapshot.bindings.len());
        for bound in &snapshot.bindings {
            let core = &bound.binding;
            // What does not count is asked on the side; it was asked with the others once.
            let is_asked = core.mode == Mode::Enforce
                || recorded.policies.iter().any(|said| said.binding == core.name);
            if !is_asked || !core.matcher.matches(verdicts.request()) {
                continue;
            }
            let replay = Arc::new(answers(whole, &core.name, order));
            let question = (verdicts.request(), verdicts.digest());
            let (mut result, fuel) = evaluate(bound, &execution, question, &replay).await;
            let departure = replay.departure();
            let counts = core.mode == Mode::Enforce || order == Order::Recorded;
            if let (Err(fault), None, true) = (&result, &departure, counts)
                && is_of_the_host(fault.code)
            {
                return Err(Unrepeatable::Here { binding: core.name.clone(), code: fault.code });
            }
            if let Err(fault) = verdicts.add(&core.name, core.mode, result.as_ref()) {
                result = Err(fault);
            }
            let (binding, mode, image) = (core.name.clone(), core.mode, bound.image.digest());
            policies.push(PolicyAgain { binding, image, mode, result, fuel, departure });
        }
        Ok(Self { outcome: verdicts.combine().0, policies })
    }

    /// The first thing that is not as it was recorded.
    pub fn difference(&self, recorded: &StoredDecision) -> Option<Difference> {
        let names = |names: Vec<&BindingName>| names.iter().map(|name| name.to_string()).collect();
        let then: Vec<String> = names(recorded.policies.iter().map(|said| &said.binding).collect());
        let now: Vec<String> = names(self.policies.iter().map(|said| &said.binding).collect());
        if then != now {
            return Some(Difference::Policies { then, now });
        }
        for (then, now) in recorded.policies.iter().zip(&self.policies) {
            let binding = now.binding.clone();
            if (then.image, then.mode) != (now.image, now.mode) {
                let told = |image: Digest, mode: Mode| format!("{image} ({mode:?})");
                let (then, now) = (told(then.image, then.mode), told(now.image, now.mode));
                return Some(Difference::Policy { binding, then, now });
            }
            if let Some(departure) = now.departure.clone() {
                let departure = Box::new(departure);
                return Some(Difference::Departed { binding, departure });
            }
            let said = verdict(&then.verdict, then.reason.as_deref());
            let says = now.verdict();
            if said != says {
                return Some(Difference::Verdict { binding, then: said, now: says });
            }
            if (then.particulars, &then.annotations) != (now.particulars(), &now.annotations()) {
                return Some(Difference::Particulars { binding, verdict: now.name() });
            }
            if then.fuel != now.fuel {
                return Some(Difference::Fuel { binding, then: then.fuel, now: now.fuel });
            }
        }
        let (then, now) = (recorded.outcome.clone(), self.outcome.code().to_owned());
        (then != now).then_some(Difference::Outcome { then, now })
    }
}

impl PolicyAgain {
    /// What it says, without its reason.
    pub fn name(&self) -> &'static str {
        self.result.as_ref().map_or("fault", |said| said.verdict.name())
    }

    /// The reason of a denial, or the message of a fault.
    pub fn reason(&self) -> Option<&str> {
        match &self.result {
            Ok(said) => said.verdict.reason(),
            Err(fault) => Some(&fault.message),
        }
    }

    /// Digest of what it says beyond that and a reason.
    pub fn particulars(&self) -> Option<Digest> {
        self.result.as_ref().ok().and_then(|said| said.verdict.particulars())
    }

    /// What it wants recorded, as a record has it.
    fn annotations(&self) -> Option<serde_json::Value> {
        let annotations = &self.result.as_ref().ok()?.annotations;
        (annotations.as_str() != "{}").then(|| annotations.to_value())
    }

    /// What it says, with its reason.
    pub fn verdict(&self) -> String {
        verdict(self.name(), self.reason())
    }
}

/// A verdict with its reason, for people.
pub fn verdict(name: &str, reason: Option<&str>) -> String {
    let name = visible(name);
    reason.map_or_else(|| name.to_string(), |reason| format!("{name} ({})", visible(reason)))
}

/// What a decision rests on, where that can be repeated.
fn repeatable(recorded: &StoredDecision) -> Result<(&Whole, Request), Unrepeatable> {
    let whole = recorded.whole.as_deref().ok_or(Unrepeatable::Request)?;
    let request = whole.request.as_ref().ok_or(Unrepeatable::Request)?;
    if !Outcome::CODES.contains(&recorded.outcome.as_str()) {
        return Err(Unrepeatable::Outcome(recorded.outcome.clone()));
    }
    if request.digest() != recorded.request_digest {
        return Err(Unrepeatable::Damaged("its digest is another".to_owned()));
    }
    let request =
        request.read::<Request>().map_err(|error| Unrepeatable::Damaged(error.to_string()))?;
    let StoredDecision { subject, action, resource, .. } = recorded;
    if DecisionRecord::parties(&request) != (subject.clone(), action.clone(), resource.clone()) {
        return Err(Unrepeatable::Damaged("it names others than the record does".to_owned()));
    }
    for said in &recorded.policies {
        if let Some(code) = said.fault.filter(|code| is_of_the_host(*code)) {
            return Err(Unrepeatable::Host { binding: said.binding.clone(), code });
        }
    }
    match whole.bases.iter().find(|basis| basis.truncated) {
        Some(basis) => Err(Unrepeatable::Truncated(basis.binding.clone())),
        None => Ok((whole, request)),
    }
}

/// Whether a fault tells of how the host was doing.
fn is_of_the_host(code: FaultCode) -> bool {
    code.party() == Party::Host
        || matches!(code, FaultCode::DeadlineExceeded | FaultCode::BreakerOpen)
}

/// What the store answered a binding; nothing where that was not asked.
fn answers(whole: &Whole, binding: &BindingName, order: Order) -> Replay {
    let basis = whole.bases.iter().find(|basis| basis.binding == *binding);
    Replay::new(basis.map(|basis| basis.inquiries.clone()).unwrap_or_default(), order)
}

async fn evaluate(
    bound: &Bound,
    execution: &Arc<Execution>,
    (request, request_digest): (&Request, &Digest),
    replay: &Arc<Replay>,
) -> (Result<PolicyDecision, Fault>, u64) {
    let storage: Arc<dyn StorageReader> = replay.clone();
    let approvals: Arc<dyn ApprovalReader> = replay.clone();
    let namespace =
        Namespace { tenant: execution.tenant.clone(), binding: bound.binding.name.clone() };
    let call = Call {
        request,
        request_digest,
        execution,
        namespace: &Arc::new(namespace),
        storage: &storage,
        approvals: &approvals,
    };
    let evaluation = bound.image.evaluate(call).await;
    (evaluation.result, evaluation.fuel)
}
