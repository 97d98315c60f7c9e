//! Reloading: from files that have changed to a policy set that decides, or to the one before it and
//! a reason.
//!
//! Whatever asks for it (files, a signal, an operator), there is one way: load, check, compile,
//! pre-initialise, run the set's own cases, tell the tenant's chain, swap one pointer. It is gone by
//! one task, so there is one reload at a time; what is asked meanwhile is answered by one more. What
//! fails leaves everything as it was. Requests under way keep the set that they began with.

mod files;
mod pipeline;
mod status;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::{Digest, Person, Tenant};
use writ_engine::Engine;
use writ_store::Store;

use crate::clock::now_ms;
use crate::config::{Fixed, Origin};
use crate::service::Service;
use files::Look;
pub use pipeline::{Candidate, Phase, Refusal, prepare};
pub use status::{Failed, Status};

/// What leads to a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The host has started.
    Start,
    /// A file has changed.
    File,
    /// The process was told to, by `SIGHUP`.
    Signal,
    /// Somebody asked for it.
    Request(Person),
}

/// What came of one.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Another set decides.
    Activated(Digest),
    /// The set that decides is the one that was loaded.
    Unchanged(Digest),
    /// The set before it decides.
    Refused(Refusal),
}

/// Reloads the policy set of a service. Cheap to clone.
#[derive(Clone)]
pub struct Reload(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// What the host was started with.
    started: Fixed,
    // Guards who waits for the next reload; held to add or to take, never across an await.
    asked: Mutex<Vec<Asked>>,
    wake: Notify,
    // Guards what is told of the set that decides, and what its files were when they were read; held
    // to copy or to replace, never across an await.
    state: Mutex<State>,
}

struct State {
    status: Status,
    look: Look,
}

/// What reloading needs.
pub struct Parts {
    /// What is read again.
    pub origin: Origin,
    /// What loads policies.
    pub engine: Engine,
    /// What decides by them.
    pub service: Arc<Service>,
    /// What keeps the evidence.
    pub store: Store,
    /// Whose set it is.
    pub tenant: Tenant,
}

/// Somebody who wants a reload.
struct Asked {
    trigger: Trigger,
    done: oneshot::Sender<Outcome>,
}

impl Trigger {
    /// Its name in answers, events and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Request(_) => "request",
        }
    }

    /// Who asked.
    pub fn by(&self) -> Option<&Person> {
        match self {
            Self::Request(person) => Some(person),
            Self::Start | Self::File | Self::Signal => None,
        }
    }
}

impl Outcome {
    /// Its name in answers, metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Activated(_) => "activated",
            Self::Unchanged(_) => "unchanged",
            Self::Refused(_) => "refused",
        }
    }

    /// Every name, for closed label sets.
    pub const NAMES: &'static [&'static str] = &["activated", "unchanged", "refused"];
}

impl Reload {
    /// For a service that decides by `first`. `started` is what the host was started with.
    pub fn new(parts: Parts, started: Fixed, first: Candidate) -> Self {
        let status = Status::started(&first, now_ms());
        let state = State { status, look: first.look };
        Self(Arc::new(Inner {
            parts,
            started,
            asked: Mutex::default(),
            wake: Notify::new(),
            state: Mutex::new(state),
        }))
    }

    /// What decides now, and what became of the last reload.
    pub fn status(&self) -> Status {
        self.state().status.clone()
    }

    /// Reloads, and says what came of it. Whoever stops waiting does not take it back.
    ///
    /// None where the host stops meanwhile.
    pub async fn ask(&self, trigger: Trigger) -> Option<Outcome> {
        let (done, outcome) = oneshot::channel();
        self.asked().push(Asked { trigger, done });
        self.0.wake.notify_one();
        outcome.await.ok()
    }

    /// Reloads whenever somebody asks, for as long as it is polled.
    pub async fn answer(self) {
        loop {
            self.0.wake.notified().await;
            let asked = std::mem::take(&mut *self.asked());
            // One reload for all who asked before it began; told as a person's where there is one.
            let by_person = asked.iter().find(|asked| asked.trigger.by().is_some());
            let Some(Asked { trigger, .. }) = by_person.or(asked.first()) else { continue };
            let outcome = self.reload(&trigger.clone()).await;
            for Asked { done, .. } in asked {
                // Who no longer waits has given up on the answer, not on the reload.
                done.send(outcome.clone()).ok();
            }
        }
    }

    async fn reload(&self, trigger: &Trigger) -> Outcome {
        let before = self.state().look.clone();
        let prepared = pipeline::again(&self.0.parts, &self.0.started, before).await;
        let (look, prepared) = (prepared.look, prepared.candidate);
        let outcome = match prepared {
            Ok((candidate, restart)) => self.activate(candidate, restart, trigger).await,
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.state().look = look;
        if let Outcome::Refused(refusal) = &outcome {
            self.refuse(refusal, trigger).await;
        }
        self.0.parts.service.metrics().reloaded(&outcome);
        outcome
    }

    /// Tells of a set, and then decides by it.
    async fn activate(
        &self,
        candidate: Candidate,
        restart: Vec<String>,
        trigger: &Trigger,
    ) -> Outcome {
        self.warn_of_restart(&restart);
        let service = &self.0.parts.service;
        let (digest, was) = (candidate.snapshot.digest, service.active().digest);
        if digest == was {
            self.state().status.confirmed(&candidate, restart);
            tracing::debug!(%digest, trigger = trigger.name(), "the policy set is as it was");
            return Outcome::Unchanged(digest);
        }
        let fact = Fact::SetActivated {
            policy_set: digest,
            was,
            trigger: trigger.name().to_owned(),
            by: trigger.by().cloned(),
        };
        if let Err(refusal) = self.tell(digest, fact).await {
            return Outcome::Refused(refusal);
        }
        let (bindings, cases) = (candidate.snapshot.bindings.len(), candidate.cases);
        let status = Status::activated(&candidate, trigger, restart, now_ms());
        service.activate(candidate.snapshot);
        self.state().status = status;
        let by = trigger.by().map(ToString::to_string);
        let trigger = trigger.name();
        tracing::info!(%digest, %was, trigger, by, bindings, cases, "another policy set decides");
        Outcome::Activated(digest)
    }

    /// Tells why a set is not to decide: one line, one event, and the status.
    async fn refuse(&self, refusal: &Refusal, trigger: &Trigger) {
        let failed = Failed::new(refusal, trigger, now_ms());
        let is_told = {
            let mut state = self.state();
            let before = state.status.failure.replace(failed);
            // The same file, looked at once more, fails once more.
            *trigger == Trigger::File && before.is_some_and(|before| before.is_of(refusal))
        };
        let active = self.0.parts.service.active().digest;
        if is_told {
            return tracing::debug!(%active, "the policy set is still refused: {refusal}");
        }
        let by = trigger.by().map(ToString::to_string);
        let (phase, trigger_name) = (refusal.phase.name(), trigger.name());
        tracing::error!(%active, phase, trigger = trigger_name, by, "the policy set is not reloaded, and the one before it decides: {refusal}");
        let fact = Fact::SetRefused {
            active,
            policy_set: refusal.policy_set,
            trigger: trigger_name.to_owned(),
            by: trigger.by().cloned(),
            phase: phase.to_owned(),
            place: refusal.place.clone(),
        };
        // Where that fails, too, the log has it: a store that cannot be written says so itself.
        self.tell(active, fact).await.ok();
    }

    async fn tell(&self, about: Digest, fact: Fact) -> Result<(), Refusal> {
        let Parts { store, tenant, .. } = &self.0.parts;
        let told = store.tell(tenant, Evidence::of_tenant(now_ms(), about, fact)).await;
        told.map_err(|error| {
            tracing::error!(%error, "the change of the policy set cannot be recorded");
            Refusal::unrecorded(about)
        })
    }

    /// Says once what a file now says in vain.
    fn warn_of_restart(&self, restart: &[String]) {
        if restart != self.state().status.restart && !restart.is_empty() {
            let sections = restart.join(", ");
            tracing::warn!(
                sections,
                "these sections of the configuration have changed, which needs a restart"
            );
        }
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
