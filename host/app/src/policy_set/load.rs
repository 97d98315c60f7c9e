//! From a checked policy set to one that is ready to decide: components are read, compiled and
//! configured.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future;
use writ_core::Digest;
use writ_engine::{Engine, Image, LoadError};

use super::parsed::{PolicyBinding, PolicySetConfig};
use super::snapshot::{Bound, Snapshot};
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
    let one = |binding| Loading { engine, config, binding }.bound(component_bytes_max);
    let bound = future::join_all(config.bindings.iter().map(one)).await;
    Ok(Snapshot::new(bound.into_iter().collect::<Result<_, _>>()?))
}

struct Loading<'a> {
    engine: &'a Engine,
    config: &'a PolicySetConfig,
    binding: &'a PolicyBinding,
}

impl Loading<'_> {
    async fn bound(self, component_bytes_max: usize) -> Result<Bound, ConfigError> {
        let component = self.component(component_bytes_max as u64)?;
        let image = self.image(&component).await?;
        Ok(Bound::new(self.binding, image))
    }

    fn component(&self, bytes_max: u64) -> Result<Cow<'static, [u8]>, ConfigError> {
        let read = self.binding.source.read(&self.config.root, bytes_max);
        let component = read.map_err(|error| self.error("source", error))?;
        let Some(pinned) = self.binding.digest else {
            return Ok(component);
        };
        let found = Digest::of(&component);
        match found == pinned {
            true => Ok(component),
            false => Err(self.error(
                "digest",
                format!(
                    "`{}` is another component than the pinned one: its digest is `{found}`\n\
                     hint: if the change is meant, review the component and pin its new digest",
                    self.binding.source,
                ),
            )),
        }
    }

    /// Compiled code comes from the cache as a rule, so the schema is asked for afterwards, from
    /// what was loaded; and before only where `configure` refused settings that nobody had checked.
    async fn image(&self, component: &[u8]) -> Result<Arc<Image>, ConfigError> {
        let PolicyBinding { settings, limits, .. } = self.binding;
        let document = &self.config.document;
        match self.engine.load(component, settings.json(), limits).await {
            Ok(image) => {
                settings.check(&image.description().settings_schema, document)?;
                Ok(image)
            }
            Err(error) => {
                if error.code() == "configure-failed"
                    && let Ok(report) = self.engine.report(component).await
                    && let Some(description) = report.description
                {
                    settings.check(&description.settings_schema, document)?;
                }
                Err(self.refused(&error))
            }
        }
    }

    fn refused(&self, error: &LoadError) -> ConfigError {
        let message = format!("policy `{}` does not load: {error}", self.binding.source);
        match error.code() {
            "configure-failed" | "settings-invalid" => {
                self.binding.settings.error(message, &self.config.document)
            }
            _ => self.error("source", message),
        }
    }

    fn error(&self, key: &'static str, message: impl std::fmt::Display) -> ConfigError {
        self.config.document.error(&at!["binding", self.binding.index, key], message)
    }
}
