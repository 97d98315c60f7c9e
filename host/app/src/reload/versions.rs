//! Versions of the policy set: which one a host begins with, and making another one decide.

use std::borrow::Cow;
use std::collections::BTreeMap;

use writ_core::Digest;
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_engine::Engine;
use writ_store::{
    ActiveSet, Chosen, KeptVersion, NewSet, NewVersion, Occasion, SetChange, SetVersion,
};

use super::files::Look;
use super::{Candidate, Ended, Refusal, Trigger};
use crate::clock::now_ms;
use crate::policy_set::{Kept, Snapshot, StoredError, StoredSet, component};

/// The set that a host begins to decide by.
pub struct Begun {
    /// The set.
    pub snapshot: Snapshot,
    /// Its number; none where nothing keeps versions.
    pub version: Option<u64>,
    /// What led to its deciding.
    pub(super) occasion: Occasion,
    /// How many cases it was tested with here.
    pub cases: usize,
    /// Digest of what the files say, which may be another set.
    pub(super) files: Digest,
    pub(super) look: Look,
}

/// What keeps versions, and what loads them.
#[derive(Clone, Copy)]
pub struct Versions<'a> {
    /// What loads policies.
    pub engine: &'a Engine,
    /// What keeps versions, whose they are, and whose signatures count.
    pub kept: Kept<'a>,
}

impl Begun {
    /// With a set that nobody keeps, whose files nobody looks at.
    pub fn new(snapshot: Snapshot) -> Self {
        let files = snapshot.digest;
        let (occasion, look) = (Trigger::Start.occasion(), Look::default());
        Self { snapshot, version: None, occasion, cases: 0, files, look }
    }
}

impl Versions<'_> {
    /// With which set a host begins, whose files say `first`. The version that decides already is
    /// taken, also where the files say something older: unless they say what no host has said
    /// before, or, where the store is this host's alone, something else than they said last. Only a
    /// host that `leads` makes another version decide.
    ///
    /// # Errors
    /// Where the store does not answer, or the version that decides does not load here.
    pub async fn begin(self, first: Candidate, leads: bool) -> Result<Begun, Refusal> {
        let Kept { store, tenant, .. } = self.kept;
        let files = first.snapshot.digest;
        let (cases, look) = (first.cases, first.look.clone());
        let found = store.active_set(tenant).await.map_err(Refusal::of_store)?;
        let Some(active) = found else {
            let snapshot = first.snapshot.clone();
            let version = match leads {
                true => Some(self.activate_files(first, None, &Trigger::Start).await?),
                false => None,
            };
            let occasion = Trigger::Start.occasion();
            return Ok(Begun { snapshot, version, occasion, cases, files, look });
        };
        let number = active.number;
        let version = store.set_version(tenant, number).await.map_err(Refusal::of_store)?;
        let version = version.ok_or_else(|| Refusal::of_version(number))?;
        if version.policy_set == files {
            let (snapshot, occasion) = (first.snapshot, active.occasion);
            return Ok(Begun { snapshot, version: Some(number), occasion, cases, files, look });
        }
        if leads && self.is_news(&active, files).await? {
            let snapshot = first.snapshot.clone();
            let was = Some(version.policy_set);
            let version = self.activate_files(first, was, &Trigger::Start).await?;
            let (version, occasion) = (Some(version), Trigger::Start.occasion());
            return Ok(Begun { snapshot, version, occasion, cases, files, look });
        }
        tracing::warn!(
            version = number,
            "the files say another policy set than the one that decides, and one that is known: they are not used until they change"
        );
        let snapshot = self.load(number).await?;
        let (version, occasion) = (Some(number), active.occasion);
        Ok(Begun { snapshot, version, occasion, cases: 0, files, look })
    }

    async fn is_news(self, active: &ActiveSet, files: Digest) -> Result<bool, Refusal> {
        let Kept { store, tenant, .. } = self.kept;
        if active.files == Some(files) || !store.is_shared() {
            return Ok(active.files != Some(files));
        }
        let known = store.set_version_of(tenant, files).await.map_err(Refusal::of_store)?;
        Ok(known.is_none())
    }

    /// Makes the set of this host's files decide, and returns its number. What is the first set of a
    /// store is told by no event: nobody decided before it.
    pub(super) async fn activate_files(
        self,
        candidate: Candidate,
        was: Option<Digest>,
        trigger: &Trigger,
    ) -> Result<u64, Refusal> {
        let Candidate { snapshot, components, pulled, .. } = candidate;
        let policy_set = snapshot.digest;
        let mut known: BTreeMap<Digest, Cow<'static, [u8]>> = components;
        let components = snapshot.bindings.iter().filter_map(|bound| {
            // Several bindings may have one component.
            let digest = bound.image.component_digest();
            let bytes = known.remove(&digest)?;
            Some(component(bound, bytes, pulled.get(&digest)))
        });
        let set = NewSet {
            policy_set,
            document: StoredSet::of(&snapshot).text(),
            components: components.collect(),
        };
        let chosen = Chosen::Set(Box::new(set));
        let files = Some(policy_set);
        self.activate(chosen, (files, None), (policy_set, was), trigger)
            .await?
            .ok_or_else(|| Refusal::unrecorded(policy_set))
    }

    /// Makes a version decide, where `only_if` is given only while that rollout goes on; none where there
    /// is no such version, or it does not.
    pub(super) async fn activate_version(
        self,
        (number, only_if): (u64, Option<u64>),
        sets: (Digest, Digest),
        trigger: &Trigger,
    ) -> Result<Option<u64>, Refusal> {
        let ((policy_set, was), chosen) = (sets, Chosen::Version(number));
        self.activate(chosen, (None, only_if), (policy_set, Some(was)), trigger).await
    }

    async fn activate(
        self,
        chosen: Chosen,
        (files, only_if): (Option<Digest>, Option<u64>),
        (policy_set, was): (Digest, Option<Digest>),
        cause: &Trigger,
    ) -> Result<Option<u64>, Refusal> {
        let at_ms = now_ms();
        let occasion = cause.occasion();
        let Occasion { trigger, by, comment } = occasion.clone();
        let evidence = move |version| {
            let version = Some(version);
            let fact = Fact::SetActivated { policy_set, was: was?, version, trigger, by, comment };
            Some(Evidence::of_tenant(at_ms, policy_set, fact))
        };
        let tenant = self.kept.tenant.clone();
        let evidence = Box::new(evidence);
        let [promotes, overtakes] =
            ["promoted", "overtaken"].map(|because| Ended::by(because, cause).into_end());
        let change = SetChange {
            tenant,
            chosen,
            files,
            occasion,
            at_ms,
            only_if,
            promotes,
            overtakes,
            evidence,
        };
        self.kept.store.activate_set(change).await.map_err(Refusal::of_store)
    }

    /// Keeps a set as a version, which does not decide by that. The store has its components.
    pub(super) async fn keep(
        self,
        set: &StoredSet,
        policy_set: Digest,
        cause: &Trigger,
    ) -> Result<KeptVersion, Refusal> {
        let (at_ms, occasion) = (now_ms(), cause.occasion());
        let Occasion { by, comment, .. } = occasion.clone();
        let evidence = move |version| {
            let fact = Fact::SetAdded { policy_set, version, by, comment };
            Some(Evidence::of_tenant(at_ms, policy_set, fact))
        };
        let new = NewVersion {
            tenant: self.kept.tenant.clone(),
            set: NewSet { policy_set, document: set.text(), components: Vec::new() },
            occasion,
            at_ms,
            evidence: Box::new(evidence),
        };
        self.kept.store.keep_set(new).await.map_err(Refusal::of_store)
    }

    /// What a version says.
    pub(super) async fn read(self, number: u64) -> Result<(SetVersion, StoredSet), Refusal> {
        let Kept { store, tenant, .. } = self.kept;
        let version = store.set_version(tenant, number).await.map_err(Refusal::of_store)?;
        let version = version.ok_or_else(|| Refusal::of_version(number))?;
        let set = StoredSet::read(&version).map_err(Refusal::of_stored)?;
        Ok((version, set))
    }

    /// A version, ready to decide.
    pub(super) async fn load(self, number: u64) -> Result<Snapshot, Refusal> {
        let (version, set) = self.read(number).await?;
        set.load(&version, (self.engine, self.kept)).await.map_err(Refusal::of_stored)
    }
}

impl Refusal {
    fn of_stored(error: StoredError) -> Self {
        match error {
            StoredError::Store(error) => Self::of_store(error),
            error @ (StoredError::Damaged { .. } | StoredError::Unloadable { .. }) => {
                Self::of_loading("the store", error)
            }
        }
    }
}
