//! A policy set as a version of it is kept: its bindings as canonical JSON, and the components that
//! they name by digest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use writ_core::{Binding, BindingName, Commit, Digest, Json, Limits, Matcher, Mode};
use writ_engine::Engine;
use writ_store::{SetVersion, StoreError, StoredComponent};

use super::component::{AddError, ComponentReport, Kept};
use super::parsed::PARTS;
use super::snapshot::{Bound, Snapshot};
use super::source::Source;

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
    /// A binding's policy does not load on this host.
    #[error("version {number}: binding `{binding}` does not load: {why}")]
    Unloadable {
        /// Which version.
        number: u64,
        /// Which binding.
        binding: BindingName,
        /// Why.
        why: String,
    },
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
        let damaged = |what: String| StoredError::Damaged { number, what };
        let mut bindings = Vec::with_capacity(self.bindings.len());
        for stored in self.bindings {
            let (binding, digest) = (stored.name.clone(), stored.component);
            let component = kept.find(digest).await?;
            let component =
                component.ok_or_else(|| damaged(format!("its component {digest} is not there")))?;
            let unloadable = |why: String| StoredError::Unloadable { number, binding, why };
            match kept.check(&component).await {
                Ok(()) => {}
                Err(AddError::Store(error)) => return Err(error.into()),
                Err(error) => return Err(unloadable(error.to_string())),
            }
            let settings =
                Json::from_value(&stored.settings).map_err(|error| damaged(error.to_string()))?;
            let image = engine.load(&component, &settings, &stored.limits).await;
            let image = image.map_err(|error| unloadable(error.to_string()))?;
            bindings.push(stored.bound(image, settings).map_err(damaged)?);
        }
        let snapshot = Snapshot::new(bindings);
        match snapshot.digest == version.policy_set {
            true => Ok(snapshot),
            false => Err(damaged("it is another set than was kept".to_owned())),
        }
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

    fn bound(
        self,
        image: std::sync::Arc<writ_engine::Image>,
        settings: Json,
    ) -> Result<Bound, String> {
        let mut matcher = Matcher::default();
        let mut matches = BTreeMap::new();
        for (key, part) in PARTS {
            let Some(globs) = self.matches.get(key) else { continue };
            matcher = matcher.require(part, globs).map_err(|error| error.to_string())?;
            matches.insert(key, globs.clone());
        }
        if matches.len() != self.matches.len() {
            return Err(format!("`{}` matches what no request has", self.name));
        }
        let order = self.order.parse().map_err(|_| format!("`{}` is no order", self.order))?;
        // What a component was called where it came from may mean nothing here.
        let source = self.source.parse().unwrap_or(Source::Digest(self.component));
        let Self { name, mode, commit, .. } = self;
        let binding = Binding { name, matcher, mode, commit };
        Ok(Bound { binding, image, matches, source, order, settings })
    }
}

/// A component as it is kept, with what it says of itself.
pub(crate) fn component(bound: &Bound, bytes: Cow<'static, [u8]>) -> StoredComponent {
    let report = ComponentReport::of_image(&bound.image, bytes.len() as u64).text();
    let digest = bound.image.component_digest();
    StoredComponent { digest, bytes: bytes.into_owned(), report }
}
