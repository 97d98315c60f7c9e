//! Policies that the server pulls out of a registry: by a pinned reference, from nowhere else than the
//! configuration says, and into the store by the same road as those that are pushed.

mod artifacts;

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};
use writ_core::Digest;
use writ_testkit::http::Reply;
use writ_testkit::registry::{Options, Registry, USER};

use super::pushing::{binding, unknown};
use super::signing::Key;
use super::world::{World, allowing};
use artifacts::{Artifact, Layers};

/// The section of a registry on this machine.
fn section(registry: &Registry) -> String {
    format!("[[registry]]\nhost = \"{}\"\ninsecure = true\n", registry.address())
}

fn configured(registry: &Registry) -> String {
    section(registry) + &allowing("\"read\"")
}

/// A configuration that takes small components alone: no test has to make a large one.
fn cramped(registry: &Registry, bytes_max: usize) -> String {
    format!("[engine.load]\ncomponent-bytes-max = {bytes_max}\n{}", configured(registry))
}

impl World {
    fn pull(&self, reference: &str) -> Reply {
        self.pull_signed(reference, None)
    }

    fn pull_signed(&self, reference: &str, signature: Option<&str>) -> Reply {
        let body = json!({ "reference": reference, "signature": signature });
        self.client().post("/v1/policies", &body.to_string()).unwrap()
    }

    /// Whether a pull is refused for a reason that says what to do, and leaves nothing.
    #[track_caller]
    fn pulls_not(&self, reference: &str, (status, code): (u16, &str), reason: &str) -> Value {
        let before = self.pushed();
        let refused = self.pull(reference);
        let told = refused.json();
        assert_eq!((refused.status, &told["code"]), (status, &json!(code)), "{told:#}");
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(reason), "{reason}: {told:#}");
        assert!(told["hint"].is_string(), "{told:#}");
        assert_eq!(self.pushed(), before);
        told
    }
}

const NOT_ALLOWED: (u16, &str) = (422, "registry-not-allowed");
const REFUSED: (u16, &str) = (422, "artifact-refused");
const NOT_PULLED: (u16, &str) = (502, "not-pulled");

#[test]
fn a_policy_is_pulled_kept_and_bound_by_its_own_digest() {
    let registry = Registry::start();
    let reference = Artifact::of(&unknown()).push(&registry);
    let digest = Digest::of(unknown());
    let mut world = World::start(&configured(&registry), &[]);
    let pulled = world.pull(&reference);
    assert_eq!(pulled.status, 201, "{}", pulled.text());
    assert_eq!(pulled.header("location"), Some(format!("/v1/policies/{digest}").as_str()));
    let told = pulled.json();
    assert_eq!((&told["id"], &told["reference"]), (&json!(digest), &json!(reference)));
    assert_eq!(world.pull(&reference).status, 200);
    let other = Artifact { comment: "another", ..Artifact::of(&unknown()) }.push(&registry);
    let again = world.pull(&other);
    assert_eq!((again.status, &again.json()["reference"]), (200, &json!(reference)));
    let events = world.events("policy.added", 1);
    assert_eq!((events.len(), &events[0]["component"]), (1, &json!(digest)));
    assert_eq!(
        (&events[0]["by"], &events[0]["reference"]),
        (&json!("operator"), &json!(reference))
    );

    // From here on, nobody asks the registry.
    drop(registry);
    let bound = binding(digest, "\"write\"");
    world.write("writ.toml", bound);
    assert_eq!(world.reload().status, 200);
    assert!(world.allows("write") && !world.allows("read"));
    world.server.kill();
    world.server.restart();
    assert!(world.allows("write"));
    let one = world.client().get(&format!("/v1/policies/{digest}")).unwrap().json();
    assert_eq!((&one["name"], &one["reference"]), (&json!("tool-list"), &json!(reference)));
}

#[test]
fn the_command_has_the_server_pull() {
    let registry = Registry::start();
    let (component, kind) = (unknown(), "application/vnd.wasm.content.layer.v1+wasm");
    let older = Artifact { kind, ..Artifact::of(&component) };
    let reference = older.push(&registry);
    let world = World::start(&configured(&registry), &[]);
    let (code, text) = world.writ(&["policy", "push", &reference]);
    assert_eq!(code, Some(0), "{text}");
    let digest = Digest::of(unknown());
    assert!(text.contains(&format!("source = \"{digest}\"")), "{text}");
    let (_, text) = world.writ(&["policy", "components"]);
    let line = text.lines().find(|line| line.starts_with(&digest.to_string())).unwrap();
    assert!(line.ends_with(&format!("  from {reference}")), "{text}");
    let (code, text) = world.writ(&["policy", "push", "oci:registry.example/team/limits:v1"]);
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("is not pinned") && text.contains("hint: "), "{text}");
    let unnamed = reference.replace(&registry.address().to_string(), "registry.example");
    let (code, text) = world.writ(&["policy", "push", &unnamed]);
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("add `[[registry]]` with `host = \"registry.example\"`"), "{text}");
}

#[test]
fn what_is_not_pinned_or_not_named_is_not_even_asked_for() {
    let registry = Registry::start();
    let reference = Artifact::of(&unknown()).push(&registry);
    let world = World::start(&configured(&registry), &[]);
    let (name, digest) = reference.split_once('@').unwrap();
    let malformed = |reference: &str, reason| {
        let told = world.pulls_not(reference, (400, "invalid-request"), reason);
        assert_eq!(told["pointer"], "/reference");
    };
    malformed(&format!("{name}:v1"), "is not pinned");
    malformed(name, "is not pinned");
    malformed(&format!("oci:team/limits@{digest}"), "names no registry");
    malformed("read.wasm", "does not begin with `oci:`");
    let unnamed = "this host may not call the registry `registry.example`";
    world.pulls_not(&format!("oci:registry.example/team/limits@{digest}"), NOT_ALLOWED, unnamed);
    let bare = World::start(&allowing("\"read\""), &[]);
    bare.pulls_not(&reference, NOT_ALLOWED, "this host may not call the registry");
}

#[test]
fn what_is_no_policy_is_refused() {
    let registry = Registry::start();
    let world = World::start(&configured(&registry), &[]);
    let component = unknown();
    let pushed = |artifact: Artifact<'_>| artifact.push(&registry);
    let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
    let other = pushed(Artifact { kind: tar, ..Artifact::of(&component) });
    world.pulls_not(&other, REFUSED, tar);
    let two = pushed(Artifact { further: Some(b"another"), ..Artifact::of(&component) });
    world.pulls_not(&two, REFUSED, "one layer");
    let text = pushed(Artifact::of(b"no component"));
    world.pulls_not(&text, (422, "component-refused"), "");
    let long = pushed(Artifact { comment: &"x".repeat(600 << 10), ..Artifact::of(&component) });
    world.pulls_not(&long, NOT_PULLED, "a manifest may have 262144 bytes");
    world.pulls_not(&artifacts::push_index(&registry), REFUSED, artifacts::INDEX);
    let longer = pushed(Artifact { bytes_more: 1, ..Artifact::of(&component) });
    world.pulls_not(&longer, REFUSED, "another layer than its manifest names");
    let absent = format!("oci:{}/team/absent@{}", registry.address(), Digest::of("absent"));
    world.pulls_not(&absent, NOT_PULLED, "has no `oci:");

    let whole = pushed(Artifact::of(&component));
    let small = World::start(&cramped(&registry, component.len() - 1), &[]);
    small.pulls_not(&whole, REFUSED, &format!("has {} bytes", component.len()));
    let enough = World::start(&cramped(&registry, component.len()), &[]);
    assert_eq!(enough.pull(&whole).status, 201);
}

#[test]
fn what_was_changed_in_the_registry_is_found() {
    let registry = Registry::start();
    let reference = Artifact::of(&unknown()).push(&registry);
    let world = World::start(&configured(&registry), &[]);
    let (manifest, layer) = (artifacts::pin(&reference), Digest::of(unknown()));
    let check = |digest: Digest, reason: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let (file, was) = (registry.blob(digest), fs::read(registry.blob(digest)).unwrap());
        let mut bytes = was.clone();
        change(&mut bytes);
        assert_ne!(bytes, was);
        fs::write(&file, bytes).unwrap();
        world.pulls_not(&reference, REFUSED, reason);
        fs::write(&file, was).unwrap();
    };
    let another = "another manifest than the pinned one";
    check(manifest, another, &|bytes| bytes.push(b'\n'));
    let swapped = Digest::of("swapped").to_string();
    check(manifest, another, &|bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace(&layer.to_string(), &swapped).into_bytes();
    });
    let another = "another layer than its manifest names";
    check(layer, another, &|bytes| *bytes.last_mut().unwrap() ^= 1);
    check(layer, another, &|bytes| bytes.push(0));
    check(layer, another, &|bytes| bytes.truncate(100));
    assert_eq!(world.pull(&reference).status, 201);
}

#[test]
fn a_registry_that_does_not_answer_is_not_waited_for() {
    let mut registry = Registry::start();
    let reference = Artifact::of(&unknown()).push(&registry);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let silent = format!("[[registry]]\nhost = \"{place}\"\ninsecure = true\ntimeout-ms = 300\n");
    let world = World::start(&(silent + &configured(&registry)), &[]);
    registry.kill();
    world.pulls_not(&reference, NOT_PULLED, "cannot be reached");
    let silent = reference.replace(&registry.address().to_string(), &place);
    world.pulls_not(&silent, NOT_PULLED, "has not given it within 300 ms");
}

#[test]
fn a_password_is_given_over_tls_and_to_nobody_else() {
    let options = Options { has_password: true, has_tls: true, ..Options::default() };
    let registry = Registry::start_with(options);
    let reference = Artifact::of(&unknown()).push(&registry);
    let section = format!("[[registry]]\nhost = \"{}\"\n", registry.address());
    let known = format!("username = \"{}\"\npassword-env = \"REGISTRY_PASSWORD\"\n", USER.0);
    let start = |config: &str, password: &str| {
        let mut world = World::start(&allowing("\"read\""), &[]);
        world.write("writ.toml", config.to_owned() + &allowing("\"read\""));
        world.server.kill();
        let authority = registry.authority();
        let trusted = ("SSL_CERT_FILE", authority.to_str().unwrap());
        world.server.restart_with(&[trusted, ("REGISTRY_PASSWORD", password)]);
        world
    };
    let not_let_in = "does not let this host read `team/limits`";
    start(&section, "").pulls_not(&reference, NOT_PULLED, not_let_in);
    let guessed = start(&(section.clone() + &known), "guessed");
    let told = guessed.pulls_not(&reference, NOT_PULLED, not_let_in);
    assert!(!told.to_string().contains("guessed"), "{told}");
    let let_in = start(&(section + &known), USER.1);
    assert_eq!(let_in.pull(&reference).status, 201);

    // Whoever is not vouched for gets nothing.
    let other = Registry::start_with(options);
    let section = format!("[[registry]]\nhost = \"{}\"\n{known}", other.address());
    let reference = Artifact::of(&unknown()).push(&other);
    start(&section, USER.1).pulls_not(&reference, NOT_PULLED, "certificate");
}

#[test]
fn a_registry_does_not_lead_to_whom_the_configuration_does_not_name() {
    let elsewhere = "leads to a place without TLS that this host may not call";
    for (url, reason, hint) in [
        (
            "https://layers.example/",
            "leads to `layers.example:443` with TLS",
            "take `insecure` out",
        ),
        ("http://layers.example:8080/", elsewhere, "to `also` of"),
        ("http://169.254.169.254/", elsewhere, "to `also` of"),
    ] {
        let options = Options { layers_at: Some(url), ..Options::default() };
        let registry = Registry::start_with(options);
        let reference = Artifact::of(&unknown()).push(&registry);
        let world = World::start(&configured(&registry), &[]);
        let told = world.pulls_not(&reference, NOT_ALLOWED, reason);
        assert!(told["hint"].as_str().unwrap().contains(hint), "{told}");
    }
    let options = Options { tokens_at: Some("http://tokens.example/"), ..Options::default() };
    let registry = Registry::start_with(options);
    let known = format!("username = \"{}\"\npassword-file = \"password\"\n", USER.0);
    let password = [("password", USER.1.as_bytes().to_vec())];
    let world = World::start(&(section(&registry) + &known + &allowing("\"read\"")), &password);
    let reference = format!("oci:{}/team/limits@{}", registry.address(), Digest::of(""));
    world.pulls_not(&reference, NOT_ALLOWED, "leads to `tokens.example:80`");
}

#[test]
fn a_layer_may_be_elsewhere_and_no_password_goes_there() {
    let layers = Layers::serve(unknown());
    let url = format!("http://{}/", layers.address);
    let options = Options { has_password: true, layers_at: Some(&url), ..Options::default() };
    let registry = Registry::start_with(options);
    let reference = Artifact::of(&unknown()).push(&registry);
    let known = format!("username = \"{}\"\npassword-file = \"password\"\n", USER.0);
    let also = format!("also = [\"{}\"]\n", layers.address);
    let password = [("password", USER.1.as_bytes().to_vec())];
    let config = section(&registry) + &known + &also + &allowing("\"read\"");
    let world = World::start(&config, &password);
    let pulled = world.pull(&reference);
    assert_eq!(pulled.status, 201, "{}", pulled.text());
    let asked = layers.asked();
    assert!(asked.contains(&Digest::of(unknown()).hex()), "{asked}");
    assert!(!asked.to_ascii_lowercase().contains("\r\nauthorization:"), "{asked}");
}

#[test]
fn a_signature_comes_with_the_reference() {
    let (ours, theirs) = (Key::new(), Key::new());
    let registry = Registry::start();
    let reference = Artifact::of(&unknown()).push(&registry);
    let signed = format!("[policies]\nrequire-signatures = true\nkeys = [\"{}\"]\n", ours.public);
    let world = World::start(&(signed + &configured(&registry)), &[]);
    world.pulls_not(&reference, (422, "component-refused"), "it is not signed");
    let before = world.pushed();
    let refused = world.pull_signed(&reference, Some(&theirs.sign(&unknown())));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("none of the keys"), "{}", refused.text());
    assert_eq!(world.pushed(), before);

    let good = ours.sign(&unknown());
    let file = ours.file("signed.wasm.minisig");
    let push = ["policy", "push", &reference, "--signature", file.to_str().unwrap()];
    let (code, text) = world.writ(&push);
    assert_eq!(code, Some(0), "{text}");
    let again = world.pull_signed(&reference, Some(&good));
    assert_eq!((again.status, &again.json()["signed_by"]), (200, &json!([ours.public])));
}

#[test]
fn the_body_says_what_it_is() {
    let registry = Registry::start();
    let world = World::start(&configured(&registry), &[]);
    let check = |body: &str, pointer: &str| {
        let refused = world.client().post("/v1/policies", body).unwrap();
        let told = refused.json();
        assert_eq!((refused.status, &told["pointer"]), (400, &json!(pointer)), "{told:#}");
    };
    check("{}", "/reference");
    check(r#"{"reference": 7}"#, "/reference");
    check(r#"{"reference": ""}"#, "/reference");
    check(r#"{"reference": "oci:a/b", "tag": "v1"}"#, "/tag");
}

/// A set whose policy is in a registry.
fn bound(registry: &Registry, reference: &str, pin: Digest, actions: &str) -> String {
    let source = format!("\"{reference}\"\ndigest = \"{pin}\"");
    section(registry) + &allowing(actions).replace("\"builtin:tool-list\"", &source)
}

#[test]
fn a_set_names_a_registry_which_is_asked_once() {
    let mut registry = Registry::start();
    let (reference, pin) = (Artifact::of(&unknown()).push(&registry), Digest::of(unknown()));
    let mut world = World::start(&bound(&registry, &reference, pin, "\"read\""), &[]);
    assert!(world.allows("read") && !world.allows("write"));
    let kept = world.client().get(&format!("/v1/policies/{pin}")).unwrap().json();
    assert_eq!(kept["reference"], reference);
    let (_, text) = world.writ(&["policy", "show", "1"]);
    assert!(text.contains(&reference), "{text}");
    let inspect = |world: &World| {
        let config = world.directory().join("writ.toml");
        let mut writ = std::process::Command::new(env!("CARGO_BIN_EXE_writ"));
        let output = writ.args(["inspect", "--config"]).arg(config).output().unwrap();
        output.status.code()
    };
    assert_eq!(inspect(&world), Some(0));

    registry.kill();
    world.write("writ.toml", bound(&registry, &reference, pin, "\"write\""));
    assert_eq!(world.reload().status, 200);
    assert!(world.allows("write") && !world.allows("read"));
    world.server.kill();
    world.server.restart();
    assert!(world.allows("write"));
    assert_eq!(inspect(&world), Some(78), "without a store, the registry is asked");
}

#[test]
fn what_was_here_already_has_not_come_from_a_registry() {
    let registry = Registry::start();
    let (component, pin) = (unknown(), Digest::of(unknown()));
    let reference =
        format!("oci:{}/team/limits@{}", registry.address(), Digest::of("never pushed"));
    let set = bound(&registry, &reference, pin, "\"write\"");
    let place = [("policies/limits.wasm", component)];
    let mut world = World::start(&configured(&registry), &place);

    // It may be had from there: it was not.
    world.write("writ.toml", &set);
    assert_eq!(world.reload().status, 200);
    assert!(world.allows("write"));
    let kept = world.client().get(&format!("/v1/policies/{pin}")).unwrap().json();
    assert_eq!((&kept["id"], &kept["reference"]), (&json!(pin), &Value::Null));
    let (_, text) = world.writ(&["policy", "components"]);
    assert!(text.contains(&pin.to_string()) && !text.contains("  from "), "{text}");

    let refused = "may not call the registry `registry.example`";
    let unnamed = set.replace(&reference, &format!("oci:registry.example/team/limits@{pin}"));
    world.write("writ.toml", &unnamed);
    let told = world.reload();
    assert_eq!(told.status, 422, "{}", told.text());
    assert!(told.text().contains(refused), "{}", told.text());
    // Nor where it was here before the host was started.
    world.server.kill();
    let config = world.directory().join("writ.toml");
    let mut writ = std::process::Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = writ.args(["inspect", "--config"]).arg(config).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains(refused) && told.contains("[[registry]]"), "{told}");
}

#[test]
fn a_set_whose_policy_is_not_to_be_had_does_not_decide() {
    let mut registry = Registry::start();
    let (reference, pin) = (Artifact::of(&unknown()).push(&registry), Digest::of(unknown()));
    let world = World::start(&configured(&registry), &[]);
    let check = |config: &str, reason: &str| {
        let before = (world.decide("read"), world.pushed());
        world.write("writ.toml", config);
        let refused = world.reload();
        assert_eq!(refused.status, 422, "{reason}: {}", refused.text());
        assert!(refused.text().contains(reason), "{reason}: {}", refused.text());
        assert_eq!((world.decide("read"), world.pushed()), before);
    };
    let good = bound(&registry, &reference, pin, "\"write\"");
    check(&good.replace(&format!("digest = \"{pin}\"\n"), ""), "needs its own digest");
    let (name, manifest) = reference.split_once('@').unwrap();
    check(&good.replace(&reference, &format!("{name}:v1")), "is not pinned");
    let other = Digest::of("another").to_string();
    check(&good.replace(&pin.to_string(), &other), "another component than the pinned one");
    check(&good.replace(manifest, &other), "has no `oci:");
    // Who may write the file is not to say whom this host calls before somebody starts it again.
    let elsewhere = Registry::start();
    let there = Artifact::of(&unknown()).push(&elsewhere);
    check(&bound(&elsewhere, &there, pin, "\"write\""), "may not call the registry");
    registry.kill();
    check(&good, "cannot be reached");
}
