//! Reloading: from files that have changed to a policy set that decides, or to the one before it and
//! a reason.
//!
//! Whatever asks for it (files, a signal, an operator), there is one way: load, check, compile,
//! pre-initialise, run the set's own cases, tell the tenant's chain, swap one pointer. What files say is
//! prepared by one task, and what is asked of it meanwhile is answered by one more. Versions are taken
//! by another, so that whoever goes back waits for no file and no registry; and what decides is changed
//! by one of them at a time. What fails leaves everything as it was. Requests under way keep the set
//! that they began with.
//!
//! What decides is a version in the store. Where hosts share it, each decides by the version that is
//! active there, whichever host made it so.

mod adding;
mod files;
mod pipeline;
mod queue;
mod rollout;
mod status;
mod versions;
mod watch;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::rollout::Single;
use writ_core::text::visible;
use writ_core::{Digest, Person, Tenant};
use writ_engine::Engine;
use writ_store::{ActiveSet, Occasion, Store};

use crate::clock::now_ms;
use crate::config::{Fixed, Origin};
use crate::policy_set::{Kept, Snapshot, Trust};
use crate::registry::Registries;
use crate::service::Service;
use files::Look;
pub use pipeline::{Candidate, Phase, Refusal, prepare};
use queue::{Asked, Queue};
pub use rollout::{Draft, Ended, RolloutStatus};
pub use status::{Failed, Status};
pub use versions::{Begun, Versions};

/// How many versions stay ready to decide, so that going back to one takes no time.
const READY_MAX: usize = 5;
/// How much of a reason the chain of events tells, in characters.
const REASON_CHARS_MAX: usize = 500;
/// How long to rest where the version that decides elsewhere cannot be taken.
const REST: Duration = Duration::from_secs(1);
/// How a version is rolled out that decides for some.
const CANARY: &str = "canary";

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
    Request {
        /// Who.
        by: Person,
        /// Why, as they say; empty where they do not.
        comment: String,
    },
    /// Another host has made another version decide.
    Follow,
}

/// Which set is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What the files of this host say.
    Files,
    /// A version.
    Version(u64),
    /// A version that decides for some, if it still does.
    Promoted(u64),
    /// The version that decided before the one that does.
    Previous,
    /// The version that decides elsewhere.
    Active,
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
    /// Who waits for what the files say.
    files: Queue,
    /// Who waits for a version.
    versions: Queue,
    // Guards what is told of the set that decides, and what its files were when they were read; held
    // to copy or to replace, never across an await.
    state: Mutex<State>,
    /// Held while this host changes what decides.
    deciding: tokio::sync::Mutex<()>,
    /// Held while this host does as the store says of what is rolled out.
    rolling: tokio::sync::Mutex<()>,
    /// Rings when it could not.
    behind: Notify,
}

struct State {
    status: Status,
    look: Look,
    /// What the files said when they were last read.
    files: Digest,
    /// How often a version was chosen, here or elsewhere.
    chosen: u64,
    /// Versions that decided here, by their numbers, the last one at the end.
    ready: VecDeque<(u64, Snapshot)>,
    /// The version that is rolled out, or the last that was, as the store said last.
    rollout: Option<RolloutStatus>,
    /// The rollout that this host has let go of, whether or not the store knows.
    lapsed: Option<u64>,
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
    /// Whose signatures count, from the start to the end of the host.
    pub trust: Arc<Trust>,
    /// From whom components are pulled, from the start to the end of the host.
    pub registries: Arc<Registries>,
    /// Whether what its files say is to decide; otherwise it takes the version that does.
    pub leads: bool,
}

impl Parts {
    fn kept(&self) -> Kept<'_> {
        Kept { store: &self.store, tenant: &self.tenant, trust: &self.trust }
    }

    fn versions(&self) -> Versions<'_> {
        Versions { engine: &self.engine, kept: self.kept() }
    }
}

impl Trigger {
    /// Its name in answers, events and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Request { .. } => "request",
            Self::Follow => "follow",
        }
    }

    /// Who asked.
    pub fn by(&self) -> Option<&Person> {
        match self {
            Self::Request { by, .. } => Some(by),
            Self::Start | Self::File | Self::Signal | Self::Follow => None,
        }
    }

    /// The same, for a version that is made to try a single binding.
    fn to_try(&self, single: &Single) -> Self {
        let Single { binding, of, within } = single;
        let what = format!("`{binding}` of version {of}, within version {within}");
        let Self::Request { by, comment } = self else { return self.clone() };
        let comment = match comment.as_str() {
            "" => what,
            comment => format!("{what}: {comment}"),
        };
        Self::Request { by: by.clone(), comment }
    }

    /// What is kept of it beside what it leads to.
    pub(crate) fn occasion(&self) -> Occasion {
        let comment = match self {
            Self::Request { comment, .. } => comment.clone(),
            Self::Start | Self::File | Self::Signal | Self::Follow => String::new(),
        };
        Occasion { trigger: self.name().to_owned(), by: self.by().cloned(), comment }
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
    /// For a service that decides by what has begun. `started` is what the host was started with.
    pub fn new(parts: Parts, started: Fixed, begun: Begun) -> Self {
        let status = Status::started(&begun, now_ms());
        let Begun { snapshot, version, files, look, .. } = begun;
        let ready = version.map(|version| (version, snapshot)).into_iter().collect();
        let state = State { status, look, files, chosen: 0, ready, rollout: None, lapsed: None };
        Self(Arc::new(Inner {
            parts,
            started,
            files: Queue::default(),
            versions: Queue::default(),
            state: Mutex::new(state),
            deciding: tokio::sync::Mutex::default(),
            rolling: tokio::sync::Mutex::default(),
            behind: Notify::new(),
        }))
    }

    /// Whose signatures count.
    pub fn trust(&self) -> &Trust {
        &self.0.parts.trust
    }

    /// From whom components are pulled.
    pub fn registries(&self) -> &Registries {
        &self.0.parts.registries
    }

    /// What decides now, and what became of the last reload.
    pub fn status(&self) -> Status {
        self.state().status.clone()
    }

    /// Reloads, and says what came of it. Whoever stops waiting does not take it back.
    ///
    /// None where the host stops meanwhile.
    pub async fn ask(&self, wish: Wish, trigger: Trigger) -> Option<Outcome> {
        let queue = match wish {
            Wish::Files => &self.0.files,
            Wish::Version(_) | Wish::Promoted(_) | Wish::Previous | Wish::Active => {
                &self.0.versions
            }
        };
        queue.join(wish, trigger).await.ok()
    }

    /// Reloads whenever somebody asks, for as long as it is polled.
    pub async fn answer(self) {
        tokio::join!(self.answer_queue(&self.0.files), self.answer_queue(&self.0.versions));
    }

    async fn answer_queue(&self, queue: &Queue) {
        loop {
            let mut asked = queue.next().await;
            while let Some(first) = asked.first() {
                let wish = first.wish.clone();
                // Only those that follow each other: what was wished for last is what is to be.
                let same = asked.iter().take_while(|asked| asked.wish == wish).count();
                let others = asked.split_off(same);
                self.answer_all(&wish, asked).await;
                asked = others;
            }
        }
    }

    /// Once for all who asked for the same; told as a person's wish where one of them is.
    async fn answer_all(&self, wish: &Wish, asked: Vec<Asked>) {
        let by_person = asked.iter().find(|asked| asked.trigger.by().is_some());
        let Some(Asked { trigger, .. }) = by_person.or(asked.first()) else { return };
        let outcome = self.fulfil(wish, &trigger.clone()).await;
        for Asked { done, .. } in asked {
            // Who no longer waits has given up on the answer, not on the reload.
            done.send(outcome.clone()).ok();
        }
    }

    /// Takes the version that decides elsewhere, whenever that is another one, for as long as it is
    /// polled. Where nobody else can make one decide, there is nothing to do.
    pub async fn follow(self) {
        let store = &self.0.parts.store;
        if !store.is_shared() {
            return;
        }
        let mut changes = store.set_changes();
        // One may have been made to decide since this host began.
        changes.mark_changed();
        let mut is_behind = false;
        while changes.changed().await.is_ok() {
            let is_taken = match self.ask(Wish::Active, Trigger::Follow).await {
                None => return,
                Some(Outcome::Refused(_)) => false,
                Some(Outcome::Activated(_) | Outcome::Unchanged(_)) => {
                    let taken = self.take_rollout().await;
                    if let Err(refusal) = &taken
                        && !is_behind
                    {
                        tracing::error!("a version that is rolled out is not here: {refusal}");
                    }
                    is_behind = taken.is_err();
                    !is_behind
                }
            };
            if !is_taken {
                tokio::time::sleep(REST).await;
                changes.mark_changed();
            }
        }
    }

    async fn fulfil(&self, wish: &Wish, trigger: &Trigger) -> Outcome {
        let outcome = {
            // What files say takes its turn once it is prepared.
            let _turn = match wish {
                Wish::Files => None,
                _ => Some(self.0.deciding.lock().await),
            };
            match wish {
                Wish::Files => self.by_files(trigger).await,
                Wish::Version(number) => self.to_version(*number, None, trigger).await,
                Wish::Promoted(number) => self.to_canary(*number, trigger).await,
                Wish::Previous => self.to_previous(trigger).await,
                Wish::Active => self.to_active(trigger).await,
            }
        };
        let outcome = outcome.unwrap_or_else(Outcome::Refused);
        if let Outcome::Refused(refusal) = &outcome {
            self.refuse(refusal, trigger).await;
        }
        self.0.parts.service.metrics().reloaded(&outcome);
        // A version that decides from now on may have been rolled out.
        if matches!(outcome, Outcome::Activated(_))
            && let Err(refusal) = self.take_rollout().await
        {
            tracing::warn!("what is rolled out is not known: {refusal}");
        }
        outcome
    }

    async fn by_files(&self, trigger: &Trigger) -> Result<Outcome, Refusal> {
        let (before, chosen) = {
            let state = self.state();
            (state.look.clone(), state.chosen)
        };
        let prepared = pipeline::again(&self.0.parts, &self.0.started, before).await;
        self.state().look = prepared.look;
        let (candidate, restart) = prepared.candidate?;
        let _turn = self.0.deciding.lock().await;
        let service = &self.0.parts.service;
        let (digest, was) = (candidate.snapshot.digest, service.active().digest);
        // Whoever chose a version meanwhile did not mean this one.
        if digest != was && self.state().chosen != chosen {
            // It is what the files say, and no news the next time that they are read.
            self.note_files(digest).await?;
            return Err(Refusal::of_overtaken(digest));
        }
        self.warn_of_restart(&restart);
        // What files said before is no news: another version may have been chosen meanwhile.
        let is_news = self.state().files != digest || trigger.by().is_some();
        if digest == was || !is_news || !self.0.parts.leads {
            self.note_files(digest).await?;
            self.state().status.confirmed(&candidate, restart);
            tracing::debug!(%digest, trigger = trigger.name(), "the policy set is as it was");
            return Ok(Outcome::Unchanged(digest));
        }
        let (snapshot, cases) = (candidate.snapshot.clone(), candidate.cases);
        let versions = self.0.parts.versions();
        let number = versions.activate_files(candidate, Some(was), trigger).await?;
        self.state().files = digest;
        self.decide_by(number, snapshot, (cases, restart), (trigger, trigger.occasion()));
        Ok(Outcome::Activated(digest))
    }

    /// Remembers what the files say, here and for whoever starts next.
    async fn note_files(&self, files: Digest) -> Result<(), Refusal> {
        let Parts { store, tenant, leads, .. } = &self.0.parts;
        if *leads && self.state().files != files {
            store.note_set_files(tenant, files).await.map_err(Refusal::of_store)?;
        }
        self.state().files = files;
        Ok(())
    }

    /// To a version; where `only_if` is given, only while that rollout goes on.
    async fn to_version(
        &self,
        number: u64,
        only_if: Option<u64>,
        trigger: &Trigger,
    ) -> Result<Outcome, Refusal> {
        let active = self.active().await?;
        // Also who says so of the version that decides means no other.
        self.state().chosen += 1;
        if let Some(active) = active.filter(|active| active.number == number) {
            return self.take(active, trigger).await;
        }
        let snapshot = self.ready_or_loaded(number).await?;
        let (digest, was) = (snapshot.digest, self.0.parts.service.active().digest);
        let versions = self.0.parts.versions();
        let activated =
            versions.activate_version((number, only_if), (digest, was), trigger).await?;
        let number = activated.ok_or_else(|| match only_if {
            Some(_) => Refusal::of_no_rollout(number, CANARY),
            None => Refusal::of_version(number),
        })?;
        let restart = self.state().status.restart.clone();
        self.decide_by(number, snapshot, (0, restart), (trigger, trigger.occasion()));
        Ok(Outcome::Activated(digest))
    }

    async fn to_canary(&self, number: u64, trigger: &Trigger) -> Result<Outcome, Refusal> {
        let rollout = self.rollout_of(number, CANARY).await?;
        self.to_version(number, Some(rollout.id), trigger).await
    }

    async fn to_previous(&self, trigger: &Trigger) -> Result<Outcome, Refusal> {
        match self.active().await?.and_then(|active| active.previous) {
            Some(previous) => self.to_version(previous, None, trigger).await,
            None => Err(Refusal::of_no_previous()),
        }
    }

    async fn to_active(&self, trigger: &Trigger) -> Result<Outcome, Refusal> {
        match self.active().await? {
            Some(active) => self.take(active, trigger).await,
            None => Ok(Outcome::Unchanged(self.0.parts.service.active().digest)),
        }
    }

    /// Decides by the version that decides elsewhere.
    async fn take(&self, active: ActiveSet, trigger: &Trigger) -> Result<Outcome, Refusal> {
        let ActiveSet { number, occasion, .. } = active;
        let digest = self.0.parts.service.active().digest;
        if self.state().status.version == Some(number) {
            self.state().status.failure = None;
            return Ok(Outcome::Unchanged(digest));
        }
        let snapshot = self.ready_or_loaded(number).await?;
        let digest = snapshot.digest;
        let restart = self.state().status.restart.clone();
        // Somebody has chosen it elsewhere.
        self.state().chosen += 1;
        self.decide_by(number, snapshot, (0, restart), (trigger, occasion));
        Ok(Outcome::Activated(digest))
    }

    async fn active(&self) -> Result<Option<ActiveSet>, Refusal> {
        let Parts { store, tenant, .. } = &self.0.parts;
        store.active_set(tenant).await.map_err(Refusal::of_store)
    }

    async fn ready_or_loaded(&self, number: u64) -> Result<Snapshot, Refusal> {
        let ready = self.state().ready.iter().find(|(ready, _)| *ready == number).cloned();
        match ready {
            Some((_, snapshot)) => Ok(snapshot),
            None => self.0.parts.versions().load(number).await,
        }
    }

    /// Swaps the set. Everything that can fail has been done.
    fn decide_by(
        &self,
        version: u64,
        snapshot: Snapshot,
        (cases, restart): (usize, Vec<String>),
        (trigger, occasion): (&Trigger, Occasion),
    ) {
        let service = &self.0.parts.service;
        let (digest, was) = (snapshot.digest, service.active().digest);
        let bindings = snapshot.bindings.len();
        service.activate(snapshot.clone());
        let mut state = self.state();
        state.ready.retain(|(ready, _)| *ready != version);
        state.ready.push_back((version, snapshot));
        while state.ready.len() > READY_MAX {
            state.ready.pop_front();
        }
        state.status = Status {
            policy_set: digest,
            version: Some(version),
            since_ms: now_ms(),
            trigger: trigger.clone(),
            occasion,
            bindings,
            cases,
            failure: None,
            restart,
        };
        drop(state);
        let by = trigger.by().map(ToString::to_string);
        let trigger = trigger.name();
        tracing::info!(version, %digest, %was, trigger, by, bindings, cases, "another policy set decides");
    }

    /// Tells why a set is not to decide: one line, one event, and the status.
    async fn refuse(&self, refusal: &Refusal, trigger: &Trigger) {
        let failed = Failed::new(refusal, trigger, now_ms());
        let is_told = {
            let mut state = self.state();
            let before = state.status.failure.replace(failed);
            // What nobody asked for, tried once more, fails once more.
            trigger.by().is_none() && before.is_some_and(|before| before.is_of(refusal))
        };
        let active = self.0.parts.service.active().digest;
        if is_told {
            let reason = visible(refusal.reason());
            return tracing::debug!(%active, "the policy set is still refused: {reason}");
        }
        self.tell(refusal, trigger).await;
    }

    /// Tells why a set is refused: one line, one event.
    async fn tell(&self, refusal: &Refusal, trigger: &Trigger) {
        let active = self.0.parts.service.active().digest;
        let by = trigger.by().map(ToString::to_string);
        let (phase, trigger_name) = (refusal.phase.name(), trigger.name());
        // It may quote files, and is one line of the log whatever they say.
        let (reason, hint) = (visible(refusal.reason()), refusal.hint.as_deref().map(visible));
        tracing::error!(%active, phase, trigger = trigger_name, by, hint, "a policy set is refused, and what decides stays as it is: {reason}");
        let fact = Fact::SetRefused {
            active,
            policy_set: refusal.policy_set,
            trigger: trigger_name.to_owned(),
            by: trigger.by().cloned(),
            phase: phase.to_owned(),
            place: refusal.place.clone(),
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        };
        // Where that fails, too, the log has it: a store that cannot be written says so itself.
        let Parts { store, tenant, .. } = &self.0.parts;
        store.tell(tenant, Evidence::of_tenant(now_ms(), active, fact)).await.ok();
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
