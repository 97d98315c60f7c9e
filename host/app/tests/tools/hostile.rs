//! Tools of `policies/hostile/` against a real server: each is stopped with its own code, and the same
//! server then runs a good tool.

use std::process::{Command, Stdio};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use writ_core::Digest;
use writ_testkit::guests;

use crate::world::{Tables, World, payout, text};

fn config(grants: &str, limits: &str) -> String {
    format!(
        "[[tools]]\nname = \"hostile\"\nsource = \"hostile.wasm\"\n\
         grants = {{ {grants} }}\nlimits = {{ {limits} }}\n"
    )
}

/// What becomes of a call of a hostile tool.
fn attack(rule: &str, limits: &str) -> Value {
    let component = guests::bytes(&format!("hostile/{rule}"));
    let world = World::with_more(&config("storage = true", limits), &[("hostile.wasm", component)]);
    let asked = world.ask("hostile", &json!({"cents": 1}));
    let ended =
        world.until(&asked, |seen| seen["status"] == "failed" || seen["result"].is_string());
    let good = world.ask("payout", &payout());
    world.answer(&good, 0, "reject");
    world.until_status(&good, "failed");
    ended
}

fn is_stopped(rule: &str, limits: &str, code: &str) {
    let ended = attack(rule, limits);
    let error = text(&ended["error"]);
    assert!(error.starts_with(&format!("{code}: ")), "{error}");
}

#[test]
fn a_tool_that_computes_for_ever_runs_out_of_fuel_or_time() {
    is_stopped("tool-loop", "fuel = 100_000_000", "out-of-fuel");
    is_stopped("tool-loop", "fuel = 100_000_000_000, deadline-ms = 50", "deadline-exceeded");
}

#[test]
fn a_tool_that_asks_for_ever_gets_its_limit() {
    is_stopped("tool-call-flood", "host-calls-max = 100", "host-call-limit");
    is_stopped("tool-call-flood", "journal-entries-max = 100", "journal-limit");
    is_stopped("tool-call-flood", "journal-bytes-max = 2_000", "journal-limit");
}

#[test]
fn a_question_that_breaks_the_contract_asks_nobody() {
    let ended = attack("tool-bad-requirement", "");
    assert_eq!(ended["error"], "requirement: 0 stages, must be 1 to 8");
    assert_eq!(ended["approvals"], json!([]));
}

#[test]
fn a_tool_that_departs_from_its_journal_is_told_where() {
    let spin = ("spin.wasm", guests::bytes("hostile/tool-spin"));
    let tool = "[[tools]]\nname = \"spin\"\nsource = \"spin.wasm\"\ngrants = { storage = true }\n";
    let mut world = World::with_more(tool, &[spin]);
    let asked = world.ask("spin", &json!({"cents": 1}));
    world.until(&asked, |seen| seen["approvals"][0].is_object());
    world.server.ask_to_stop();
    assert!(world.server.wait().success(), "what waits for people does not keep a server");
    world.server.restart();
    assert_eq!(world.see(&asked)["status"], "suspended");
    world.answer(&asked, 0, "approve");
    let failed = world.until_status(&asked, "failed");
    let told = "nondeterminism: the tool departs from its journal: host call 0 was `storage.set`, \
                and is `storage.set` now, with other arguments";
    assert_eq!(failed["error"], told);
}

#[test]
fn random_is_the_same_in_every_run_and_nobody_elses() {
    let random = ("random.wasm", guests::bytes("hostile/tool-random"));
    let tool =
        "[[tools]]\nname = \"random\"\nsource = \"random.wasm\"\ngrants = { storage = true }\n";
    let mut world = World::on(Tables::Sqlite, 0, tool, &[random]);
    let asked = [(); 2].map(|()| world.ask("random", &json!({"cents": 1})));
    asked.iter().for_each(|asked| drop(world.until_status(asked, "suspended")));
    world.kill();
    let drawn = asked.map(|asked| {
        world.answer(&asked, 0, "approve");
        let result = world.until_status(&asked, "succeeded")["result"].clone();
        let pair = [&result[0], &result[1]].map(text);
        assert_ne!(pair[0], pair[1]);
        let public = Digest::of_parts([b"writ random 1", text(&asked["id"]).as_bytes()]);
        let guess = ChaCha12Rng::from_seed(*public.as_bytes()).next_u64().to_string();
        assert_ne!(pair[0], guess, "it follows from what anybody may know");
        pair
    });
    assert_ne!(drawn[0], drawn[1]);
}

#[test]
fn a_tool_calls_itself_no_deeper_than_it_may() {
    let recursion = ("recursion.wasm", guests::bytes("hostile/tool-recursion"));
    let tool = "[[tools]]\nname = \"recursion\"\nsource = \"recursion.wasm\"\n\
                grants = { tools = [\"recursion\"] }\n";
    let world = World::with_more(tool, &[recursion]);
    let asked = world.ask("recursion", &json!({"cents": 1}));
    assert_eq!(world.until_status(&asked, "succeeded")["result"], 8);
    let listed = world.client(&world.agent).get("/v1/executions").unwrap().json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 8, "each call is an execution of its own, once");
    assert!(items.iter().all(|item| item["status"] == "succeeded"), "{listed:#}");
}

/// A configuration that is refused, with texts that name the cause.
pub(crate) fn is_refused(config: &str, component: Vec<u8>, told: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("hostile.wasm"), component).unwrap();
    std::fs::write(directory.path().join("writ.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it was taken");
    for part in told {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn what_is_not_granted_is_refused_by_its_name() {
    let flood = guests::bytes("hostile/tool-call-flood");
    let told = ["writ.toml:3", "the import `writ:host/storage@0.1.0` is not granted", "`storage`"];
    is_refused(&config("", ""), flood, &told);
    let recursion = guests::bytes("hostile/tool-recursion");
    let told = ["the import `writ:host/tools@0.1.0` is not granted", "`tools`"];
    is_refused(&config("storage = true", ""), recursion, &told);
}

#[test]
fn a_policy_is_no_tool_and_a_tool_no_policy() {
    let told = ["the component is a policy, and a tool is wanted here", "`[[binding]]`"];
    is_refused(&config("", ""), guests::dist_bytes("rules"), &told);
    let binding = "[[binding]]\nname = \"b\"\nsource = \"hostile.wasm\"\n";
    let told = ["the component is a tool, and a policy is wanted here", "`[[tools]]`"];
    is_refused(binding, guests::bytes("tool-payout"), &told);
}

#[test]
fn a_configuration_of_tools_is_refused_with_its_line() {
    let tool = "[[tools]]\nname = \"a\"\nsource = \"hostile.wasm\"\n";
    let check = |more: &str, told: &[&str]| {
        is_refused(&format!("{tool}{more}"), guests::bytes("tool-payout"), told);
    };
    check("grant = {}\n", &["writ.toml:4:1", "unknown key `grant`", "`grants`"]);
    check("grants = { network = true }\n", &["writ.toml:4:12", "unknown key `network`"]);
    check("grants = { tools = [\"b\"] }\n", &["writ.toml:4:21", "no tool `b`"]);
    check("limits = { fuel = 1 }\n", &["writ.toml:4:19", "`fuel` is 1"]);
    check(tool, &["writ.toml:5", "another tool is called `a`"]);
    check("[worker]\nrunning-max = 0\n", &["writ.toml:5:15", "`worker.running-max` is 0"]);
    let told = ["writ.toml:5:20", "`worker.changed-after-ms` is 90000000"];
    check("[worker]\nchanged-after-ms = 90000000\n", &told);
}
