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
mod deciding;
mod files;
mod following;
mod pipeline;
mod queue;
mod refusing;
mod rolling;
mod rollout;
mod status;
mod trigger;
mod versions;
mod watch;
mod wish;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use writ_core::{Digest, Tenant};
use writ_engine::Engine;
use writ_store::Store;

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
pub use trigger::Trigger;
pub use versions::{Begun, Versions};
use watch::Written;
pub use wish::{Outcome, Wish};

/// How long to rest where the version that decides elsewhere cannot be taken.
const REST: Duration = Duration::from_secs(1);

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
    /// Files that are being written to.
    written: Written,
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
            written: Written::default(),
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
