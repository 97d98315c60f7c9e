//! What a good configuration becomes.
#![allow(missing_docs, clippy::unwrap_used)]

use writ::config::document::Document;
use writ::config::root::Root;
use writ::config::{Config, DataLocation, Overrides};
use writ::policy_set::PolicyBinding;
use writ_core::{Commit, Limits, Mode};

fn parsed(toml: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("known.json"), "{ \"payees\": [\"x\"] }").unwrap();
    let root = Root::open(directory.path()).unwrap();
    Config::parse(Document::new("writ.toml", toml), root, &Overrides::default()).unwrap()
}

fn names(config: &Config) -> Vec<&str> {
    config.policies.bindings.iter().map(|binding| binding.binding.name.as_str()).collect()
}

fn only(config: &Config) -> &PolicyBinding {
    let [binding] = config.policies.bindings.as_slice() else { panic!("one binding") };
    binding
}

#[test]
fn an_empty_file_means_every_default() {
    let config = parsed("");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8181");
    assert_eq!(config.data, DataLocation::Inside("writ-data".into()));
    assert!(config.engine.memo_bytes_max > 0 && config.engine.disk_cache);
    assert!(config.policies.bindings.is_empty());
}

#[test]
fn bindings_are_evaluated_by_order_and_then_as_they_stand_in_the_file() {
    let binding = |name: &str, order: i32| {
        format!("[[binding]]\nname = \"{name}\"\nsource = \"p.wasm\"\norder = {order}\n")
    };
    let toml = [binding("d", 5), binding("b", 0), binding("c", 0), binding("a", -1)].concat();
    assert_eq!(names(&parsed(&toml)), ["a", "b", "c", "d"]);
}

#[test]
fn a_binding_keeps_what_is_written_and_defaults_the_rest() {
    let config = parsed(
        r#"
        [[binding]]
        name = "budget"
        source = "p.wasm"
        match = { action = "pay", resource-id = ["a*", "b"] }
        limits = { fuel = 5000 }
        mode = "shadow"
        commit = "always"
        settings = { limit = 1_000, per = "subject" }
        "#,
    );
    let binding = only(&config);
    assert_eq!(binding.limits, Limits { fuel: 5_000, ..Limits::default() });
    assert_eq!((binding.binding.mode, binding.binding.commit), (Mode::Shadow, Commit::Always));
    assert_eq!(binding.settings.json().as_str(), r#"{"limit":1000,"per":"subject"}"#);
    assert_eq!(binding.matches["action"], ["pay"]);
    assert_eq!(binding.matches["resource-id"], ["a*", "b"]);
}

#[test]
fn settings_may_stand_in_a_file_of_their_own() {
    let config =
        parsed("[[binding]]\nname = \"k\"\nsource = \"p.wasm\"\nsettings-file = \"known.json\"\n");
    assert_eq!(only(&config).settings.json().as_str(), r#"{"payees":["x"]}"#);
}

#[test]
fn remembering_can_be_switched_off() {
    assert_eq!(parsed("[engine]\nmemo = false\n").engine.memo_bytes_max, 0);
}

#[test]
fn the_built_in_configuration_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let config = Config::defaults(root, &Overrides::default()).unwrap();
    assert!(!config.policies.bindings.is_empty());
}
