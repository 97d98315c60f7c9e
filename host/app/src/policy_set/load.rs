//! From a checked policy set to one that is ready to decide: components are read, compiled and
//! configured.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use futures_util::future;
use writ_core::{Binding, BindingName, Digest, FaultCode, Limits, Matcher};
use writ_engine::{Described, Engine, Image, LoadError};
use writ_store::{ComponentSignature, StoreError};

use super::component::Kept;
use super::parsed::{PolicyBinding, PolicySetConfig};
use super::settings::Settings;
use super::snapshot::{Bound, Snapshot};
use super::source::{Found, Source, SourceError};
use super::trust::{SIGNATURE_BYTES_MAX, SIGNATURE_SUFFIX, Signed};
use crate::config::ConfigError;
use crate::config::document::at;
use crate::config::root::ReadError;
use crate::registry::PinnedReference;

/// Loads every binding's policy. Bindings load side by side, as far as the engine lets them.
///
/// # Errors
/// The first binding, in evaluation order, that does not load, with the line that is to be mended.
pub async fn load(
    engine: &Engine,
    config: &PolicySetConfig,
    component_bytes_max: usize,
) -> Result<Snapshot, ConfigError> {
    match load_whole(engine, config, component_bytes_max, None).await {
        Ok(whole) => Ok(whole.snapshot),
        Err(Unloaded::Refused(error)) => Err(error),
        Err(Unloaded::Unavailable(_)) => unreachable!("no store is asked"),
    }
}

/// A policy set is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Unloaded {
    /// The first binding, in evaluation order, that does not load, with the line that is to be mended.
    #[error(transparent)]
    Refused(#[from] ConfigError),
    /// The store cannot answer whether it has a component.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// A policy set, and what it is made of.
pub struct Whole {
    /// The set.
    pub snapshot: Snapshot,
    /// Its components, by digest.
    pub components: Components,
    /// Signatures of them that count.
    pub signatures: Vec<ComponentSignature>,
    /// Which of them a registry has given just now, and by which reference.
    pub pulled: Pulled,
}

/// The same, with all that the set is made of. What is named by a digest alone may be in a store, and so
/// may signatures.
///
/// # Errors
/// [`Unloaded`]
pub async fn load_whole(
    engine: &Engine,
    config: &PolicySetConfig,
    component_bytes_max: usize,
    kept: Option<Kept<'_>>,
) -> Result<Whole, Unloaded> {
    let one = |binding| Loading { engine, config, binding, kept }.bound(component_bytes_max);
    let bound = future::join_all(config.bindings.iter().map(one)).await;
    let (mut bindings, mut components) = (Vec::with_capacity(bound.len()), Components::new());
    let (mut signatures, mut pulled) = (Vec::new(), Pulled::new());
    for bound in bound {
        let Loaded { bound, bytes, signed, pulled_by } = bound?;
        let component = bound.image.component_digest();
        pulled.extend(pulled_by.map(|reference| (component, reference)));
        let signature = |Signed { by, text, .. }| ComponentSignature { component, key: by, text };
        signatures.extend(signed.map(signature));
        components.insert(component, bytes);
        bindings.push(bound);
    }
    Ok(Whole { snapshot: Snapshot::new(bindings), components, signatures, pulled })
}

/// By which references components were pulled, by their digests.
pub type Pulled = BTreeMap<Digest, PinnedReference>;

/// Components by their digests.
pub type Components = BTreeMap<Digest, Cow<'static, [u8]>>;

/// A policy set of one component that decides every request, under the default limits.
///
/// # Errors
/// Where the component or its settings are refused.
pub async fn load_single(
    engine: &Engine,
    name: BindingName,
    component: (&Source, &[u8]),
    settings: &Settings,
) -> Result<Snapshot, ConfigError> {
    let (source, bytes) = component;
    let refused = |error: LoadError| {
        ConfigError::in_file(Path::new(&source.to_string()), format!("this does not load: {error}"))
    };
    let image = match image(engine, bytes, settings, &Limits::default()).await {
        Ok(image) => image,
        Err(Refused::Component(error)) => return Err(refused(error)),
        Err(Refused::Settings(error)) => return Err(error),
        Err(Refused::Configure(error)) if is_refusal(&error) => {
            return Err(settings.error(format!("the policy does not load: {error}")));
        }
        Err(Refused::Configure(error)) => return Err(refused(error)),
    };
    let matcher = Matcher::default();
    let binding = Binding { name, matcher, mode: Default::default(), commit: Default::default() };
    let matches = Default::default();
    let (source, settings) = (source.clone(), settings.json().clone());
    Ok(Snapshot::new(vec![Bound { binding, image, matches, source, order: 0, settings }]))
}

/// What is to be mended where a policy does not load.
pub(super) enum Refused {
    Component(LoadError),
    Settings(ConfigError),
    /// `configure` failed on settings that satisfy the schema: either may be to blame.
    Configure(LoadError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(error) | Self::Configure(error) => error.fmt(f),
            Self::Settings(error) => error.fmt(f),
        }
    }
}

/// Whether the policy itself refused its settings.
fn is_refusal(error: &LoadError) -> bool {
    matches!(error, LoadError::ConfigureFailed { code: FaultCode::GuestError, .. })
}

/// Compiled code comes from a cache as a rule, so the schema is not asked for beforehand but taken
/// from what was loaded; and asked for only where `configure` refused settings that nobody checked.
pub(super) async fn image(
    engine: &Engine,
    component: &[u8],
    settings: &Settings,
    limits: &Limits,
) -> Result<Arc<Image>, Refused> {
    let error = match engine.load(component, settings.json(), limits).await {
        Ok(image) => {
            settings.check(&image.description().settings_schema).map_err(Refused::Settings)?;
            return Ok(image);
        }
        Err(error) => error,
    };
    match error {
        LoadError::ConfigureFailed { .. } => {
            if let Ok(report) = engine.report(component).await
                && let Some(Described::Policy(description)) = report.description
            {
                settings.check(&description.settings_schema).map_err(Refused::Settings)?;
            }
            Err(Refused::Configure(error))
        }
        LoadError::SettingsInvalid { .. } => Err(Refused::Settings(settings.error(error))),
        error => Err(Refused::Component(error)),
    }
}

/// A binding that is loaded.
struct Loaded {
    bound: Bound,
    bytes: Cow<'static, [u8]>,
    signed: Option<Signed>,
    pulled_by: Option<PinnedReference>,
}

struct Loading<'a> {
    engine: &'a Engine,
    config: &'a PolicySetConfig,
    binding: &'a PolicyBinding,
    kept: Option<Kept<'a>>,
}

impl Loading<'_> {
    async fn bound(self, component_bytes_max: usize) -> Result<Loaded, Unloaded> {
        let PolicyBinding { source, settings, limits, .. } = self.binding;
        let found = self.component(component_bytes_max).await?;
        // Before anything looks into it.
        let signed = self.signed(&found).await?;
        let Found { bytes, pulled_by, .. } = found;
        match image(self.engine, &bytes, settings, limits).await {
            Ok(image) => {
                let bound = Bound::new(self.binding, image);
                Ok(Loaded { bound, bytes, signed, pulled_by })
            }
            Err(Refused::Settings(error)) => Err(error.into()),
            Err(Refused::Component(error)) => {
                let message = format!("policy `{source}` does not load: {error}");
                Err(self.error("source", message).into())
            }
            Err(Refused::Configure(error)) => {
                let name = &self.binding.binding.name;
                let message = format!("binding `{name}` does not load: {error}");
                Err(self.error(settings.key(), message).into())
            }
        }
    }

    async fn component(&self, bytes_max: usize) -> Result<Found, Unloaded> {
        let PolicyBinding { source, digest, .. } = self.binding;
        let found = match (source, *digest) {
            (Source::Registry(reference), Some(digest)) => {
                // Who is named is who may be asked, whether or not anybody has to be.
                let registry = self.config.registries.named(reference);
                registry.map_err(|error| self.error("source", error))?;
                match self.find(&Source::Digest(digest), bytes_max).await? {
                    Err(SourceError::Unknown(_)) => Ok(self.pull(reference, bytes_max).await?),
                    found => found,
                }
            }
            _ => self.find(source, bytes_max).await?,
        };
        let found = found.map_err(|error| self.error("source", error))?;
        source.check_pin(*digest, &found.bytes).map_err(|error| self.error("digest", error))?;
        Ok(found)
    }

    /// A component that is here: in a file, in this program, in the store.
    async fn find(
        &self,
        source: &Source,
        bytes_max: usize,
    ) -> Result<Result<Found, SourceError>, StoreError> {
        let (known, root) = (source.clone(), self.config.root.clone());
        // Where nobody waits for the thread: a whole directory may be searched.
        let read = tokio::task::spawn_blocking(move || known.read(&root, bytes_max as u64)).await;
        let read = read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match (read, self.kept) {
            (Err(error @ SourceError::Unknown(digest)), Some(kept)) => {
                let found = kept.find(digest).await?;
                Ok(found.map(Found::elsewhere).ok_or(error))
            }
            (read, _) => Ok(read),
        }
    }

    async fn pull(
        &self,
        reference: &PinnedReference,
        bytes_max: usize,
    ) -> Result<Found, ConfigError> {
        let pulled = self.config.registries.pull(reference, bytes_max).await;
        let found = pulled.map(|bytes| Found::pulled(bytes, reference.clone()));
        found.map_err(|error| self.error("source", error))
    }

    /// Who signed it: by the file beside it, or by what the store has.
    async fn signed(&self, found: &Found) -> Result<Option<Signed>, Unloaded> {
        let trust = &self.config.trust;
        if !trust.has_keys() {
            return Ok(None);
        }
        let beside = self.beside(found)?;
        let mut signatures: Vec<_> = beside.clone().into_iter().collect();
        if let Some(kept) = self.kept {
            let known = kept.signatures(Digest::of(&found.bytes)).await?;
            signatures.extend(known.into_iter().map(|known| known.text));
        }
        let judged = trust.judge(&found.bytes, signatures.iter().map(String::as_str));
        let source = &self.binding.source;
        let refused = |error| format!("policy `{source}` is not to be loaded: {error}");
        let signed = judged.map_err(|error| self.error("source", refused(error)))?;
        let counts = |text: &str| signed.as_ref().is_some_and(|signed| signed.text == text);
        // Whoever put it there believes that it counts.
        if let Some((file, beside)) = found.file.as_ref().zip(beside)
            && !counts(&beside)
            && let Err(why) = trust.verify(&found.bytes, &beside)
        {
            let why = why.reason();
            tracing::warn!(
                "the signature `{file}{SIGNATURE_SUFFIX}` does not count, and `{file}` is loaded without it: {why}"
            );
        }
        Ok(signed)
    }

    fn beside(&self, found: &Found) -> Result<Option<String>, ConfigError> {
        let Some(file) = &found.file else { return Ok(None) };
        let name = format!("{file}{SIGNATURE_SUFFIX}");
        match self.config.root.read_text(&name, SIGNATURE_BYTES_MAX) {
            Ok(text) => Ok(Some(text)),
            Err(ReadError::Missing(_)) => Ok(None),
            Err(error) => Err(self.error("source", error)),
        }
    }

    fn error(&self, key: &'static str, message: impl std::fmt::Display) -> ConfigError {
        self.config.document.error(&at!["binding", self.binding.index, key], message)
    }
}
