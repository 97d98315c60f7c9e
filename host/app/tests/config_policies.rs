//! What is wrong with a policy set shows when its policies load: file, line, what, why, next step.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use writ::builtin;
use writ::config::{Config, ConfigError, Overrides};
use writ::policy_set::{self, Snapshot};
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_testkit::guests;

fn engine(config: &Config) -> Engine {
    let program = env!("CARGO_BIN_EXE_writ").into();
    let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
    let load = config.engine.load.clone();
    Engine::new(EngineConfig { load, instances_max: 4, ..EngineConfig::new(compiler) }).unwrap()
}

/// Loads a policy set that stands in a directory.
async fn load(directory: &Path, toml: &str) -> Result<Snapshot, ConfigError> {
    fs::write(directory.join("writ.toml"), toml).unwrap();
    let config = Config::load(&directory.join("writ.toml"), &Overrides::default())?;
    policy_set::load(&engine(&config), &config.policies, 1 << 20).await
}

async fn load_alone(toml: &str) -> Result<Snapshot, ConfigError> {
    load(tempfile::tempdir().unwrap().path(), toml).await
}

async fn refused_in(directory: &Path, toml: &str) -> String {
    let Err(error) = load(directory, toml).await else { panic!("it is refused") };
    error.to_string().replace(&format!("{}/", directory.display()), "")
}

async fn refused(toml: &str) -> String {
    refused_in(tempfile::tempdir().unwrap().path(), toml).await
}

fn rate_limit(rest: &str) -> String {
    format!("[[binding]]\nname = \"rate\"\nsource = \"builtin:rate-limit\"\n{rest}\n")
}

const RATE: &str = "settings = { limit = 5, window-seconds = 60 }";

#[tokio::test]
async fn a_setting_out_of_range_is_refused_with_its_line() {
    let toml = rate_limit("[binding.settings]\nlimit = 0\nwindow-seconds = 60");
    insta::assert_snapshot!(refused(&toml).await, @r#"
    writ.toml:5:9: the settings break the policy's schema at `/limit`: 0 is less than the minimum of 1
    hint: `writ check COMPONENT` shows the schema of a policy's settings
    "#);
}

#[tokio::test]
async fn an_unknown_setting_is_refused_with_the_nearest() {
    let toml = rate_limit("[binding.settings]\nlimits = 5\nwindow-seconds = 60");
    insta::assert_snapshot!(refused(&toml).await, @r#"
    writ.toml:5:10: there is no setting `limits`
    hint: did you mean `limit`?
    "#);
}

#[tokio::test]
async fn a_setting_of_the_wrong_type_is_refused() {
    let toml = rate_limit("settings = { limit = \"five\", window-seconds = 60 }");
    insta::assert_snapshot!(refused(&toml).await, @r#"
    writ.toml:4:22: the settings break the policy's schema at `/limit`: "five" is not of type "integer"
    hint: `writ check COMPONENT` shows the schema of a policy's settings
    "#);
}

#[tokio::test]
async fn settings_that_are_left_out_are_refused_where_the_policy_needs_some() {
    insta::assert_snapshot!(refused(&rate_limit("")).await, @r#"
    writ.toml:1:1: the setting `limit` is missing
    hint: `writ check COMPONENT` shows the schema of a policy's settings
    "#);
}

#[tokio::test]
async fn a_setting_in_a_file_is_refused_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("rate.json"),
        "{\n  \"limit\": -1,\n  \"window-seconds\": 60\n}\n",
    )
    .unwrap();
    let toml = rate_limit("settings-file = \"rate.json\"");
    insta::assert_snapshot!(refused_in(directory.path(), &toml).await, @r#"
    rate.json:2:12: the settings break the policy's schema at `/limit`: -1 is less than the minimum of 1
    hint: `writ check COMPONENT` shows the schema of a policy's settings
    "#);
}

#[tokio::test]
async fn settings_that_only_the_policy_can_refuse_are_refused_with_its_words() {
    let toml = "[[binding]]\nname = \"rules\"\nsource = \"builtin:rules\"\n\
                [[binding.settings.rules]]\nname = \"a\"\neffect = \"allow\"\n\
                when = { path = \"/action/name\", regex = \"(\" }\n";
    insta::assert_snapshot!(refused(toml).await, @r#"writ.toml:4:11: binding `rules` does not load: `configure` failed: guest-error: the settings of `rules` cannot be read: `(` is no regular expression: found open group without closing ')'"#);
}

#[tokio::test]
async fn settings_in_a_file_that_only_the_policy_can_refuse_are_refused_where_they_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let rules = r#"{"rules": [{"name": "a", "effect": "allow", "when": {"path": "/action/name", "regex": "("}}]}"#;
    fs::write(directory.path().join("rules.json"), rules).unwrap();
    let toml = "[[binding]]\nname = \"mine\"\nsource = \"builtin:rules\"\nsettings-file = \"rules.json\"\n";
    let text = refused_in(directory.path(), toml).await;
    let start = "writ.toml:4:17: binding `mine` does not load: `configure` failed: guest-error: ";
    assert!(text.starts_with(start), "{text}");
}

#[tokio::test]
async fn a_limit_of_configure_is_refused_with_the_key_that_raises_it() {
    let directory = tempfile::tempdir().unwrap();
    let endless = guests::bytes("hostile/loop-in-configure");
    fs::write(directory.path().join("endless.wasm"), endless).unwrap();
    let binding = "[[binding]]\nname = \"a\"\nsource = \"endless.wasm\"\nsettings = { b = 1 }\n";
    let limits = "[engine.load]\nconfigure-fuel = 1_000_000\n";
    insta::assert_snapshot!(refused_in(directory.path(), &format!("{binding}{limits}")).await, @"
    writ.toml:4:1: binding `a` does not load: `configure` failed: out-of-fuel: it burnt all its fuel
    hint: raise `configure-fuel` in `[engine.load]`
    ");
    let limits = "[engine.load]\nconfigure-fuel = 1_000_000_000_000\nconfigure-deadline-ms = 20\n";
    insta::assert_snapshot!(refused_in(directory.path(), &format!("{binding}{limits}")).await, @"
    writ.toml:4:1: binding `a` does not load: `configure` failed: deadline-exceeded: it ran longer than its deadline
    hint: raise `configure-deadline-ms` in `[engine.load]`
    ");
}

#[tokio::test]
async fn a_directory_is_no_component() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("policies")).unwrap();
    let toml = "[[binding]]\nname = \"a\"\nsource = \"policies\"\n";
    insta::assert_snapshot!(refused_in(directory.path(), toml).await, @r#"
    writ.toml:3:10: `policies` is a directory
    hint: give the path of the file in it
    "#);
}

#[tokio::test]
async fn a_component_that_is_missing_is_refused() {
    let toml = "[[binding]]\nname = \"a\"\nsource = \"policies/absent.wasm\"\n";
    insta::assert_snapshot!(refused(toml).await, @r#"
    writ.toml:3:10: there is no file `policies/absent.wasm` in the configuration's directory
    hint: give its path from the directory that the configuration stands in
    "#);
}

#[tokio::test]
async fn a_component_outside_of_the_directory_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let component = outside.path().join("policy.wasm");
    fs::write(&component, builtin::named("rules").unwrap().bytes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&component, directory.path().join("link.wasm")).unwrap();
    let toml = "[[binding]]\nname = \"a\"\nsource = \"link.wasm\"\n";
    insta::assert_snapshot!(refused_in(directory.path(), toml).await, @r#"
    writ.toml:3:10: `link.wasm` leads outside of the configuration's directory
    hint: copy the file into that directory and give its path from there
    "#);
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("policy.wasm"), "(component)").unwrap();
    let toml = "[[binding]]\nname = \"a\"\nsource = \"policy.wasm\"\n";
    insta::assert_snapshot!(refused_in(directory.path(), toml).await, @r#"
    writ.toml:3:10: policy `policy.wasm` does not load: the component is not valid: it is text
    hint: make bytes of it, for example with `wasm-tools parse`
    "#);
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("policy.wasm"), vec![0; (1 << 20) + 1]).unwrap();
    let toml = "[[binding]]\nname = \"a\"\nsource = \"policy.wasm\"\n";
    insta::assert_snapshot!(refused_in(directory.path(), toml).await, @r#"
    writ.toml:3:10: `policy.wasm` has more than 1048576 bytes
    hint: build it for size and strip it, or raise `component-bytes-max` in `[engine.load]`
    "#);
}

#[tokio::test]
async fn a_component_other_than_the_pinned_one_is_refused() {
    let other = builtin::named("rules").unwrap().digest();
    let toml = rate_limit(&format!("digest = \"{other}\"\n{RATE}"));
    let found = builtin::named("rate-limit").unwrap().digest().to_string();
    let text = refused(&toml).await.replace(&found, "sha256:...");
    insta::assert_snapshot!(text, @r#"
    writ.toml:4:10: `builtin:rate-limit` is another component than the pinned one: its digest is `sha256:...`
    hint: if the change is meant, review the component and pin its new digest
    "#);
}

#[tokio::test]
async fn a_digest_that_nothing_has_is_refused() {
    let digest = writ_core::Digest::of("nothing");
    let toml = format!("[[binding]]\nname = \"a\"\nsource = \"{digest}\"\n");
    insta::assert_snapshot!(refused(&toml).await, @r#"
    writ.toml:3:10: no built-in policy and no `*.wasm` file in `policies/` has the digest `sha256:1785cfc3bc6ac7738e8b38cdccd1af12563c2b9070e07af336a1bf8c0f772b6a`
    hint: `writ check builtin:NAME` shows the digest of a built-in policy; copy the component into `policies/` beside the configuration; a server looks for policies in its store, too, where `writ policy push` puts them
    "#);
}

#[tokio::test]
async fn the_pinned_component_is_loaded() {
    let digest = builtin::named("rate-limit").unwrap().digest();
    let snapshot =
        load_alone(&rate_limit(&format!("digest = \"{digest}\"\n{RATE}"))).await.unwrap();
    assert_eq!(snapshot.bindings[0].image.component_digest(), digest);
}

#[tokio::test]
async fn a_component_is_found_by_its_digest() {
    let bytes = builtin::named("rate-limit").unwrap().bytes;
    // A custom section changes the digest and nothing else.
    let mine = [bytes, b"\0\x05\x04mine"].concat();
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("policies")).unwrap();
    fs::write(directory.path().join("policies/other.wasm"), "no component").unwrap();
    fs::write(directory.path().join("policies/mine.wasm"), &mine).unwrap();
    for digest in [writ_core::Digest::of(&mine), writ_core::Digest::of(bytes)] {
        let toml = format!("[[binding]]\nname = \"a\"\nsource = \"{digest}\"\n{RATE}\n");
        let snapshot = load(directory.path(), &toml).await.unwrap();
        assert_eq!(snapshot.bindings[0].image.component_digest(), digest);
    }
}

#[tokio::test]
async fn whatever_can_change_a_decision_changes_the_digest_of_the_set() {
    let base = rate_limit(RATE);
    let mut digests = vec![load_alone(&base).await.unwrap().digest];
    assert_eq!(load_alone(&base).await.unwrap().digest, digests[0]);
    for other in [
        base.replace("\"rate\"", "\"rat\""),
        base.replace("limit = 5", "limit = 6"),
        format!("{base}mode = \"shadow\"\n"),
        format!("{base}commit = \"always\"\n"),
        format!("{base}order = 1\n"),
        format!("{base}match = {{ action = \"a\" }}\n"),
        format!("{base}match = {{ subject-id = \"a\" }}\n"),
        format!("{base}limits = {{ fuel = 20000 }}\n"),
        String::new(),
    ] {
        digests.push(load_alone(&other).await.unwrap().digest);
    }
    let all = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all);
}
