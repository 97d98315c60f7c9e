//! Many reloads, half of them of sets that are broken in every way, while others ask: nobody is
//! answered wrongly, and nothing is left behind.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use writ_testkit::guests;

use super::world::{World, allowing};

/// How many sets are tried.
const RELOADS: usize = 48;
/// How many more files may be open at the end than at the start: connections of this test.
const FILES_MORE_MAX: usize = 8;
/// How many more bytes the host may hold at the end than after the first sets: allocators keep some.
const BYTES_MORE_MAX: usize = 64 << 20;

const CASE: &str = r#"{"name": "always", "request": {
    "subject": {"type": "agent", "id": "a1"}, "action": {"name": "always"},
    "resource": {"type": "tool", "id": "t1"}}, "expect": {"decision": "allowed"}}"#;

fn good(number: usize) -> String {
    let actions = format!("\"always\", \"v{number}\"");
    format!("[tests]\ndirectory = \"cases\"\n{}", allowing(&actions))
}

/// A set that is broken, each time in another way.
fn broken(number: usize) -> String {
    let whole = good(number);
    match (number / 2) % 6 {
        0 => whole[..whole.len() - 4].to_owned(),
        1 => whole.replace("builtin:tool-list", "tool.wasm"),
        2 => whole.replace("builtin:tool-list", "trapping.wasm"),
        3 => whole.replace("\"always\"", "\"seldom\""),
        4 => whole.replace("builtin:tool-list", "evil.wasm"),
        _ => whole.replace("\"always\"", "7"),
    }
}

/// How many files the server has open, and how many bytes it holds.
fn held(world: &World) -> (usize, usize) {
    let process = format!("/proc/{}", world.server.id());
    let files = fs::read_dir(format!("{process}/fd")).unwrap().count();
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    (files, kib << 10)
}

/// Asks until it is told to stop; by which sets it was answered.
fn ask(world: &World, stop: &AtomicBool) -> BTreeSet<String> {
    let mut sets = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let (allowed, set) = world.decide("always");
        assert!(allowed, "{set}");
        sets.insert(set.as_str().unwrap().to_owned());
    }
    sets
}

#[test]
fn no_reload_fails_a_request_or_leaves_anything_behind() {
    let place = [
        ("cases/always.json", CASE.as_bytes().to_vec()),
        ("tool.wasm", guests::bytes("tool-payout")),
        ("trapping.wasm", guests::bytes("hostile/loop-in-configure")),
        ("evil.wasm", guests::bytes("hostile/forbidden-import")),
    ];
    let world = World::start(&good(0), &place);
    let stop = AtomicBool::new(false);
    let (mut before, mut sets) = ((0, 0), BTreeSet::new());
    std::thread::scope(|scope| {
        let asking = [(); 2].map(|()| scope.spawn(|| ask(&world, &stop)));
        let mut decides = world.decide("always").1;
        for number in 1..=RELOADS {
            let is_good = number % 2 == 0;
            let text = if is_good { good(number) } else { broken(number) };
            world.replace("writ.toml", text);
            let reply = world.reload();
            assert_eq!(reply.status, if is_good { 200 } else { 422 }, "{number}: {}", reply.text());
            if is_good {
                decides = reply.json()["policy_set"].clone();
                assert!(world.allows(&format!("v{number}")), "{number}");
            }
            assert_eq!(world.decide("always").1, decides, "{number}");
            if number == RELOADS / 4 {
                before = held(&world);
            }
        }
        stop.store(true, Ordering::Relaxed);
        for asked in asking {
            sets.extend(asked.join().unwrap());
        }
    });
    let (files, bytes) = held(&world);
    assert!(files <= before.0 + FILES_MORE_MAX, "{files} files, {} before", before.0);
    assert!(bytes <= before.1 + BYTES_MORE_MAX, "{bytes} bytes, {} before", before.1);

    // Nobody was answered by anything that is not a version.
    let listed = world.client().get("/v1/policy-sets?limit=100").unwrap().json();
    let versions = listed["items"].as_array().unwrap().iter();
    let versions: BTreeSet<_> = versions.map(|item| text(&item["policy_set"])).collect();
    assert_eq!(versions.len(), 1 + RELOADS / 2);
    assert!(sets.len() > 1 && sets.is_subset(&versions), "{sets:?}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
