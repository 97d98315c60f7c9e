//! Policies that are pushed: kept under their digests, and bound by them.

use serde_json::{Value, json};
use writ_core::Digest;
use writ_testkit::guests;
use writ_testkit::http::Reply;

use super::world::{World, allowing};

/// A policy that no server has: a starter with a custom section more (id 0, 5 bytes, named `test`).
pub(crate) fn unknown() -> Vec<u8> {
    let mut component = guests::dist_bytes("tool-list");
    component.extend(b"\x00\x05\x04test");
    component
}

pub(crate) fn binding(digest: Digest, actions: &str) -> String {
    allowing(actions).replace("builtin:tool-list", &digest.to_string())
}

impl World {
    fn push(&self, kind: &str, component: &[u8]) -> Reply {
        let mut client = self.client();
        let (head, length) = (client.head("POST", "/v1/policies"), component.len());
        let head = format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n");
        client.send(&head, component).unwrap()
    }

    pub(crate) fn pushed(&self) -> Vec<Value> {
        self.client().get("/v1/policies").unwrap().json()["items"].as_array().unwrap().clone()
    }
}

#[test]
fn a_policy_that_was_pushed_is_bound_by_its_digest_and_needs_no_file() {
    let mut world = World::start(&allowing("\"read\""), &[]);
    let component = unknown();
    let digest = Digest::of(&component);
    world.write("writ.toml", binding(digest, "\"write\""));
    let refused = world.reload();
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("writ policy push"), "{}", refused.text());

    let pushed = world.push("application/wasm", &component);
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let path = format!("/v1/policies/{digest}");
    assert_eq!(pushed.header("location"), Some(path.as_str()));
    assert_eq!(world.push("application/wasm", &component).status, 200);
    let told = world.events("policy.added", 1);
    assert_eq!((told.len(), &told[0]["component"]), (1, &json!(digest)));
    assert_eq!(told[0]["by"], "operator");

    assert_eq!(world.reload().status, 200);
    assert!(world.allows("write") && !world.allows("read"));
    world.server.kill();
    world.server.restart();
    assert!(world.allows("write"));

    let one = world.client().get(&path).unwrap().json();
    assert_eq!((&one["name"], &one["bytes"]), (&json!("tool-list"), &json!(component.len())));
    assert!(one["settings_schema"].is_object() && one["added_at"].is_string(), "{one}");
    assert!(world.pushed().contains(&one));
    let missing = format!("/v1/policies/{}", Digest::of("nothing"));
    assert_eq!(world.client().get(&missing).unwrap().status, 404);
}

#[test]
fn the_command_pushes_and_says_how_to_bind() {
    let world = World::start(&allowing("\"read\""), &[]);
    let digest = Digest::of(unknown());
    world.write("new.wasm", unknown());
    let file = world.directory().join("new.wasm");
    let (code, text) = world.writ(&["policy", "push", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("source = \"{digest}\"")), "{text}");
    let (_, text) = world.writ(&["policy", "components"]);
    assert!(text.contains(&format!("{digest}  tool-list ")), "{text}");
}

#[test]
fn what_would_not_load_is_refused_with_its_reason_and_not_kept() {
    let world = World::start(&allowing("\"read\""), &[]);
    let before = world.pushed();
    let check = |kind: &str, component: &[u8], status: u16, reason: &str| {
        let refused = world.push(kind, component);
        assert_eq!(refused.status, status, "{}", refused.text());
        assert!(refused.text().contains(reason), "{reason}: {}", refused.text());
    };
    let whole = unknown();
    check("application/wasm", &whole[..whole.len() / 2], 422, "component-refused");
    check("application/wasm", b"no component", 422, "component-refused");
    check("application/wasm", &guests::bytes("tool-payout"), 422, "it is a tool");
    check("application/wasm", &guests::bytes("hostile/forbidden-import"), 422, "import");
    check("application/octet-stream", &whole, 400, "application/wasm");
    assert_eq!(world.pushed(), before);
}
