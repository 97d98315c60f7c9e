//! Runs case files against a policy, natively.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::case::{Case, CaseRequest, Commit, Step, parse_cases};
use super::host::TestHost;
use crate::decision::{Decision, Verdict};
use crate::json::Json;
use crate::policy::{Policy, configure};
use crate::request::{Action, Entity, Request};

/// Runs every case of every `*.json` file in a folder (relative to the crate that is tested).
///
/// # Panics
/// If the folder holds no case, a file is no case file, or a case does not hold; the text names
/// the file, the case, the step and the difference of each.
pub fn check_cases<P: Policy>(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let cases = read_cases(folder);
    assert!(!cases.is_empty(), "no case in `{}`", folder.display());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(file, case)| {
            let told = check_case::<P>(case).err()?;
            Some(format!("{file}: {}: {told}", case.name))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// Runs every step of every case of a folder on a host of its own, and finds those that ask it
/// anything. A policy without such steps is a pure function of the request, and the host
/// remembers its answers.
///
/// # Panics
/// If a step asks the host; the text names the file, the case and the step. If the folder holds no
/// step that can be run.
pub fn check_asks_nothing<P: Policy>(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let mut steps = 0;
    for (file, case) in read_cases(folder) {
        let Ok(policy) = configure::<P>(&case.settings.to_string()) else { continue };
        for (at, step) in case.steps.iter().enumerate() {
            let host = TestHost::new();
            // The answer itself is `check_cases`' matter.
            let _ = policy.evaluate(&Request::from(&step.request), &host);
            assert_eq!(host.calls(), 0, "{file}: {}: step {}", case.name, at + 1);
        }
        steps += case.steps.len();
    }
    assert!(steps > 0, "no step in `{}`", folder.display());
}

/// Every case of a folder with its file's name, in the order of the names.
///
/// # Panics
/// As [`check_cases`].
pub fn read_cases(folder: &Path) -> Vec<(String, Case)> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read `{}`: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a folder that is listed can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let parsed = parse_cases(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        cases.extend(parsed.into_iter().map(|case| (file.clone(), case)));
    }
    cases
}

/// Runs one case.
///
/// # Errors
/// Says which step differs, and how.
pub fn check_case<P: Policy>(case: &Case) -> Result<(), String> {
    let configured = configure::<P>(&case.settings.to_string());
    let policy = match (configured, &case.refused) {
        (Err(told), Some(refused)) if told.contains(refused) => return Ok(()),
        (Err(told), _) => return Err(format!("the settings are refused: {told}")),
        (Ok(_), Some(refused)) => return Err(format!("the settings are not refused: {refused}")),
        (Ok(policy), None) => policy,
    };
    let host = TestHost::new();
    for (at, step) in case.steps.iter().enumerate() {
        let outcome = run(&policy, &host, step, case.commit);
        step.expect.check(&outcome).map_err(|told| format!("step {}: {told}", at + 1))?;
    }
    if case.steps.is_empty() { Err("it has no steps".to_owned()) } else { Ok(()) }
}

fn run<P: Policy>(
    policy: &P,
    host: &TestHost,
    step: &Step,
    commit: Commit,
) -> Result<Decision, String> {
    if let Some(now_ms) = step.at_ms {
        host.set_time(now_ms);
    }
    host.set_begun(step.has_begun);
    let outcome = policy.evaluate(&Request::from(&step.request), host);
    let permitted = outcome.as_ref().is_ok_and(|decision| match decision.verdict {
        Verdict::Allow | Verdict::Amend(_) => true,
        Verdict::Abstain | Verdict::Deny(_) | Verdict::RequireApproval(_) => false,
    });
    let keeps = outcome.is_ok() && (permitted || commit == Commit::Always);
    if keeps && !step.has_begun {
        host.commit();
    } else {
        host.discard();
    }
    outcome
}

/// The request as the host would hand it over: canonical text, nothing parsed.
impl From<&CaseRequest> for Request {
    fn from(case: &CaseRequest) -> Self {
        let entity = |entity: &super::case::CaseEntity| Entity {
            kind: entity.kind.clone(),
            id: entity.id.clone(),
            properties: canonical(&entity.properties),
        };
        Self {
            subject: entity(&case.subject),
            action: Action {
                name: case.action.name.clone(),
                properties: canonical(&case.action.properties),
            },
            resource: entity(&case.resource),
            context: canonical(&case.context),
        }
    }
}

fn canonical(object: &Map<String, Value>) -> Json {
    let text = serde_json_canonicalizer::to_string(object).expect("values of a file are JSON");
    Json::from_text(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::Host;

    /// Counts every evaluation, and tells whether the action has begun.
    struct Counter;

    impl Policy for Counter {
        const NAME: &'static str = "counter";
        const VERSION: &'static str = "0.1.0";
        const SUMMARY: &'static str = "Counts.";
        const SETTINGS_SCHEMA: &'static str = "{}";
        type Settings = Value;

        fn configure(_: Value) -> Result<Self, String> {
            Ok(Self)
        }

        fn evaluate(&self, _: &Request, host: &impl Host) -> Result<Decision, String> {
            let count = host.increment("count", 1, None)?;
            Ok(Decision::allow().with("count", count).with("begun", host.has_begun()))
        }
    }

    fn step(has_begun: bool, count: u32) -> Value {
        json!({
            "has_begun": has_begun,
            "request": {
                "subject": {"type": "user", "id": "alice"},
                "action": {"name": "pay"},
                "resource": {"type": "account", "id": "7"},
            },
            "expect": {"verdict": "allow", "annotations": {"count": count, "begun": has_begun}},
        })
    }

    #[test]
    fn what_has_begun_is_told_so_and_keeps_nothing() {
        for commit in ["on-permit", "always"] {
            let steps = [step(false, 1), step(true, 2), step(true, 2), step(false, 2)];
            let case = json!({"name": "n", "settings": {}, "commit": commit, "steps": steps});
            assert_eq!(check_case::<Counter>(&serde_json::from_value(case).unwrap()), Ok(()));
        }
    }

    #[test]
    #[should_panic(expected = "no step in `src`")]
    fn a_folder_without_steps_says_nothing_of_what_is_asked() {
        check_asks_nothing::<Counter>("src");
    }
}
