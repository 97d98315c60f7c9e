//! What is wrong with a registry is refused with its line, why, and what to do.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use writ::config::{Config, ConfigError, Overrides};
use writ_testkit::server::write_private;

const GOOD: &str = "\
[[registry]]
host = \"Registry.example:5000\"
also = [\"tokens.example\", \"layers.example\"]
username = \"writ\"
password-file = \"password\"
timeout-ms = 120000
";

fn load(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    write_private(&directory.path().join("password"), "a password\n");
    write_private(&directory.path().join("writ.toml"), text);
    Config::load(&directory.path().join("writ.toml"), &Overrides::default())
}

/// Where and how a registry is refused: line, part of the text, and part of the hint.
fn check(from: &str, to: &str, line: usize, message: &str, hint: &str) {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD);
    let error = load(&text).unwrap_err();
    assert!(error.message.contains(message), "{}", error.message);
    assert_eq!(error.place.position.map(|(line, _)| line), Some(line), "{error}");
    assert!(error.hint.clone().unwrap_or_default().contains(hint), "{error}");
}

#[test]
fn a_registry_is_read() {
    let config = load(GOOD).unwrap();
    let registries: Vec<_> = config.policies.registries.iter().collect();
    let [registry] = registries[..] else { panic!("{registries:?}") };
    assert_eq!(registry.host, "registry.example:5000");
    let places: Vec<_> = registry.places.iter().map(|(url, _)| url.as_str()).collect();
    let of = ["registry.example:5000", "tokens.example", "layers.example"];
    assert_eq!(places, of.map(|host| format!("https://{host}/")));
    assert!(!registry.is_plain);
    let (name, password) = registry.credentials.as_ref().unwrap();
    assert_eq!((name.as_str(), password.expose()), ("writ", "a password"));
    assert_eq!(registry.timeout, Duration::from_secs(120));
    assert!(!format!("{config:?}").contains("a password"), "a secret shows");
    let nowhere = load("").unwrap().policies.registries.iter().count();
    assert_eq!(nowhere, 0, "nothing is pulled from anywhere");
}

#[test]
fn what_cannot_be_called_is_refused() {
    check("Registry.example:5000", "registry.example/team", 2, "is no host", "registry.example");
    check("Registry.example:5000", "https://registry.example", 2, "is no host", "");
    check("Registry.example:5000", "ann:secret@registry.example", 2, "is no host", "");
    check("Registry.example:5000", "", 2, "needs `host`", "registry.example");
    for unnameable in ["registry.example/", "regi\\tstry.example", "bücher.example", "[::1]:5000"]
    {
        check("Registry.example:5000", unnameable, 2, "is no host", "as references do");
    }
    check("Registry.example:5000", "10.0.0.1", 2, "not an address of the", "allowed-addresses");
    check("layers.example", "169.254.169.254", 3, "not an address of the", "allowed-addresses");
    check(
        "timeout-ms",
        "insecure = true\ntimeout-ms",
        2,
        "could read",
        "take `insecure` out; it is for",
    );
    load("[[registry]]\nhost = \"localhost:5000\"\ninsecure = true\n").unwrap();
    let near = "[[registry]]\nhost = \"10.0.0.1\"\nallowed-addresses = [\"10.0.0.0/8\"]\n";
    load(near).unwrap();
}

#[test]
fn a_password_is_whole_and_a_name_is_there_once() {
    check("username = \"writ\"\n", "", 4, "needs `username`", "");
    check("password-file = \"password\"\n", "", 4, "needs `password-file` or `password-env`", "");
    let error = load("\n[server]\n\n[[registry]]\ninsecure = true\n").unwrap_err();
    assert_eq!(error.place.position.map(|(line, _)| line), Some(4), "{error}");
    assert!(error.message.contains("needs `host`"), "{error}");
    check("\"password\"", "\"absent\"", 5, "no file `absent`", "");
    check("timeout-ms = 120000", "timeout-ms = 240001", 6, "must be 1 to 240000", "");
    let error = load(&format!("{GOOD}{}", GOOD.to_lowercase())).unwrap_err();
    assert_eq!(error.place.position.map(|(line, _)| line), Some(8));
    assert!(error.message.contains("is there twice"), "{error}");
}
