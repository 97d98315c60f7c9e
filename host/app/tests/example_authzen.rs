//! AuthZEN's certification scenario against a running server, level by level.
//!
//! The requests and what must be answered are data in `examples/authzen/cases/`, where users read
//! them; this file says how a case is sent and compared, and knows nothing of the fixture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_testkit::http::{Client, Reply};
use writ_testkit::server::Writ;

const FILES: [&str; 5] = ["basic", "batch", "discovery", "basic-beyond", "batch-beyond"];

/// What the scenario's matrix asks for at each level that Writ offers.
const SECTIONS: [(Level, &[&str]); 5] = [
    (
        Level::BasicCore,
        &[
            "c-2-2-1", "c-2-2-2", "c-2-2-3", "c-2-2-8", "c-2-2-9", "c-2-3", "c-2-4-1", "c-2-4-2",
            "c-2-4-3", "c-2-4-4", "c-2-4-5", "c-2-4-6", "c-2-5-1", "c-2-5-2", "c-2-6",
        ],
    ),
    (Level::BasicProperties, &["c-2-2-4", "c-2-2-5", "c-2-2-6", "c-2-2-7"]),
    (
        Level::BatchCore,
        &["c-3-2-1", "c-3-2-2", "c-3-2-5", "c-3-2-6", "c-3-3", "c-3-4-1", "c-3-4-2", "c-3-4-3"],
    ),
    (Level::BatchProperties, &["c-3-2-3", "c-3-2-4", "c-3-2-7"]),
    (Level::Discovery, &["c-6"]),
];

#[test]
fn the_level_basic_holds() {
    check(&[Level::BasicCore, Level::BasicProperties]);
}

#[test]
fn the_level_batch_holds() {
    check(&[Level::BatchCore, Level::BatchProperties]);
}

#[test]
fn the_level_discovery_holds() {
    check(&[Level::Discovery]);
}

#[test]
fn what_the_levels_leave_open_is_answered_as_the_standard_says() {
    check(&[Level::Beyond]);
}

#[test]
fn every_section_of_the_levels_has_a_case() {
    let cases = cases();
    for (level, sections) in SECTIONS {
        let of_level = cases.iter().filter(|case| case.level == level);
        let covered: BTreeSet<_> = of_level.map(|case| case.section.as_str()).collect();
        let missing = sections.iter().find(|section| !covered.contains(*section));
        assert_eq!(missing, None, "{level:?} has no case of it");
    }
}

/// A request and what must be answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    name: String,
    level: Level,
    section: String,
    /// None: the file's.
    endpoint: Option<String>,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Null: no such header.
    #[serde(default = "application_json")]
    content_type: Option<String>,
    /// One of these is sent: JSON; a text; bytes in hexadecimal; or the file's base with other
    /// values at some JSON pointers. A `GET` without them has no body.
    body: Option<Value>,
    text: Option<String>,
    hex: Option<String>,
    set: Option<Map<String, Value>>,
    /// How often it is sent; each answer must be as expected.
    #[serde(default = "once")]
    repeat: u32,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    #[serde(default = "ok")]
    status: u16,
    /// The answer to a single evaluation: a boolean, or `any` for either.
    decision: Option<Value>,
    /// The answers to a batch.
    decisions: Option<Vec<Value>>,
    /// Members of the discovery document; `{host}` is where the server listens.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    BasicCore,
    BasicProperties,
    BatchCore,
    BatchProperties,
    Discovery,
    /// Not asked for by the scenario, but by the standard or by good sense.
    Beyond,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    endpoint: String,
    #[serde(default)]
    base: Value,
    cases: Vec<Case>,
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/authzen")
}

fn cases() -> Vec<Case> {
    FILES.iter().flat_map(|name| read(&example().join(format!("cases/{name}.json")))).collect()
}

fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).expect("the cases are beside the example");
    let CaseFile { endpoint, base, cases } =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let complete = |mut case: Case| {
        case.endpoint.get_or_insert_with(|| endpoint.clone());
        let says_it = case.body.is_some() || case.text.is_some() || case.hex.is_some();
        if !says_it && case.method == "POST" {
            case.body = Some(with(base.clone(), case.set.as_ref()));
        }
        case
    };
    cases.into_iter().map(complete).collect()
}

/// A request with other values at some JSON pointers; members on the way are made.
fn with(mut request: Value, set: Option<&Map<String, Value>>) -> Value {
    for (pointer, value) in set.into_iter().flatten() {
        let tokens = pointer.split('/').skip(1);
        *tokens.fold(&mut request, |place, token| &mut place[token]) = value.clone();
    }
    request
}

fn check(levels: &[Level]) {
    let config = std::fs::read_to_string(example().join("writ.toml")).expect("it is there");
    let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &[]);
    let mut failures = Vec::new();
    for case in cases().iter().filter(|case| levels.contains(&case.level)) {
        for _ in 0..case.repeat {
            let reply = send(&mut server.client(), case);
            let wrong = compare(&case.expect, &reply, &server.address().to_string());
            failures.extend(wrong.map(|it| format!("{} ({}): {it}", case.name, case.section)));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

fn send(client: &mut Client, case: &Case) -> Reply {
    let endpoint = case.endpoint.as_deref().expect("completed when it was read");
    let body = bytes(case);
    let mut head = client.head(&case.method, endpoint);
    head += &format!("Content-Length: {}\r\n", body.len());
    let content_type = case.content_type.iter().map(|value| ("Content-Type", value.as_str()));
    let others = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in content_type.chain(others) {
        head += &format!("{name}: {value}\r\n");
    }
    client.send(&head, &body).expect("the server answers every request")
}

fn bytes(case: &Case) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits");
    match (&case.text, &case.hex, &case.body) {
        (Some(text), _, _) => text.clone().into_bytes(),
        (None, Some(hex), _) => (0..hex.len()).step_by(2).map(|i| byte(&hex[i..i + 2])).collect(),
        (None, None, Some(body)) => body.to_string().into_bytes(),
        (None, None, None) => Vec::new(),
    }
}

/// What is wrong with an answer, if anything.
fn compare(expect: &Expect, reply: &Reply, host: &str) -> Option<String> {
    if reply.status != expect.status {
        return Some(format!("{} instead of {}: {}", reply.status, expect.status, reply.text()));
    }
    wrong_header(expect, reply)
        .or_else(|| wrong_decision(expect, &reply.json()))
        .or_else(|| wrong_metadata(expect, &reply.json(), host))
}

fn wrong_header(expect: &Expect, reply: &Reply) -> Option<String> {
    let kind = if reply.status == 200 { "application/json" } else { "application/problem+json" };
    let expected = expect.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    std::iter::once(("content-type", kind)).chain(expected).find_map(|(name, value)| {
        let found = reply.header(name);
        let same = found.is_some_and(|found| found.split(';').next() == Some(value));
        (!same).then(|| format!("header `{name}` is {found:?} instead of `{value}`"))
    })
}

fn wrong_decision(expect: &Expect, answer: &Value) -> Option<String> {
    if let Some(decision) = &expect.decision {
        return (!is_decision(answer, decision)).then(|| format!("not {decision}: {answer}"));
    }
    let decisions = expect.decisions.as_ref()?;
    let same = answer["evaluations"].as_array().is_some_and(|found| {
        found.len() == decisions.len()
            && found.iter().zip(decisions).all(|(found, decision)| is_decision(found, decision))
    });
    (!same).then(|| format!("not {}: {answer}", json!(decisions)))
}

fn is_decision(found: &Value, decision: &Value) -> bool {
    let shaped = found["decision"].is_boolean()
        && found.get("context").is_none_or(Value::is_object)
        && found.get("evaluations").is_none();
    shaped && (decision == "any" || found["decision"] == *decision)
}

fn wrong_metadata(expect: &Expect, answer: &Value, host: &str) -> Option<String> {
    let wrong = expect.metadata.iter().find_map(|(name, value)| {
        let (found, value) = (&answer[name], value.replace("{host}", host));
        (*found != value).then(|| format!("`{name}` is {found} instead of `{value}`"))
    });
    // What is not offered is not named; what is named is of the right type.
    let mut names = answer.as_object().into_iter().flat_map(Map::keys);
    let search = names.find(|name| name.starts_with("search_"));
    let capabilities = answer
        .get("capabilities")
        .filter(|list| !list.as_array().is_some_and(|list| list.iter().all(Value::is_string)));
    wrong
        .or_else(|| search.map(|name| format!("`{name}` is named, and not offered")))
        .or_else(|| capabilities.map(|list| format!("`capabilities` are {list}")))
}

fn post() -> String {
    "POST".into()
}

fn application_json() -> Option<String> {
    Some("application/json".into())
}

fn once() -> u32 {
    1
}

fn ok() -> u16 {
    200
}
