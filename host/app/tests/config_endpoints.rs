//! What is wrong with an endpoint is refused with its line, why, and what to do.
#![allow(missing_docs, clippy::unwrap_used)]

use writ::config::{Config, ConfigError, Overrides};
use writ_testkit::server::write_private;

const GOOD: &str = "\
[[endpoint]]
name = \"charge\"
url = \"https://pay.example/charge\"
secret-file = \"secret\"
input-schema = \"charge.json\"
";

fn load(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| write_private(&directory.path().join(name), text);
    write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    write("charge.json", r#"{"type": "object", "required": ["amount"]}"#);
    write("list.json", "[]");
    write("writ.toml", text);
    Config::load(&directory.path().join("writ.toml"), &Overrides::default())
}

/// Where and how an endpoint is refused: line, part of the text, and part of the hint.
fn check(from: &str, to: &str, line: usize, message: &str, hint: &str) {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD);
    let error = load(&text).unwrap_err();
    assert!(error.message.contains(message), "{}", error.message);
    assert_eq!(error.place.position.map(|(line, _)| line), Some(line), "{error}");
    assert!(error.hint.clone().unwrap_or_default().contains(hint), "{error}");
}

#[test]
fn an_endpoint_is_read() {
    let config = load(GOOD).unwrap();
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.name.as_str(), "charge");
    assert!(!endpoint.is_idempotent, "nothing is called twice unless somebody says so");
    assert_eq!(endpoint.backoff.attempts_max, 8);
    assert!(endpoint.input_schema.as_ref().unwrap().as_str().contains("amount"));
    assert!(!format!("{config:?}").contains("MfKQ9r8G"), "a secret shows");
}

#[test]
fn what_cannot_be_called_is_refused() {
    check("https://pay.example", "http://pay.example", 3, "could read", "https");
    check("https://pay.example", "https://10.0.0.1", 3, "no", "allowed-addresses");
    check("\"secret\"", "\"weak\"", 4, "weak", "");
    check("secret-file = \"secret\"\n", "", 1, "the endpoint `charge` needs `secret-file`", "");
}

#[test]
fn its_name_and_schema_are_checked() {
    check("\"charge\"", "\"Charge!\"", 2, "`Charge!`", "");
    check("charge.json", "other.json", 5, "other.json", "");
    check("charge.json", "list.json", 5, "`list.json` is no JSON object", "");
    let error = load(&format!("{GOOD}{GOOD}")).unwrap_err();
    assert_eq!(error.place.position.map(|(line, _)| line), Some(7));
    assert!(error.hint.unwrap().contains("its own"));
    let binding = "[[binding]]\nname = \"charge\"\nsource = \"builtin:rules\"\n";
    assert!(load(&format!("{binding}{GOOD}")).is_err(), "a name means one thing");
}

#[test]
fn attempts_have_bounds() {
    check("\ninput", "\nattempts-max = 101\ninput", 5, "must be 1 to 100", "");
    check("\ninput", "\ntimeout-ms = 0\ninput", 5, "must be 1 to 60000", "");
}
