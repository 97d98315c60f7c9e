//! Versions of a tenant's policy set: numbered, never changed, and one of them decides.
//!
//! What a version says is its users' business: the store keeps texts and components under their
//! digests. A version, its components, that it decides from now on, and the event that tells so are
//! one transaction. Components that many versions share are kept once. What a version says is sealed,
//! since it holds settings; components are not, they are named by their digests.
//!
//! Nothing is removed: decisions, events and what may yet be rolled back to name versions by digest for
//! longer than the store could tell. A version is some kilobytes, and there is one a change.

use tokio::sync::watch;
use writ_core::chain::Evidence;
use writ_core::{Digest, Person, Tenant};

use crate::error::StoreError;
use crate::port::on;
use crate::rollouts::RolloutEnd;
use crate::sealing::{Sealed, Sealing};
use crate::store::Store;

/// How many versions a page may hold.
pub const SET_VERSIONS_MAX: u32 = 100;

/// How many components a page may hold.
pub const COMPONENTS_MAX: u32 = 100;

/// What led to a change: by which way, who, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occasion {
    /// The way, by a name that its users give it; empty where it was not kept.
    pub trigger: String,
    /// Who; none where nobody asked for it.
    pub by: Option<Person>,
    /// Why; empty where nobody said.
    pub comment: String,
}

/// A version of a policy set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetVersion {
    /// Its number within the tenant, from 1 and without a gap.
    pub number: u64,
    /// Digest of the set.
    pub policy_set: Digest,
    /// What it says, as JSON.
    pub document: String,
    /// What led to it.
    pub occasion: Occasion,
    /// When, in milliseconds since the Unix epoch.
    pub created_ms: u64,
}

/// A component, under its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredComponent {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says of itself, as JSON.
    pub report: String,
}

/// What is known of a component without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownComponent {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What it says of itself, as JSON.
    pub report: String,
    /// When it came, in milliseconds since the Unix epoch.
    pub added_ms: u64,
    /// The keys whose signatures of it are kept, as text, in order.
    pub signed_by: Vec<String>,
}

impl KnownComponent {
    /// Keys out of a column that holds all of them: none has a space.
    pub(crate) fn keys(column: Option<String>) -> Vec<String> {
        let mut keys: Vec<_> =
            column.iter().flat_map(|keys| keys.split(' ')).map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }
}

/// A component that somebody brings, whether or not a set is made of it.
#[derive(Debug)]
pub struct NewComponent {
    /// Whose.
    pub tenant: Tenant,
    /// The component.
    pub component: StoredComponent,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What the chain tells of it, where it is new.
    pub evidence: Evidence,
}

/// Which version decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveSet {
    /// Its number.
    pub number: u64,
    /// The version that decided before it; none where it is the first.
    pub previous: Option<u64>,
    /// Digest of what the files of a host said last; none where none said anything.
    pub files: Option<Digest>,
    /// Since when it decides, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What led to that.
    pub occasion: Occasion,
}

/// A set that may be new.
#[derive(Clone, Debug)]
pub struct NewSet {
    /// Digest of the set: a version that has it already is taken in place of a new one.
    pub policy_set: Digest,
    /// What it says, as JSON.
    pub document: String,
    /// What it is made of.
    pub components: Vec<StoredComponent>,
}

/// What the chain tells of a version, by its number; none where there is nothing to tell. Called once.
pub type ToldOfVersion = Box<dyn FnOnce(u64) -> Option<Evidence> + Send + Sync>;

/// A version that somebody makes, and that does not decide by that.
pub struct NewVersion {
    /// Whose.
    pub tenant: Tenant,
    /// What it is.
    pub set: NewSet,
    /// What leads to it.
    pub occasion: Occasion,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What the chain tells of it, where it is new.
    pub evidence: ToldOfVersion,
}

/// A version that is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptVersion {
    /// Its number.
    pub number: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Which set is to decide.
#[derive(Clone, Debug)]
pub enum Chosen {
    /// A set that the files of a host say, or that somebody sends. Boxed, since it may be large.
    Set(Box<NewSet>),
    /// A version that is there.
    Version(u64),
}

/// That another set decides from now on.
pub struct SetChange {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub chosen: Chosen,
    /// Digest of what the files of this host say, where they lead to it.
    pub files: Option<Digest>,
    /// What leads to it; of a new version, also what leads to that.
    pub occasion: Occasion,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The tenant's rollout that must go on for this to happen; none where it happens anyhow.
    pub only_if: Option<u64>,
    /// How the rollout of that version ends, where it is rolled out.
    pub promotes: RolloutEnd,
    /// How a rollout ends that was to be beside another version.
    pub overtakes: RolloutEnd,
    /// What the chain tells of it.
    pub evidence: ToldOfVersion,
}

impl std::fmt::Debug for NewVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewVersion").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SetChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetChange").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl NewSet {
    /// As it is to be kept. Its place is named as `policy_sets.named` does.
    fn seal(&mut self, sealing: &Sealing, tenant: &Tenant) {
        let (row, document) = (self.policy_set.hex(), std::mem::take(&mut self.document));
        self.document = sealing.seal(tenant, Sealed::PolicySet, (&row, 0), document);
    }
}

impl SetVersion {
    /// As it was given.
    fn opened(mut self, sealing: &Sealing, tenant: &Tenant) -> Result<Self, StoreError> {
        let row = self.policy_set.hex();
        let document = sealing.open(tenant, Sealed::PolicySet, (&row, 0), &self.document)?;
        self.document = document.into_owned();
        Ok(self)
    }
}

impl Store {
    /// Makes another set decide, as a new version where no version has its digest yet. Returns the
    /// version's number, and none where there is no such version, or no such rollout goes on. Durable when this returns; who
    /// stops waiting does not take it back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn activate_set(&self, mut change: SetChange) -> Result<Option<u64>, StoreError> {
        if let Chosen::Set(set) = &mut change.chosen {
            set.seal(on!(self, backend => backend.sealing()), &change.tenant);
        }
        on!(self, backend => backend.activate_set(change).await)
    }

    /// Keeps a set as a version, where no version has its digest yet; what decides stays as it is.
    /// Durable when this returns; who stops waiting does not take it back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_set(&self, mut new: NewVersion) -> Result<KeptVersion, StoreError> {
        new.set.seal(on!(self, backend => backend.sealing()), &new.tenant);
        on!(self, backend => backend.keep_set(new).await)
    }

    /// That the files of a host say a set, which decides already or was not let decide. Durable when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_set_files(&self, tenant: &Tenant, files: Digest) -> Result<(), StoreError> {
        on!(self, backend => backend.note_set_files(tenant, files).await)
    }

    /// Which version decides; none where none ever did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn active_set(&self, tenant: &Tenant) -> Result<Option<ActiveSet>, StoreError> {
        on!(self, backend => backend.active_set(tenant).await)
    }

    /// One version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Sealed`] where what it says does not open.
    pub async fn set_version(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<Option<SetVersion>, StoreError> {
        let found = on!(self, backend => backend.set_version(tenant, number).await)?;
        let sealing = on!(self, backend => backend.sealing());
        found.map(|version| version.opened(sealing, tenant)).transpose()
    }

    /// The version that has a digest.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Sealed`] where what it says does not open.
    pub async fn set_version_of(
        &self,
        tenant: &Tenant,
        policy_set: Digest,
    ) -> Result<Option<SetVersion>, StoreError> {
        let found = on!(self, backend => backend.set_version_of(tenant, policy_set).await)?;
        let sealing = on!(self, backend => backend.sealing());
        found.map(|version| version.opened(sealing, tenant)).transpose()
    }

    /// Versions, newest first: those before a number, at most so many, and never more than
    /// [`SET_VERSIONS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Sealed`] where what it says does not open.
    pub async fn set_versions(
        &self,
        tenant: &Tenant,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SetVersion>, StoreError> {
        let limit = limit.min(SET_VERSIONS_MAX);
        let found = on!(self, backend => backend.set_versions(tenant, before, limit).await)?;
        let sealing = on!(self, backend => backend.sealing());
        found.into_iter().map(|version| version.opened(sealing, tenant)).collect()
    }

    /// Keeps a component, and returns whether it is new. Durable when this returns; who stops waiting
    /// does not take it back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn add_policy_component(&self, new: NewComponent) -> Result<bool, StoreError> {
        on!(self, backend => backend.add_policy_component(new).await)
    }

    /// What is known of components, by digest: those after one, at most so many, and never more than
    /// [`COMPONENTS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn policy_components(
        &self,
        tenant: &Tenant,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<KnownComponent>, StoreError> {
        let limit = limit.min(COMPONENTS_MAX);
        on!(self, backend => backend.policy_components(tenant, after, limit).await)
    }

    /// What is known of one component.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn known_component(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Option<KnownComponent>, StoreError> {
        on!(self, backend => backend.known_component(tenant, digest).await)
    }

    /// A component.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn policy_component(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Option<StoredComponent>, StoreError> {
        on!(self, backend => backend.policy_component(tenant, digest).await)
    }

    /// A count that grows once another version decides for any tenant, or is rolled out, where other hosts share the
    /// database: wait for it to change, then ask which. Where none do, it never changes.
    pub fn set_changes(&self) -> watch::Receiver<u64> {
        on!(self, backend => backend.set_changes())
    }
}
