//! From a checked policy set to one that is ready to decide: components are read, compiled and
//! configured.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::future;
use writ_core::{Binding, BindingName, Digest, FaultCode, Limits, Matcher};
use writ_engine::{Described, Engine, Image, LoadError};
use writ_store::StoreError;

use super::component::Kept;
use super::parsed::{PolicyBinding, PolicySetConfig};
use super::settings::Settings;
use super::snapshot::{Bound, Snapshot};
use super::source::{Source, SourceError};
use crate::config::ConfigError;
use crate::config::document::at;

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
        Ok((snapshot, _)) => Ok(snapshot),
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

/// The same, with the components that the set is made of, by digest. What is named by a digest alone
/// may be in a store.
///
/// # Errors
/// [`Unloaded`]
pub async fn load_whole(
    engine: &Engine,
    config: &PolicySetConfig,
    component_bytes_max: usize,
    kept: Option<Kept<'_>>,
) -> Result<(Snapshot, Components), Unloaded> {
    let one = |binding| Loading { engine, config, binding, kept }.bound(component_bytes_max);
    let bound = future::join_all(config.bindings.iter().map(one)).await;
    let (mut bindings, mut components) = (Vec::with_capacity(bound.len()), Components::new());
    for bound in bound {
        let (bound, component) = bound?;
        components.insert(bound.image.component_digest(), component);
        bindings.push(bound);
    }
    Ok((Snapshot::new(bindings), components))
}

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
enum Refused {
    Component(LoadError),
    Settings(ConfigError),
    /// `configure` failed on settings that satisfy the schema: either may be to blame.
    Configure(LoadError),
}

/// Whether the policy itself refused its settings.
fn is_refusal(error: &LoadError) -> bool {
    matches!(error, LoadError::ConfigureFailed { code: FaultCode::GuestError, .. })
}

/// Compiled code comes from a cache as a rule, so the schema is not asked for beforehand but taken
/// from what was loaded; and asked for only where `configure` refused settings that nobody checked.
async fn image(
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

struct Loading<'a> {
    engine: &'a Engine,
    config: &'a PolicySetConfig,
    binding: &'a PolicyBinding,
    kept: Option<Kept<'a>>,
}

impl Loading<'_> {
    async fn bound(
        self,
        component_bytes_max: usize,
    ) -> Result<(Bound, Cow<'static, [u8]>), Unloaded> {
        let PolicyBinding { source, settings, limits, .. } = self.binding;
        let component = self.component(component_bytes_max as u64).await?;
        match image(self.engine, &component, settings, limits).await {
            Ok(image) => Ok((Bound::new(self.binding, image), component)),
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

    async fn component(&self, bytes_max: u64) -> Result<Cow<'static, [u8]>, Unloaded> {
        let read = self.binding.source.read(&self.config.root, bytes_max);
        let component = match (read, self.kept) {
            (Ok(component), _) => component,
            (Err(error @ SourceError::Unknown(digest)), Some(kept)) => {
                let found = kept.find(digest).await?;
                Cow::Owned(found.ok_or_else(|| self.error("source", error))?)
            }
            (Err(error), _) => return Err(self.error("source", error).into()),
        };
        let pinned = self.binding.source.check_pin(self.binding.digest, &component);
        pinned.map_err(|error| self.error("digest", error))?;
        Ok(component)
    }

    fn error(&self, key: &'static str, message: impl std::fmt::Display) -> ConfigError {
        self.config.document.error(&at!["binding", self.binding.index, key], message)
    }
}
