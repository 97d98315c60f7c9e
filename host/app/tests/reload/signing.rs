//! Signatures of components: where they are required, nothing is loaded that no configured key signed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use writ_core::Digest;
use writ_testkit::guests;
use writ_testkit::http::Reply;

use super::world::{World, allowing};

/// A policy that is no starter: one with a custom section more (id 0, 5 bytes, named `test`), and a byte
/// that tells several apart.
fn policy(number: u8) -> Vec<u8> {
    let mut component = guests::dist_bytes("tool-list");
    component.extend(b"\x00\x06\x04test");
    component.push(number);
    component
}

/// A key as `writ policy keygen` made it, and a place to sign in.
pub(crate) struct Key {
    place: tempfile::TempDir,
    pub(crate) public: String,
}

impl Key {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let (code, text) = writ(place.path(), &["policy", "keygen", "k", "--no-password"], None);
        assert_eq!(code, Some(0), "{text}");
        let public = fs::read_to_string(place.path().join("k.pub")).unwrap();
        let public = public.lines().nth(1).unwrap().to_owned();
        assert!(text.contains(&public), "{text}");
        Self { place, public }
    }

    /// The signature of a component.
    pub(crate) fn sign(&self, component: &[u8]) -> String {
        let file = self.file("signed.wasm");
        fs::write(&file, component).unwrap();
        let (code, text) =
            writ(self.place.path(), &["policy", "sign", "signed.wasm", "--key", "k.key"], None);
        assert_eq!(code, Some(0), "{text}");
        fs::read_to_string(self.file("signed.wasm.minisig")).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }
}

/// A command in a directory, with what it is told of passwords.
fn writ(place: &Path, arguments: &[&str], password: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(arguments).current_dir(place).env_clear();
    command.envs(password.map(|password| ("WRIT_SIGNING_PASSWORD", password)));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// A set of which the component is a file, and which trusts some keys.
fn requiring(keys: &[&Key], actions: &str) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("\"{}\"", key.public)).collect();
    let policies = format!("[policies]\nrequire-signatures = true\nkeys = [{}]\n", keys.join(", "));
    policies + &allowing(actions).replace("builtin:tool-list", "policy.wasm")
}

impl World {
    fn push_signed(&self, component: &[u8], signature: Option<&str>) -> Reply {
        let mut client = self.client();
        let (head, length) = (client.head("POST", "/v1/policies"), component.len());
        let kind = "Content-Type: application/wasm\r\n";
        let mut head = format!("{head}{kind}Content-Length: {length}\r\n");
        head.extend(signature.map(|text| format!("Writ-Signature: {}\r\n", STANDARD.encode(text))));
        client.send(&head, component).unwrap()
    }

    /// Whether the set is refused for a reason, and the one before it decides.
    fn refuses(&self, reason: &str) {
        let before = self.decide("read").1;
        let refused = self.reload();
        assert_eq!(refused.status, 422, "{reason}: {}", refused.text());
        assert!(refused.text().contains(reason), "{reason}: {}", refused.text());
        assert_eq!(self.decide("read").1, before);
    }
}

#[test]
fn a_signature_that_lies_beside_a_file_goes_with_it() {
    let key = Key::new();
    let signed = |number| {
        let signature = key.sign(&policy(number)).into_bytes();
        [("policy.wasm", policy(number)), ("policy.wasm.minisig", signature)]
    };
    let world = World::start(&requiring(&[&key], "\"read\""), &signed(0));
    let next = world.directory().join("next");
    fs::create_dir(&next).unwrap();
    for (name, bytes) in signed(1) {
        fs::write(next.join(name), bytes).unwrap();
    }
    let file = next.join("writ.toml");
    fs::write(&file, requiring(&[&key], "\"write\"")).unwrap();
    let (code, text) = world.writ(&["policy", "create", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    fs::write(next.join("policy.wasm"), policy(2)).unwrap();
    let (code, text) = world.writ(&["policy", "create", file.to_str().unwrap()]);
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("signature"), "{text}");
}

#[test]
fn only_what_a_configured_key_signed_is_loaded_from_files() {
    let (ours, theirs) = (Key::new(), Key::new());
    let place =
        [("policy.wasm", policy(0)), ("policy.wasm.minisig", ours.sign(&policy(0)).into_bytes())];
    let world = World::start(&requiring(&[&ours], "\"read\""), &place);
    assert!(world.allows("read"));

    let check = |component: Vec<u8>, signature: Option<String>, reason: &str| {
        fs::remove_file(world.directory().join("policy.wasm.minisig")).ok();
        world.write("policy.wasm", component);
        if let Some(signature) = signature {
            world.write("policy.wasm.minisig", signature);
        }
        world.refuses(reason);
    };
    let good = ours.sign(&policy(1));
    check(policy(1), None, "it is not signed");
    check(policy(1), Some(theirs.sign(&policy(1))), "none of the keys");
    check(policy(1), Some(ours.sign(&policy(2))), "does not fit");
    let mut flipped = policy(1);
    *flipped.last_mut().unwrap() ^= 0x80;
    check(flipped, Some(good.clone()), "does not fit");
    check(policy(1), Some(flip(&good)), "does not fit");
    check(policy(1), Some("nothing".to_owned()), "none that minisign writes");

    // As soon as it is signed, it decides: whoever signs need not say so.
    let before = world.decide("read").1;
    world.write("policy.wasm.minisig", &good);
    world.until("what was signed decides", |world| world.decide("read").1 != before);
}

/// The same, but for one bit of the signature itself.
fn flip(signature: &str) -> String {
    let mut lines: Vec<_> = signature.lines().map(str::to_owned).collect();
    let mut bytes = STANDARD.decode(&lines[1]).unwrap();
    bytes[40] ^= 1;
    lines[1] = STANDARD.encode(bytes);
    lines.join("\n") + "\n"
}

#[test]
fn a_host_does_not_start_with_what_nobody_signed() {
    let ours = Key::new();
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("writ.toml"), requiring(&[&ours], "\"read\"")).unwrap();
    fs::write(place.path().join("policy.wasm"), policy(0)).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["inspect"]] {
        let arguments = [command, &["--config", "writ.toml"]].concat();
        let (code, text) = writ(place.path(), &arguments, None);
        assert_eq!(code, Some(78), "{command:?}: {text}");
        assert!(text.contains("it is not signed"), "{command:?}: {text}");
    }
}

#[test]
fn a_signature_that_does_not_fit_is_told_also_where_none_is_asked_for() {
    let (ours, theirs) = (Key::new(), Key::new());
    let place = tempfile::tempdir().unwrap();
    let config = requiring(&[&ours], "\"read\"").replace("require-signatures = true", "");
    fs::write(place.path().join("writ.toml"), config).unwrap();
    fs::write(place.path().join("policy.wasm"), policy(0)).unwrap();
    let check = |signature: Option<String>, reason: Option<&str>| {
        if let Some(signature) = signature {
            fs::write(place.path().join("policy.wasm.minisig"), signature).unwrap();
        }
        let (code, text) = writ(place.path(), &["inspect", "--config", "writ.toml"], None);
        assert_eq!(code, Some(0), "{text}");
        let line = text.lines().find(|line| line.contains("policy.wasm.minisig"));
        assert_eq!(line.is_some(), reason.is_some(), "{text}");
        assert!(line.unwrap_or_default().contains(reason.unwrap_or_default()), "{text}");
    };
    check(None, None);
    check(Some(theirs.sign(&policy(0))), Some("none of the keys"));
    check(Some(ours.sign(&policy(1))), Some("does not fit"));
    check(Some(ours.sign(&policy(0))), None);
}

#[test]
fn a_push_brings_its_signature_and_is_refused_without_one() {
    let (ours, theirs) = (Key::new(), Key::new());
    let config = requiring(&[&ours], "\"read\"").replace("policy.wasm", "builtin:tool-list");
    // A starter policy is the host's own.
    let mut world = World::start(&config, &[]);
    let before = world.client().get("/v1/policies").unwrap().json();
    let check = |signature: Option<&str>, reason: &str| {
        let refused = world.push_signed(&policy(1), signature);
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(refused.json()["code"], "component-refused");
        assert!(refused.text().contains(reason), "{reason}: {}", refused.text());
    };
    let good = ours.sign(&policy(1));
    check(None, "it is not signed");
    check(Some(&theirs.sign(&policy(1))), "none of the keys");
    check(Some(&ours.sign(&policy(2))), "does not fit");
    check(Some(&flip(&good)), "does not fit");
    assert_eq!(world.client().get("/v1/policies").unwrap().json(), before);

    let pushed = world.push_signed(&policy(1), Some(&good));
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    assert_eq!(pushed.json()["signed_by"], json!([ours.public]));
    // What is kept vouches for it from then on.
    assert_eq!(world.push_signed(&policy(1), None).status, 200);
    let digest = Digest::of(policy(1)).to_string();
    world.write("writ.toml", config.replace("builtin:tool-list", &digest).replace("read", "write"));
    assert_eq!(world.reload().status, 200);
    assert!(world.allows("write"));
    world.server.kill();
    world.server.restart();
    assert!(world.allows("write"));
}

#[test]
fn the_command_pushes_a_signature_and_lists_who_signed() {
    let ours = Key::new();
    let config = requiring(&[&ours], "\"read\"").replace("policy.wasm", "builtin:tool-list");
    let world = World::start(&config, &[]);
    ours.sign(&policy(1));
    let (component, signature) = (ours.file("signed.wasm"), ours.file("signed.wasm.minisig"));
    let push = ["policy", "push", component.to_str().unwrap()];
    let (code, text) = world.writ(&push);
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("--signature"), "{text}");
    let signed = [&push[..], &["--signature", signature.to_str().unwrap()]].concat();
    let (code, text) = world.writ(&signed);
    assert_eq!(code, Some(0), "{text}");
    let (_, text) = world.writ(&["policy", "components"]);
    let digest = Digest::of(policy(1));
    let line = text.lines().find(|line| line.starts_with(&digest.to_string())).unwrap();
    assert!(line.ends_with(&format!("signed by {}", ours.public)), "{text}");
}

#[test]
fn a_version_whose_key_is_no_longer_trusted_is_not_rolled_back_to() {
    let (old, new) = (Key::new(), Key::new());
    let place =
        [("policy.wasm", policy(0)), ("policy.wasm.minisig", old.sign(&policy(0)).into_bytes())];
    let both = requiring(&[&old, &new], "\"read\"");
    let mut world = World::start(&both, &place);
    world.write("policy.wasm.minisig", new.sign(&policy(1)));
    world.write("policy.wasm", policy(1));
    world.until("the second decides", |world| world.status()["version"] == 2);
    assert_eq!(world.writ(&["policy", "rollback"]).0, Some(0));
    assert_eq!(world.status()["version"], 1);
    assert_eq!(world.writ(&["policy", "activate", "2"]).0, Some(0));

    // The configuration that trusts one key less counts once the host is started again.
    world.server.kill();
    world.write("writ.toml", requiring(&[&new], "\"read\""));
    world.server.restart();
    let decides = world.decide("read");
    for refused in [&["policy", "rollback"][..], &["policy", "activate", "1"]] {
        let (code, text) = world.writ(refused);
        assert_eq!(code, Some(65), "{text}");
        assert!(text.contains("none of the keys"), "{text}");
        assert!(text.contains("start once without `require-signatures`"), "{text}");
    }
    assert_eq!((world.decide("read"), world.status()["version"].as_u64()), (decides, Some(2)));
}

#[test]
fn whom_to_trust_is_not_read_again_while_a_host_serves() {
    let (ours, theirs) = (Key::new(), Key::new());
    let place =
        [("policy.wasm", policy(0)), ("policy.wasm.minisig", ours.sign(&policy(0)).into_bytes())];
    let config = requiring(&[&ours], "\"read\"");
    let world = World::start(&config, &place);
    world.write("policy.wasm.minisig", theirs.sign(&policy(1)));
    world.write("policy.wasm", policy(1));
    world.write("writ.toml", requiring(&[&ours, &theirs], "\"read\""));
    world.refuses("none of the keys");
    world.write("writ.toml", config.replace("require-signatures = true", ""));
    world.refuses("none of the keys");
}

#[test]
fn a_key_may_have_a_password_and_verify_tells_who_signed() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("p.wasm"), policy(1)).unwrap();
    let run = |arguments: &[&str], password| {
        writ(place.path(), &[&["policy"], arguments].concat(), password)
    };
    assert_eq!(run(&["keygen", "k"], Some("secret")).0, Some(0));
    let mode = fs::metadata(place.path().join("k.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, text) = run(&["keygen", "k"], Some("secret"));
    assert_eq!((code, text.contains("k.key")), (Some(65), true), "{text}");
    // Neither is made where the other one is there already.
    fs::write(place.path().join("other.pub"), "somebody's").unwrap();
    let (code, text) = run(&["keygen", "other"], Some("secret"));
    assert_eq!((code, text.contains("other.pub")), (Some(65), true), "{text}");
    assert!(!place.path().join("other.key").exists());
    assert_eq!(fs::read(place.path().join("other.pub")).unwrap(), b"somebody's");

    let sign = ["sign", "p.wasm", "--key", "k.key"];
    assert_eq!(run(&sign, Some("guessed")).0, Some(65));
    assert_eq!(run(&["verify", "p.wasm", "--key", "k.pub"], None).0, Some(65));
    assert_eq!(run(&sign, Some("secret")).0, Some(0));
    let (code, text) = run(&["verify", "p.wasm", "--key", "k.pub"], None);
    assert_eq!((code, text.contains("p.wasm is signed by RW")), (Some(0), true), "{text}");
    assert!(text.contains("trusted comment: timestamp:"), "{text}");
    assert!(text.contains(" file:p.wasm hashed\n"), "{text}");
    fs::write(place.path().join("p.wasm"), policy(2)).unwrap();
    let (code, text) = run(&["verify", "p.wasm", "--key", "k.pub"], None);
    assert_eq!((code, text.contains("does not fit")), (Some(65), true), "{text}");
}

#[test]
fn a_key_without_a_password_signs_only_where_nobody_else_gets_at_it() {
    let key = Key::new();
    fs::write(key.file("p.wasm"), policy(1)).unwrap();
    let sign = ["policy", "sign", "p.wasm", "--key", "k.key"];
    let check = |mode: u32, code: i32| {
        fs::set_permissions(key.file("k.key"), fs::Permissions::from_mode(mode)).unwrap();
        let (ended, text) = writ(key.place.path(), &sign, None);
        assert_eq!(ended, Some(code), "{mode:o}: {text}");
        assert_eq!(text.contains("other users may read or write `k.key`"), code != 0, "{text}");
    };
    check(0o644, 65);
    check(0o620, 65);
    assert!(!key.file("p.wasm.minisig").exists());
    check(0o640, 0);
    check(0o600, 0);
}
