//! Each guest of `policies/hostile/` against a real server: it is stopped with its own code, and
//! the same server then answers a good request.
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use writ_core::Limits;
use writ_testkit::guests;
use writ_testkit::server::Writ;

const WRIT: &str = env!("CARGO_BIN_EXE_writ");

/// How much more memory the server may hold after an attack than before, in KiB.
const KEPT_KIB_MAX: u64 = 5 << 10;

/// A server with a hostile policy for `attack` and a good one for `read`.
fn server(rule: &str, limits: &str) -> Writ {
    let config = format!(
        r#"
        [log]
        level = "error"

        [[binding]]
        name = "hostile"
        source = "hostile.wasm"
        match = {{ action = "attack" }}
        {limits}

        [[binding]]
        name = "good"
        source = "builtin:tool-list"
        match = {{ action = "read" }}
        settings = {{ allow = ["read"] }}
        "#
    );
    let component = guests::bytes(&format!("hostile/{rule}"));
    Writ::start(WRIT, &config, &[("hostile.wasm", component)])
}

fn ask(server: &Writ, action: &str) -> Value {
    let request = json!({
        "subject": {"type": "agent", "id": "a1"},
        "action": {"name": action},
        "resource": {"type": "file", "id": "f1"},
    });
    let reply = server.client().post("/access/v1/evaluation", &request.to_string());
    let reply = reply.expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn answers_the_next_good_request(server: &Writ) {
    let answer = ask(server, "read");
    assert_eq!(answer["decision"], true, "{answer}");
}

/// What the server's process holds, in KiB, where the system tells.
fn resident_kib(server: &Writ) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The guest is stopped with its code, again and again, and its memory returns.
fn is_stopped(rule: &str, limits: &str, fault: &str) {
    // A loaded machine must not end by its deadline what another limit is to end.
    let limits = if limits.is_empty() { "limits = { deadline-ms = 10_000 }" } else { limits };
    let server = server(rule, limits);
    let fuel_max = fuel_max(limits);
    // The first attack also pays for pages that the host keeps from then on.
    attack(&server, fault, fuel_max);
    let before = resident_kib(&server);
    for _ in 0..3 {
        attack(&server, fault, fuel_max);
        answers_the_next_good_request(&server);
    }
    if let (Some(before), Some(after)) = (before, resident_kib(&server)) {
        assert!(after <= before + KEPT_KIB_MAX, "{before} KiB before, {after} KiB after");
    }
}

/// The fuel that a binding with these limits has.
fn fuel_max(limits: &str) -> u64 {
    let table: toml::Table = limits.parse().unwrap();
    let given = table["limits"].get("fuel").and_then(toml::Value::as_integer);
    given.map_or(Limits::default().fuel, |fuel| fuel.unsigned_abs())
}

fn attack(server: &Writ, fault: &str, fuel_max: u64) {
    let answer = ask(server, "attack");
    assert_eq!(answer["decision"], false, "{answer}");
    assert_eq!(answer["context"]["code"], "denied-by-fault", "{answer}");
    let policy = &answer["context"]["policies"][0];
    assert_eq!(policy["fault"], fault, "{answer}");
    // It ran, and its own limit ended it: all of its fuel is burnt only where that is the limit.
    let fuel = policy["fuel"].as_u64().unwrap();
    assert!(0 < fuel && fuel <= fuel_max, "{answer}");
    assert_eq!(fuel == fuel_max, fault == "out-of-fuel", "{answer}");
    let text = answer.to_string();
    assert!(!text.contains("leaked"), "the caller reads what the guest said: {text}");
}

/// The guest is let run, and what it saw is what it should see: nothing.
fn sees(rule: &str, annotations: &Value) {
    let server = server(rule, "");
    let answer = ask(&server, "attack");
    assert_eq!(answer["decision"], true, "{answer}");
    assert_eq!(&answer["context"]["policies"][0]["annotations"], annotations);
    answers_the_next_good_request(&server);
}

/// A policy set with the component is refused, with a text that names the cause.
fn is_refused(rule: &str, settings: &str, told: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("hostile.wasm"),
        guests::bytes(&format!("hostile/{rule}")),
    )
    .unwrap();
    let config = format!(
        "[engine.load]\nconfigure-fuel = 100_000_000\n\n\
         [[binding]]\nname = \"hostile\"\nsource = \"hostile.wasm\"\n{settings}"
    );
    std::fs::write(directory.path().join("writ.toml"), config).unwrap();
    let output = Command::new(WRIT)
        .args(["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{rule} was taken");
    for part in told {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

macro_rules! stopped {
    ($($name:ident: $rule:literal, $fault:literal $(, $limits:literal)?;)+) => {
        $(#[test]
        fn $name() {
            is_stopped($rule, concat!("" $(, $limits)?), $fault);
        })+
    };
}

macro_rules! refused {
    ($($name:ident: $rule:literal, $($told:literal),+;)+) => {
        $(#[test]
        fn $name() {
            is_refused($rule, "", &[$($told),+]);
        })+
    };
}

stopped! {
    loop_in_evaluate_runs_out_of_fuel: "loop-in-evaluate", "out-of-fuel";
    loop_in_evaluate_ends_at_its_deadline: "loop-in-evaluate", "deadline-exceeded",
        "limits = { fuel = 100_000_000_000 }";
    deep_recursion_overflows_its_stack_only: "deep-recursion", "stack-overflow";
    memory_bomb_gets_its_limit: "memory-bomb", "memory-limit",
        "limits = { fuel = 1_000_000_000, deadline-ms = 10_000 }";
    table_bomb_gets_its_limit: "table-bomb", "table-limit";
    resource_flood_gets_its_limit: "resource-flood", "handle-limit";
    panic_is_a_trap: "panic", "trap";
    returns_error_is_not_quoted: "returns-error", "guest-error";
    host_call_flood_gets_its_limit: "host-call-flood", "host-call-limit";
    storage_flood_gets_its_limit: "storage-flood", "host-call-bytes-limit";
    storage_key_flood_gets_its_limit: "storage-key-flood", "host-call-limit";
    huge_log_gets_its_limit: "huge-log", "log-limit";
    huge_result_is_not_copied: "huge-result", "result-too-large",
        "limits = { fuel = 100_000_000, deadline-ms = 10_000 }";
    overlapping_strings_are_not_copied: "overlapping-strings", "result-too-large";
    long_reason_breaks_the_contract: "long-reason", "result-invalid";
    malformed_json_breaks_the_contract: "malformed-json", "result-invalid";
    deep_json_breaks_the_contract: "deep-json", "result-invalid";
    bad_annotations_break_the_contract: "bad-annotations", "result-invalid";
    bad_requirement_breaks_the_contract: "bad-requirement", "result-invalid";
    wait_in_host_call_ends_at_its_time_out: "wait-in-host-call", "timeout",
        "limits = { timeout-ms = 50 }";
}

#[test]
fn wasi_file_sees_no_folder() {
    sees("wasi-file", &json!({"folders": 0, "opened": 0}));
}

#[test]
fn wasi_socket_reaches_nobody() {
    sees("wasi-socket", &json!({"tcp": false, "udp": false, "name": false}));
}

#[test]
fn wasi_environment_holds_nothing_of_the_host() {
    let server = server("wasi-environment", "");
    let first = ask(&server, "attack");
    let seen = &first["context"]["policies"][0]["annotations"];
    assert_eq!(seen["variables"], 0, "{first}");
    assert_eq!(seen["arguments"], 0, "{first}");
    let second = ask(&server, "attack");
    assert_eq!(seen["random"], second["context"]["policies"][0]["annotations"]["random"]);
}

refused! {
    forbidden_import_is_named: "forbidden-import", "evil:host/shell", "writ:host/storage";
    loop_in_configure_is_stopped: "loop-in-configure", "configure", "out-of-fuel";
    import_in_configure_is_forbidden: "import-in-configure", "configure";
    too_large_is_not_read: "too-large", "33554432";
    too_deep_loops_are_not_compiled: "too-deep-loops", "64";
    too_many_locals_are_not_compiled: "too-many-locals", "5000";
    huge_function_is_not_compiled: "huge-function", "1048576";
    too_many_instances_are_not_made: "too-many-instances", "100000", "64";
    too_deep_components_are_not_compiled: "too-deep-components", "8";
}

#[test]
fn every_hostile_guest_has_a_test_that_names_it() {
    let this = concat!(
        include_str!("hostile.rs"),
        include_str!("reload/refusing.rs"),
        include_str!("sensitive.rs"),
        include_str!("tools/directory.rs"),
        include_str!("tools/hostile.rs"),
        include_str!("tools/nesting.rs"),
    );
    let folder = guests::path("hostile").with_extension("");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let rule = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let names = [format!("\"{rule}\""), format!("\"hostile/{rule}\"")];
        assert!(names.iter().any(|name| this.contains(name)), "no test names `{rule}`");
    }
}
