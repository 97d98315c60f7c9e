//! A policy set as it is meant: every name, glob, limit and setting checked, nothing loaded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use writ_core::binding::{InvalidGlob, Part};
use writ_core::{Binding, Digest, Limits, Matcher};

use super::raw::{Globs, RawBinding, RawMatch, RawTests};
use super::settings::Settings;
use super::source::Source;
use super::trust::Trust;
use crate::config::ConfigError;
use crate::config::document::{Document, Step, at};
use crate::config::root::Root;
use crate::registry::Registries;

/// The bindings of a configuration, in the order in which their policies are evaluated.
#[derive(Clone, Debug)]
pub struct PolicySetConfig {
    /// The bindings.
    pub bindings: Vec<PolicyBinding>,
    /// The directory of its cases, inside the configuration's; none where it has none.
    pub tests: Option<String>,
    /// Whose signatures count.
    pub trust: Arc<Trust>,
    /// From whom components are pulled.
    pub registries: Arc<Registries>,
    pub(super) document: Arc<Document>,
    pub(super) root: Arc<Root>,
}

impl PolicySetConfig {
    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// A file that says nothing is being written, or was lost: taken at its word, it would deny
    /// everything.
    pub(crate) fn not_emptied(&self) -> Result<(), ConfigError> {
        if !self.document.text().trim().is_empty() {
            return Ok(());
        }
        let hint = "one that is to deny everything can say so in a comment";
        Err(self.document.error(&[], "the file is empty").with_hint(hint))
    }
}

/// One binding, checked.
#[derive(Clone, Debug)]
pub struct PolicyBinding {
    /// Name, matcher, mode and commit.
    pub binding: Binding,
    /// What the matcher was made of: globs by part.
    pub matches: BTreeMap<&'static str, Vec<String>>,
    /// Where the component comes from.
    pub source: Source,
    /// The digest that the component must have, where the operator pinned it.
    pub digest: Option<Digest>,
    /// What `configure` is given.
    pub settings: Settings,
    /// Its place among the bindings: lower ones first, ties as in the file.
    pub order: i64,
    /// What each evaluation runs under.
    pub limits: Limits,
    /// Its position in the file, for errors.
    pub(super) index: usize,
}

/// Checks the bindings of a file.
///
/// # Errors
/// What is wrong first, in the file's order.
pub(crate) fn parse(
    (raw, tests): (Vec<RawBinding>, RawTests),
    (trust, registries): (Trust, Registries),
    document: Arc<Document>,
    root: Arc<Root>,
) -> Result<PolicySetConfig, ConfigError> {
    let file = File { document: &document, root: &root };
    let mut bindings = Vec::<PolicyBinding>::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let parsed = file.binding(index, raw)?;
        if let Some(first) = bindings.iter().find(|b| b.binding.name == parsed.binding.name) {
            return Err(file.duplicate(first, &parsed));
        }
        bindings.push(parsed);
    }
    bindings.sort_by_key(|binding| binding.order);
    let tests = tests.directory;
    let (trust, registries) = (Arc::new(trust), Arc::new(registries));
    Ok(PolicySetConfig { bindings, tests, trust, registries, document, root })
}

/// What `match` calls the parts of a request.
pub(super) const PARTS: [(&str, Part); 5] = [
    ("subject-type", Part::SubjectType),
    ("subject-id", Part::SubjectId),
    ("action", Part::ActionName),
    ("resource-type", Part::ResourceType),
    ("resource-id", Part::ResourceId),
];

struct File<'a> {
    document: &'a Arc<Document>,
    root: &'a Root,
}

impl File<'_> {
    fn binding(&self, index: usize, raw: RawBinding) -> Result<PolicyBinding, ConfigError> {
        let at = |key: &'static str| at!["binding", index, key];
        let name = self.checked(raw.name.parse(), at("name"))?;
        let source = self.checked(raw.source.parse(), at("source"))?;
        let digest = raw.digest.as_deref().map(str::parse).transpose();
        let digest = self.checked(digest, at("digest"))?;
        if digest.is_none() && matches!(source, Source::Registry(_)) {
            return Err(self.document.error(&at("source"), NO_DIGEST));
        }
        let (matcher, matches) = self.matches(index, raw.matches)?;
        let settings = match (raw.settings, raw.settings_file) {
            (Some(_), Some(_)) => return Err(self.twofold_settings(index)),
            (Some(table), None) => Settings::inline(self.document, at("settings"), table)?,
            (None, Some(name)) => self.settings_file(&name, at("settings-file"))?,
            (None, None) => Settings::none(self.document, at("settings")),
        };
        let limits = raw.limits.checked().map_err(|error| {
            let path = at!["binding", index, "limits", error.name()];
            self.document.error(&path, error)
        })?;
        Ok(PolicyBinding {
            binding: Binding { name, matcher, mode: raw.mode, commit: raw.commit },
            matches,
            source,
            digest,
            settings,
            order: raw.order,
            limits,
            index,
        })
    }

    fn matches(
        &self,
        index: usize,
        raw: RawMatch,
    ) -> Result<(Matcher, BTreeMap<&'static str, Vec<String>>), ConfigError> {
        let RawMatch { subject_type, subject_id, action, resource_type, resource_id } = raw;
        let globs = [subject_type, subject_id, action, resource_type, resource_id];
        let mut matcher = Matcher::default();
        let mut texts = BTreeMap::new();
        for ((key, part), globs) in PARTS.into_iter().zip(globs) {
            let Some(Globs(globs)) = globs else { continue };
            let path = at!["binding", index, "match", key];
            if globs.is_empty() {
                return Err(self.document.error(&path, NO_GLOBS));
            }
            matcher = self.required(matcher, part, &globs, &path)?;
            texts.insert(key, globs);
        }
        Ok((matcher, texts))
    }

    fn required(
        &self,
        matcher: Matcher,
        part: Part,
        globs: &[String],
        path: &[Step],
    ) -> Result<Matcher, ConfigError> {
        let hint = "`*` stands for any characters, `?` for one; write a list for alternatives";
        matcher
            .require(part, globs)
            .map_err(|error: InvalidGlob| self.document.error(path, error).with_hint(hint))
    }

    fn settings_file(&self, name: &str, path: Vec<Step>) -> Result<Settings, ConfigError> {
        let text = self.root.read_text(name, Settings::FILE_BYTES_MAX);
        Settings::parse(name, &self.checked(text, path)?)
    }

    fn checked<T, E: fmt::Display>(
        &self,
        result: Result<T, E>,
        path: Vec<Step>,
    ) -> Result<T, ConfigError> {
        result.map_err(|error| self.document.error(&path, error))
    }

    fn duplicate(&self, first: &PolicyBinding, second: &PolicyBinding) -> ConfigError {
        let name = &second.binding.name;
        let first = self.document.place(&at!["binding", first.index, "name"]);
        let message = format!("another binding is called `{name}`: {first}");
        self.document
            .error(&at!["binding", second.index, "name"], message)
            .with_hint("names are unique, since a binding's storage is kept under its name")
    }

    fn twofold_settings(&self, index: usize) -> ConfigError {
        self.document.error(
            &at!["binding", index, "settings-file"],
            "settings are given twice, in place and in a file\nhint: keep one of `settings` and `settings-file`",
        )
    }
}

const NO_DIGEST: &str = "a component in a registry needs its own digest beside its reference, so that no \
    registry is asked for what is here\nhint: add `digest = \"sha256:...\"`: that of the manifest's layer, which \
    `writ policy push oci:...` tells, too";

pub(super) const NO_GLOBS: &str =
    "an empty list of globs matches no request\nhint: leave the key out to match every request";
