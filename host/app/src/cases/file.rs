//! Case files: found, read, and checked before anything runs.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_core::json::InvalidJson;
use writ_core::ports::About;
use writ_core::{Action, Entity, Json, Request, Tenant};

use super::raw::{RawAction, RawCase, RawCases, RawEntity, RawRequest, RawStep};
use super::{Case, Given, Step, given};
use crate::config::ConfigError;
use crate::config::document::{Document, Place, at};
use crate::config::wording;
use crate::policy_set::PolicySetConfig;

/// How many files of cases a set may have.
const FILES_MAX: usize = 1_000;
/// How large each may be, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// How many steps all cases may have together: they are run whenever the set is loaded.
const STEPS_MAX: usize = 100_000;

/// A file of cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct CaseFile {
    /// Its name, which ends with `.toml` or `.json`.
    #[schema(example = "tests/budget.toml")]
    pub file: String,
    /// What it says.
    pub text: String,
}

/// Every case of a set, in the order of the files' names; none where the configuration names no
/// directory of them.
///
/// # Errors
/// The first file that cannot be used, and where in it.
pub fn read(config: &PolicySetConfig) -> Result<Vec<Case>, ConfigError> {
    parse_all(files(config)?)
}

/// The files of a set's cases, in the order of their names; none where the configuration names no
/// directory of them.
///
/// # Errors
/// The first that cannot be read.
pub fn files(config: &PolicySetConfig) -> Result<Vec<CaseFile>, ConfigError> {
    let Some(directory) = &config.tests else { return Ok(Vec::new()) };
    let names = names(config, directory)?.into_iter();
    let files = names.map(|file| {
        let text = config.root().read_text(&file, FILE_BYTES_MAX);
        let text =
            text.map_err(|error| config.document().error(&at!["tests", "directory"], error))?;
        Ok(CaseFile { file, text })
    });
    files.collect()
}

/// The cases of files.
///
/// # Errors
/// The first that cannot be used, and where in its file.
pub fn parse_all(files: Vec<CaseFile>) -> Result<Vec<Case>, ConfigError> {
    let mut cases = Vec::new();
    let mut steps = 0;
    for CaseFile { file, text } in files {
        for raw in parse(&file, text)? {
            let case = Case::of(&file, raw)?;
            steps += case.steps.len();
            cases.push(case);
        }
        if steps > STEPS_MAX {
            let message = format!("the cases have more than {STEPS_MAX} steps");
            return Err(ConfigError::in_file(Path::new(&file), message)
                .with_hint("keep cases that need not hold at each reload elsewhere"));
        }
    }
    Ok(cases)
}

/// The files of a directory that may hold cases, in the order of their names.
fn names(config: &PolicySetConfig, directory: &str) -> Result<Vec<String>, ConfigError> {
    let refused = |error: String| config.document().error(&at!["tests", "directory"], error);
    let entries = config.root().dir().read_dir(directory).map_err(|error| {
        refused(format!(
            "the directory `{directory}` cannot be read: {error}\n\
             hint: give the path of a directory inside the configuration's directory"
        ))
    })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_of_cases = |name: &String| {
        let extension = Path::new(name).extension();
        !name.starts_with('.') && extension.is_some_and(|e| e == "json" || e == "toml")
    };
    let mut names: Vec<_> = names.filter(is_of_cases).collect();
    if names.len() > FILES_MAX {
        return Err(refused(format!("`{directory}` holds more than {FILES_MAX} files of cases")));
    }
    names.sort();
    Ok(names.into_iter().map(|name| format!("{directory}/{name}")).collect())
}

fn parse(name: &str, text: String) -> Result<Vec<RawCase>, ConfigError> {
    if name.ends_with(".toml") {
        return Document::new(name, text).parse::<RawCases>().map(|cases| cases.case);
    }
    match text.trim_start().starts_with('[') {
        true => parse_json(name, &text),
        false => parse_json(name, &text).map(|case| vec![case]),
    }
}

fn parse_json<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let refused = |error: &serde_json::Error, path: &str| {
        let position = Some((error.line(), error.column()));
        let told = error.to_string();
        let message = told.rsplit_once(" at line ").map_or(told.as_str(), |(message, _)| message);
        let (message, hint) = wording::of_serde(message, path);
        ConfigError { place: Place { file: name.to_owned(), position }, message, hint }
    };
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| refused(error.inner(), &error.path().to_string()))?;
    reader.end().map(|()| value).map_err(|error| refused(&error, ""))
}

impl Case {
    fn of(file: &str, raw: RawCase) -> Result<Self, ConfigError> {
        let RawCase { name, given, request, expect, steps } = raw;
        let refused =
            |why: String| ConfigError::in_file(Path::new(file), format!("the case `{name}` {why}"));
        let steps = match (request, expect, steps) {
            (Some(request), Some(expect), steps) if steps.is_empty() => {
                vec![RawStep { at: None, after_seconds: None, request, expect }]
            }
            (None, None, steps) if !steps.is_empty() => steps,
            (None, None, _) => return Err(refused("has no steps".into())),
            _ => {
                return Err(refused(
                    "needs `request` and `expect`, or `steps` that have them\nhint: keep `steps`"
                        .into(),
                ));
            }
        };
        let mut now_ms = given.at.map_or(0, |at| at.0);
        let mut checked = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            let step = Step::of(step, now_ms)
                .map_err(|why| refused(format!("cannot be used, in step {}: {why}", index + 1)))?;
            now_ms = step.at_ms;
            checked.push(step);
        }
        let first = checked.first().map(|step| &step.request);
        let first = first.expect("a case has steps, as was looked at above");
        let approvals = given.approvals.into_iter().enumerate().map(|(index, raw)| {
            let about = match &raw.request {
                Some(request) => &request.clone().checked().map_err(|error| error.to_string())?,
                None => first,
            };
            let approval = given::approval(index, &raw)?;
            Ok((About::of(&Tenant::default(), about), approval))
        });
        let approvals = approvals.collect::<Result<_, String>>();
        let approvals = approvals.map_err(|why| refused(format!("cannot be used: {why}")))?;
        let given = Given { storage: given.storage, approvals };
        Ok(Self { file: file.to_owned(), given, steps: checked, name })
    }
}

impl Step {
    fn of(raw: RawStep, now_ms: u64) -> Result<Self, String> {
        let at_ms = match (raw.at, raw.after_seconds) {
            (Some(at), None) => at.0,
            (None, after) => now_ms.saturating_add(after.unwrap_or(0).saturating_mul(1_000)),
            (Some(_), Some(_)) => return Err("its time is given twice\nhint: keep `at`".into()),
        };
        raw.expect.check()?;
        let request = raw.request.checked().map_err(|error| error.to_string())?;
        Ok(Self { at_ms, request, expect: raw.expect })
    }
}

impl RawRequest {
    fn checked(self) -> Result<Request, InvalidJson> {
        let RawAction { name, properties } = self.action;
        Ok(Request {
            subject: self.subject.checked()?,
            action: Action { name, properties: Json::from_object(properties)? },
            resource: self.resource.checked()?,
            context: Json::from_object(self.context)?,
        })
    }
}

impl RawEntity {
    fn checked(self) -> Result<Entity, InvalidJson> {
        let Self { kind, id, properties } = self;
        Ok(Entity { kind, id, properties: Json::from_object(properties)? })
    }
}
