//! Receipts: whoever has one can check it without a server, and whatever is changed in one is found and
//! named.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use writ::access_request::Signers;
use writ::receipt::{Checked, KeySet, Wrong};
use writ::service::Records;
use writ::service::replay::Difference;
use writ_core::receipt::{Parts, Receipt};
use writ_core::strand::hash_of;
use writ_core::{Tenant, Verbatim};
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_testkit::guests;
use writ_testkit::server::Writ;

/// One policy that asks the store, and one that no host has by itself.
const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"

[[binding]]
name = "rate"
source = "builtin:rate-limit"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
settings = { limit = 1, window-seconds = 3600, on-within = "allow" }

[[binding]]
name = "own"
source = "own.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
settings = { allow = ["pay"] }
"#;

/// A starter policy with a section of its own, which makes it another component.
fn own() -> Vec<u8> {
    let mut component = guests::dist_bytes("tool-list");
    component.extend(*b"\x00\x04\x03own");
    component
}

struct Recorded {
    server: Writ,
    /// Of a denial.
    receipt: String,
}

impl Recorded {
    fn new() -> Self {
        let own = ("own.wasm", own());
        let server = Writ::start(env!("CARGO_BIN_EXE_writ"), CONFIG, &[own]);
        let question = json!({
            "subject": {"type": "agent", "id": "shop"},
            "action": {"name": "pay", "properties": {"amount": 1, "to": "é \" \u{1}"}},
            "resource": {"type": "account", "id": "main"},
        });
        let mut client = server.client();
        let mut ids = Vec::new();
        for _ in 0..2 {
            let reply = client.post("/access/v1/evaluation", &question.to_string()).unwrap();
            ids.push(reply.json()["context"]["decision_id"].as_str().unwrap().to_owned());
        }
        let url = format!("http://{}", server.address());
        let exported = run(&server, &["receipt", "export", &ids[1], "--server", &url]);
        let mut recorded = Self { server, receipt: String::new() };
        recorded.receipt = said(&exported);
        let keys = recorded.server.client().get("/access/v1/jwks").unwrap();
        recorded.write("keys.json", keys.text());
        recorded.write("receipt.json", &recorded.receipt);
        recorded
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.server.directory().join(name), text).unwrap();
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        run(&self.server, &[&["receipt", "verify"], arguments].concat())
    }
}

fn run(server: &Writ, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    let directory: &Path = server.directory();
    command.current_dir(directory).env("WRIT_KEY", server.key()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(65), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_receipt_is_checked_and_decided_again_without_a_server() {
    let mut recorded = Recorded::new();
    recorded.server.kill();
    let whole = ["receipt.json", "--key", "keys.json", "--component", "own.wasm"];
    let told = said(&recorded.verify(&whole));
    assert!(told.contains("decided again it is the same"), "{told}");
    assert!(told.contains("rate         deny"), "{told}");
    assert!(!told.contains("--key"), "{told}");
    let anybodys = ["receipt.json", "--any-key", "--component", "own.wasm"];
    let told = said(&recorded.verify(&anybodys));
    assert!(told.contains("whoever has the components can make such a receipt"), "{told}");
    let unasked = recorded.verify(&["receipt.json", "--component", "own.wasm"]);
    assert_eq!(unasked.status.code(), Some(64), "whom to trust must be said: {unasked:?}");

    let told = refused(&recorded.verify(&["receipt.json", "--any-key"]));
    assert!(told.contains("is not here\nhint: name its file with `--component`"), "{told}");
    let told =
        refused(&recorded.verify(&[&whole[..], &["--component", "builtin:tool-list"]].concat()));
    assert!(told.contains("is no component of this receipt's policy set"), "{told}");
    recorded.write("others.json", r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}"#);
    let told = refused(&recorded.verify(&["receipt.json", "--key", "others.json"]));
    assert!(told.contains("none of those that are trusted"), "{told}");
}

#[test]
fn a_receipt_of_nothing_is_refused() {
    let recorded = Recorded::new();
    let url = format!("http://{}", recorded.server.address());
    let told = refused(&run(&recorded.server, &["receipt", "export", "x", "--server", &url]));
    assert!(told.contains("there is no decision `x`"), "{told}");
}

/// The part of a record that says what a policy asked the store, as it is written.
#[derive(Deserialize)]
struct Asked {
    whole: Whole,
}

#[derive(Deserialize)]
struct Whole {
    bases: Vec<Basis>,
}

#[derive(Deserialize)]
struct Basis {
    inquiries: Box<RawValue>,
}

/// Where the value of a member of a receipt is in its text.
fn range(text: &str, name: &str, next: Option<&str>) -> Range<usize> {
    let member = |name: &str| text.find(&format!("\n  \"{name}\": ")).unwrap();
    let start = member(name) + name.len() + 7;
    start..next.map_or(text.trim_end().len() - 2, |next| member(next) - 1)
}

#[test]
fn every_byte_of_a_receipt_that_is_changed_is_found_and_its_part_named() {
    let recorded = Recorded::new();
    let text = &recorded.receipt;
    let keys = std::fs::read_to_string(recorded.server.directory().join("keys.json")).unwrap();
    let keys: KeySet = serde_json::from_str(&keys).unwrap();
    let whole: Receipt = serde_json::from_str(text).unwrap();
    Checked::of(&whole, Some(&keys)).unwrap();
    let names = ["format", "tenant", "decision", "policy_set", "chain", "signature"];
    let mut checked = 0;
    for (place, name) in names.iter().enumerate() {
        for at in range(text, name, names.get(place + 1).copied()) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            // What is no receipt any more is refused before anything is looked at.
            let Ok(changed) = serde_json::from_slice::<Receipt>(&bytes) else { continue };
            checked += 1;
            let told = Checked::of(&changed, Some(&keys)).unwrap_err().to_string();
            let is_named = match *name {
                "signature" => told.contains("`signature."),
                name => told.starts_with(&format!("`{name}`")),
            };
            assert!(is_named, "{name}, byte {at}: {told}");
        }
    }
    assert!(checked > 1_000, "{checked}");
}

/// Makes a receipt of other parts whole again, and signs it with a key of its own.
async fn forged(receipt: &Receipt, decision: &str, policy_set: &str) -> Receipt {
    let signers = Records::Ephemeral(Default::default());
    let signers = Signers::open(signers, Tenant::default(), None).await.unwrap();
    let mut forged = receipt.clone();
    forged.decision = Verbatim::new(decision.to_owned());
    forged.policy_set = Verbatim::new(policy_set.to_owned());
    let chain = &mut forged.chain;
    chain.digests[chain.place as usize - 1] = forged.decision.digest();
    chain.hash = hash_of(chain.previous, chain.until_ms, &chain.digests);
    let Receipt { tenant, decision, policy_set, chain, .. } = &forged;
    forged.signature = signers.vouch(Parts::of(tenant, decision, policy_set, chain));
    forged
}

#[tokio::test]
async fn what_does_not_follow_from_itself_is_found_by_deciding_again() {
    let recorded = Recorded::new();
    let receipt: Receipt = serde_json::from_str(&recorded.receipt).unwrap();
    let (decision, set) = (receipt.decision.as_str(), receipt.policy_set.as_str());
    let program = env!("CARGO_BIN_EXE_writ").into();
    let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
    let engine = Engine::new(EngineConfig { instances_max: 2, ..EngineConfig::new(compiler) });
    let engine = engine.unwrap();
    let own = own();
    let components = BTreeMap::from([(writ_core::Digest::of(&own), own)]);
    let again = async |decision: &str, set: &str| {
        let receipt = forged(&receipt, decision, set).await;
        Checked::of(&receipt, None)?.decide_again(&engine, &components).await.map(drop)
    };
    again(decision, set).await.unwrap();

    let allowed = decision.replacen(r#""verdict":"deny""#, r#""verdict":"allow""#, 1);
    assert_ne!(allowed, decision);
    let found = again(&allowed, set).await.unwrap_err();
    assert!(matches!(found, Wrong::Difference(Difference::Verdict { .. })), "{found}");

    let read: Value = serde_json::from_str(decision).unwrap();
    let fuel = read["policies"][0]["fuel"].as_u64().unwrap();
    let cheaper = decision.replacen(&format!(r#""fuel":{fuel}"#), r#""fuel":1"#, 1);
    let found = again(&cheaper, set).await.unwrap_err();
    assert!(matches!(found, Wrong::Difference(Difference::Fuel { then: 1, .. })), "{found}");

    let outcome = decision.replacen("denied-by-policy", "all-abstained", 1);
    let found = again(&outcome, set).await.unwrap_err();
    assert!(matches!(found, Wrong::Difference(Difference::Outcome { .. })), "{found}");

    let (Value::String(subject), who) = (read["subject"][1].clone(), "another") else { panic!() };
    let of_another = decision.replacen(&format!(r#""{subject}""#), &format!(r#""{who}""#), 1);
    let found = again(&of_another, set).await.unwrap_err();
    assert!(found.to_string().contains("it names others"), "{found}");

    let image = read["policies"][0]["image"].as_str().unwrap();
    let other = decision.replacen(image, &writ_core::Digest::of("another").to_string(), 1);
    assert_ne!(other, decision);
    let found = again(&other, set).await.unwrap_err();
    assert!(matches!(found, Wrong::Difference(Difference::Policy { .. })), "{found}");

    let amount = decision.replacen(r#""amount":1"#, r#""amount":2"#, 1);
    let found = again(&amount, set).await.unwrap_err();
    assert!(found.to_string().contains("its digest is another"), "{found}");

    let asked: Asked = serde_json::from_str(decision).unwrap();
    let unheard = decision.replacen(asked.whole.bases[0].inquiries.get(), "[]", 1);
    assert_ne!(unheard, decision);
    let found = again(&unheard, set).await.unwrap_err();
    assert!(matches!(found, Wrong::Difference(Difference::Departed { .. })), "{found}");

    let lenient = set.replacen(r#""limit":1,"#, r#""limit":9,"#, 1);
    assert_ne!(lenient, set);
    let found = again(decision, &lenient).await.unwrap_err();
    assert!(matches!(found, Wrong::OtherSet { .. }), "{found}");
}
