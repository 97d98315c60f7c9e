//! A policy set as a version of it is kept: its bindings as canonical JSON, and the components that
//! they name by digest.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use writ_core::{Binding, BindingName, Commit, Digest, Json, Limits, Matcher, Mode};
use writ_engine::{Engine, Image};
use writ_store::{SetVersion, StoreError, StoredComponent};

use super::component::{AddError, ComponentReport, Kept};
use super::load::{Components, image};
use super::parsed::{NO_GLOBS, PARTS};
use super::settings::Settings;
use super::snapshot::{self, Bound, Snapshot};
use super::source::Source;
use crate::registry::PinnedReference;

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSet {
    /// The bindings, in the order in which their policies are evaluated.
    pub bindings: Vec<StoredBinding>,
}

/// What a version says of one binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredBinding {
    /// Its name.
    pub name: BindingName,
    /// Where the component came from.
    pub source: String,
    /// The component.
    pub component: Digest,
    /// Globs by part.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, Vec<String>>,
    /// What `configure` is given.
    pub settings: Value,
    /// What each evaluation runs under.
    pub limits: Limits,
    /// Whether its verdict counts.
    pub mode: Mode,
    /// When its storage writes are kept.
    pub commit: Commit,
    /// What the operator wrote for it; as text, since it may be larger than JSON's exact integers.
    pub order: String,
}

/// A version cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept is not what was kept.
    #[error("version {number} is damaged: {what}")]
    Damaged {
        /// Which version.
        number: u64,
        /// What is wrong with it.
        what: String,
    },
    /// It does not load on this host.
    #[error("version {number}: {unloadable}")]
    Unloadable {
        /// Which version.
        number: u64,
        /// Why.
        unloadable: Unloadable,
    },
}

/// A set cannot be loaded from what was kept of it.
#[derive(Debug, thiserror::Error)]
#[error("binding `{binding}` does not load: {why}")]
pub struct Unloadable {
    /// Which binding.
    pub binding: BindingName,
    /// Why.
    pub why: String,
}

impl StoredSet {
    /// What a version says of a set.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { bindings: snapshot.bindings.iter().map(StoredBinding::of).collect() }
    }

    /// Its text: canonical JSON (RFC 8785).
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("texts and exact numbers");
        let json = Json::from_value(&value).expect("settings and limits are exact JSON already");
        json.as_str().to_owned()
    }

    /// Reads such a text.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(version: &SetVersion) -> Result<Self, StoredError> {
        serde_json::from_str(&version.document).map_err(|error| StoredError::Damaged {
            number: version.number,
            what: error.to_string(),
        })
    }

    /// Makes a version ready to decide, on components that the store has.
    ///
    /// # Errors
    /// Where the store cannot answer, holds something else than was kept, or a policy does not load.
    pub async fn load(
        self,
        version: &SetVersion,
        (engine, kept): (&Engine, Kept<'_>),
    ) -> Result<Snapshot, StoredError> {
        let number = version.number;
        let snapshot = self.load_kept((engine, kept)).await?;
        let snapshot =
            snapshot.map_err(|unloadable| StoredError::Unloadable { number, unloadable })?;
        match snapshot.digest == version.policy_set {
            true => Ok(snapshot),
            false => {
                let what = "it is another set than was kept".to_owned();
                Err(StoredError::Damaged { number, what })
            }
        }
    }

    /// Makes it ready to decide, on components that the store has; or tells why it cannot.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn load_kept(
        self,
        (engine, kept): (&Engine, Kept<'_>),
    ) -> Result<Result<Snapshot, Unloadable>, StoreError> {
        let mut components = Components::new();
        for StoredBinding { name, component: digest, .. } in &self.bindings {
            if components.contains_key(digest) {
                continue;
            }
            // What is not there is told by who needs it.
            let Some(bytes) = kept.find(*digest).await? else { continue };
            match kept.check(&bytes).await {
                Ok(()) => components.insert(*digest, Cow::Owned(bytes)),
                Err(AddError::Store(error)) => return Err(error),
                Err(error) => {
                    let (binding, why) = (name.clone(), unkept(&error));
                    return Ok(Err(Unloadable { binding, why }));
                }
            };
        }
        Ok(self.load_from(engine, &components).await)
    }

    /// Makes it ready to decide, on these components.
    ///
    /// # Errors
    /// [`Unloadable`]
    pub async fn load_from(
        self,
        engine: &Engine,
        components: &BTreeMap<Digest, Cow<'_, [u8]>>,
    ) -> Result<Snapshot, Unloadable> {
        let mut bindings = Vec::with_capacity(self.bindings.len());
        for stored in self.bindings {
            let name = stored.name.clone();
            let bound = stored.load(engine, components).await;
            bindings.push(bound.map_err(|why| Unloadable { binding: name, why })?);
        }
        Ok(Snapshot::new(bindings))
    }

    /// The components that it is made of.
    pub fn components(&self) -> BTreeSet<Digest> {
        self.bindings.iter().map(|binding| binding.component).collect()
    }

    /// Its digest, as [`Snapshot::new`] has it.
    ///
    /// # Errors
    /// Where settings are such as cannot be.
    pub fn digest(&self) -> Result<Digest, String> {
        let facts: Result<_, _> = self.bindings.iter().map(StoredBinding::facts).collect();
        Ok(snapshot::digest(facts?))
    }
}

impl StoredBinding {
    fn of(bound: &Bound) -> Self {
        let matches = bound.matches.iter().map(|(key, globs)| ((*key).to_owned(), globs.clone()));
        Self {
            name: bound.binding.name.clone(),
            source: bound.source.to_string(),
            component: bound.image.component_digest(),
            matches: matches.collect(),
            settings: bound.settings.to_value(),
            limits: bound.image.limits().clone(),
            mode: bound.binding.mode,
            commit: bound.binding.commit,
            order: bound.order.to_string(),
        }
    }

    /// What the operator wrote for `order`; none where that is damaged.
    pub(super) fn order(&self) -> Option<i64> {
        self.order.parse().ok()
    }

    async fn load(
        self,
        engine: &Engine,
        components: &BTreeMap<Digest, Cow<'_, [u8]>>,
    ) -> Result<Bound, String> {
        let component = components.get(&self.component);
        let component =
            component.ok_or_else(|| format!("its component {} is not there", self.component))?;
        let settings = Json::from_value(&self.settings).map_err(|error| error.to_string())?;
        let settings = Settings::kept(&self.name, settings);
        // What comes from a stranger may ask for more than anybody can configure.
        let limits = self.limits.clone().checked().map_err(|error| error.to_string())?;
        let image = image(engine, component, &settings, &limits).await;
        let image = image.map_err(|refused| refused.to_string())?;
        self.bound(image, settings.json().clone())
    }

    fn facts(&self) -> Result<Value, String> {
        let Self { name, component, matches, settings, limits, mode, commit, order, .. } = self;
        let settings = Json::from_value(settings).map_err(|error| error.to_string())?;
        let image = Image::digest_of(*component, &settings, limits);
        Ok(snapshot::facts(name, image, matches, (*mode, *commit), order))
    }

    fn bound(
        self,
        image: std::sync::Arc<writ_engine::Image>,
        settings: Json,
    ) -> Result<Bound, String> {
        let mut matcher = Matcher::default();
        let mut matches = BTreeMap::new();
        for (key, part) in PARTS {
            let Some(globs) = self.matches.get(key) else { continue };
            if globs.is_empty() {
                return Err(NO_GLOBS.to_owned());
            }
            matcher = matcher.require(part, globs).map_err(|error| error.to_string())?;
            matches.insert(key, globs.clone());
        }
        if matches.len() != self.matches.len() {
            return Err(format!("`{}` matches what no request has", self.name));
        }
        let order = self.order().ok_or_else(|| format!("`{}` is no order", self.order))?;
        // What a component was called where it came from may mean nothing here.
        let source = self.source.parse().unwrap_or(Source::Digest(self.component));
        let Self { name, mode, commit, .. } = self;
        let binding = Binding { name, matcher, mode, commit };
        Ok(Bound { binding, image, matches, source, order, settings })
    }
}

/// Why a component that is kept is not loaded. No file lies beside it, and where no host starts, none
/// takes a push.
fn unkept(error: &AddError) -> String {
    match error {
        AddError::Untrusted(untrusted) => format!(
            "{}\nhint: start once without `require-signatures` and push the component with a signature \
             that counts (`writ policy push --signature`), or change the files so that they name another set",
            untrusted.reason()
        ),
        AddError::Refused(_) | AddError::Tool | AddError::Store(_) => error.to_string(),
    }
}

/// A component as it is kept, with what it says of itself, and by which reference it was pulled. What its
/// binding says of that is no proof of it.
pub(crate) fn component(
    bound: &Bound,
    bytes: Cow<'static, [u8]>,
    pulled_by: Option<&PinnedReference>,
) -> StoredComponent {
    let reference = pulled_by.map(ToString::to_string);
    let report = ComponentReport::of_image(&bound.image, bytes.len() as u64);
    let report = ComponentReport { reference, ..report }.text();
    let digest = bound.image.component_digest();
    StoredComponent { digest, bytes: bytes.into_owned(), report }
}
