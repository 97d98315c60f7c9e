//! Tokens of an issuer, against a real server and a real issuer of keys.
#![allow(missing_docs, clippy::unwrap_used)]

mod issuer;

use issuer::{Issuer, Signer, now_s};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use writ_testkit::http::Reply;
use writ_testkit::server::Writ;

const NAME: &str = "https://issuer.example";

fn config(keys: &str) -> String {
    format!(
        "[store]\ndirectory = \"data\"\n\n\
         [auth.jwt]\nissuer = \"{NAME}\"\naudience = \"writ\"\n{keys}\n\n\
         [[binding]]\nname = \"tools\"\nsource = \"builtin:tool-list\"\nsettings = {{ allow = [\"read\"] }}\n"
    )
}

fn server(issuer: &Issuer, more: &str) -> Writ {
    let config = config(&format!("jwks-url = \"{}\"\n{more}", issuer.url()));
    Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &[])
}

/// The claims of a token that is good.
fn claims() -> Value {
    json!({
        "iss": NAME, "aud": ["other", "writ"], "sub": "ann", "exp": now_s() + 600,
        "nbf": now_s() - 10, "writ_roles": ["auditor"], "groups": ["finance"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Asks for what an auditor may see.
fn ask(server: &Writ, token: &str) -> Reply {
    server.client().with_key(token).get("/metrics").unwrap()
}

/// Asks until the keys have been read again, which may not be at once: they were just read.
fn until(server: &Writ, token: &str, status: u16) {
    let stranger = Signer::ec("stranger").sign(&claims());
    let asked = (0..10_000).find(|_| {
        check(server, &stranger, 401);
        ask(server, token).status == status
    });
    assert!(asked.is_some(), "the issuer's keys are never read again");
}

fn check(server: &Writ, token: &str, status: u16) {
    let reply = ask(server, token);
    assert_eq!(reply.status, status, "{}", reply.text());
    if status == 401 {
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert_eq!(reply.json()["code"], "unauthenticated");
        assert_eq!(reply.json().get("detail"), None);
    }
}

#[test]
fn a_good_token_names_a_principal_with_its_roles() {
    let signers = [Signer::rsa("r"), Signer::ec("e"), Signer::ed("d")];
    let issuer = Issuer::start(&signers);
    let server = server(&issuer, "");
    assert_eq!(server.key(), "", "where an issuer says who may what, nobody is given a key");
    for signer in &signers {
        check(&server, &signer.sign(&claims()), 200);
    }
    let signer = &signers[1];
    check(&server, &signer.sign(&with("writ_roles", json!("agent auditor"))), 200);
    check(&server, &signer.sign(&with("aud", json!("writ"))), 200);
    for roles in [json!(["approver"]), json!([]), json!(["root"]), json!({"auditor": true})] {
        check(&server, &signer.sign(&with("writ_roles", roles)), 403);
    }
    check(&server, &signer.sign(&without("writ_roles")), 403);
}

#[test]
fn a_token_whose_claims_are_not_good_names_nobody() {
    let signer = Signer::ec("e");
    let issuer = Issuer::start(std::slice::from_ref(&signer));
    let server = server(&issuer, "tenant-claim = \"org\"");
    let mut good = claims();
    good["org"] = json!("default");
    check(&server, &signer.sign(&good), 200);
    for (name, value) in [
        ("aud", json!("another")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("iss", json!("https://evil.example")),
        ("iss", json!(null)),
        ("exp", json!(now_s() - 3_600)),
        ("exp", json!("never")),
        ("exp", json!(null)),
        ("nbf", json!(now_s() + 3_600)),
        ("nbf", json!("soon")),
        ("sub", json!("")),
        ("sub", json!(null)),
        ("org", json!("another")),
        ("org", json!(null)),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        let reply = ask(&server, &signer.sign(&claims));
        assert_eq!(reply.status, 401, "{name} {value}: {}", reply.text());
    }
    for name in ["aud", "iss", "exp", "sub", "org"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(ask(&server, &signer.sign(&claims)).status, 401, "{name}");
    }
}

#[test]
fn a_token_that_is_signed_in_another_way_names_nobody() {
    let (rsa, ec) = (Signer::rsa("r"), Signer::ec("e"));
    let issuer = Issuer::start(&[rsa.clone(), ec.clone()]);
    let server = server(&issuer, "algorithms = [\"RS256\", \"ES256\"]");
    check(&server, &rsa.sign(&claims()), 200);
    // The key is right, the algorithm is not listed.
    check(&server, &rsa.sign_as(Algorithm::PS256, Some("r"), &claims()), 401);
    check(&server, &rsa.sign_as(Algorithm::RS512, Some("r"), &claims()), 401);
    // Another's key under the name of a good one, and a good key under another's name.
    check(&server, &Signer::rsa("r").sign(&claims()), 401);
    check(&server, &Signer::ec("e").sign(&claims()), 401);
    check(&server, &rsa.sign_as(Algorithm::RS256, Some("e"), &claims()), 401);
    // No name is enough where only one key fits.
    check(&server, &rsa.sign_as(Algorithm::RS256, None, &claims()), 200);
    // What is public is no secret to sign with.
    for secret in rsa.public_bytes() {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let header = Header { kid: Some("r".into()), ..Header::new(algorithm) };
            let key = EncodingKey::from_secret(&secret);
            check(&server, &jsonwebtoken::encode(&header, &claims(), &key).unwrap(), 401);
        }
    }
    let good = ec.sign(&claims());
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    for header in [r#"{"alg":"none","kid":"e"}"#, r#"{"alg":"None"}"#, r#"{"kid":"e"}"#, "{}"] {
        let header = issuer::base64(header.as_bytes());
        check(&server, &format!("{header}.{body}."), 401);
        check(&server, &format!("{header}.{body}.{signature}"), 401);
    }
    let changed = issuer::base64(with("sub", json!("mallory")).to_string().as_bytes());
    for token in [
        format!("{head}.{changed}.{signature}"),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{good}.{signature}"),
        format!("{head}..{signature}"),
    ] {
        check(&server, &token, 401);
    }
    let critical = issuer::base64(br#"{"alg":"ES256","kid":"e","crit":["exp"]}"#);
    check(&server, &ec.sign_message(&format!("{critical}.{body}")), 401);
}

#[test]
fn an_issuer_may_change_its_keys_and_what_it_withdrew_is_forgotten() {
    let (old, new) = (Signer::ec("old"), Signer::ed("new"));
    let issuer = Issuer::start(std::slice::from_ref(&old));
    let server = server(&issuer, "refresh-min-ms = 1");
    check(&server, &old.sign(&claims()), 200);
    check(&server, &new.sign(&claims()), 401);
    issuer.publish(&[old.clone(), new.clone()]);
    until(&server, &new.sign(&claims()), 200);
    check(&server, &old.sign(&claims()), 200);
    issuer.publish(std::slice::from_ref(&new));
    // Any token with a key that is not known has the keys read again.
    until(&server, &old.sign(&claims()), 401);
    check(&server, &new.sign(&claims()), 200);
}

#[test]
fn an_issuer_is_not_asked_for_each_token_with_a_key_that_is_not_known() {
    let signer = Signer::ec("e");
    let issuer = Issuer::start(std::slice::from_ref(&signer));
    let server = server(&issuer, "refresh-min-ms = 3600000");
    let strangers: Vec<_> = (0..20).map(|n| Signer::ec(&format!("s{n}")).sign(&claims())).collect();
    for token in &strangers {
        check(&server, token, 401);
    }
    check(&server, &signer.sign(&claims()), 200);
    assert_eq!(issuer.asked(), 1);
}

#[test]
fn an_issuer_that_does_not_answer_stops_its_tokens_and_nothing_else() {
    let signer = Signer::ec("e");
    let issuer = Issuer::start(std::slice::from_ref(&signer));
    issuer.answer("this is no JSON");
    let server = server(&issuer, "refresh-min-ms = 1");
    check(&server, &signer.sign(&claims()), 401);
    assert_eq!(server.client().get("/health").unwrap().status, 200);
    let large = format!("{{\"keys\":[\"{}\"]}}", "x".repeat(2 << 20));
    issuer.answer(&large);
    check(&server, &signer.sign(&claims()), 401);
    issuer.publish(std::slice::from_ref(&signer));
    until(&server, &signer.sign(&claims()), 200);
    // What was known stays known while the issuer is away.
    issuer.answer("away");
    check(&server, &Signer::ec("stranger").sign(&claims()), 401);
    check(&server, &signer.sign(&claims()), 200);
}

#[test]
fn an_issuer_is_asked_where_its_keys_are_and_believed_of_itself_alone() {
    let signer = Signer::ed("d");
    let issuer = Issuer::start(std::slice::from_ref(&signer));
    let name = issuer.name();
    issuer.describe(NAME, &issuer.url());
    let config = config("refresh-min-ms = 1").replace(NAME, &name);
    let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &[]);
    let good = signer.sign(&with("iss", json!(name)));
    check(&server, &good, 401);
    for (described, keys) in [
        (name.as_str(), "http://issuer.example/keys"),
        (name.as_str(), "keys"),
        (&format!("{name}/"), &issuer.url()),
    ] {
        issuer.describe(described, keys);
        check(&server, &good, 401);
    }
    issuer.describe(&name, &issuer.url());
    until(&server, &good, 200);
    check(&server, &signer.sign(&claims()), 401);
}

#[test]
fn keys_in_a_file_do_as_well_and_only_public_ones_for_signatures_count() {
    let (good, encrypting) = (Signer::ec("e"), Signer::ec("enc"));
    let mut set = issuer::set(&[good.clone(), encrypting.clone()]);
    set["keys"][1]["use"] = json!("enc");
    let secret = b"a secret that stands in a public file";
    set["keys"].as_array_mut().unwrap().extend([
        json!({"kty": "oct", "kid": "shared", "alg": "HS256", "k": issuer::base64(secret)}),
        json!({"kty": "of a kind that is not known", "kid": "x"}),
        json!("no key at all"),
    ]);
    let place = [("keys.json", set.to_string().into_bytes())];
    let config = config("jwks-file = \"keys.json\"");
    let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &place);
    check(&server, &good.sign(&claims()), 200);
    check(&server, &encrypting.sign(&claims()), 401);
    let header = Header { kid: Some("shared".into()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(secret);
    check(&server, &jsonwebtoken::encode(&header, &claims(), &key).unwrap(), 401);
}
