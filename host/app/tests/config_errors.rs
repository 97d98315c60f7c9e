//! What is wrong with a configuration is one clear text: file, line, what, why, next step.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use writ::config::{Config, Overrides};

/// The error of a configuration that stands in a directory with a few other files.
fn refused(toml: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(directory.path().join("outside.json"), "{}").unwrap();
    fs::write(inside.join("broken.json"), "{\"a\": 1,}").unwrap();
    fs::write(inside.join("good.json"), "{\"a\": 1}").unwrap();
    std::os::unix::fs::symlink("../outside.json", inside.join("link.json")).unwrap();
    fs::write(inside.join("writ.toml"), toml).unwrap();
    let error = Config::load(&inside.join("writ.toml"), &Overrides::default()).unwrap_err();
    without(&inside, &error.to_string())
}

/// Temporary directories have another name on each run.
fn without(directory: &Path, text: &str) -> String {
    text.replace(&format!("{}/", directory.display()), "")
}

/// The keys that a section may have, as the refusal of another one tells them.
fn known(section: &str) -> Vec<String> {
    let text = refused(&format!("{section}\nzzzzzzzz = 1\n"));
    let (_, known) = text.split_once("hint: known here: ").unwrap_or_else(|| panic!("{text}"));
    known.trim().split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_is_in_the_reference() {
    let reference = include_str!("../../../docs/configuration.md");
    for section in [
        "",
        "[server]",
        "[auth]",
        "[auth.jwt]",
        "[log]",
        "[store]",
        "[encryption]",
        "[encryption.keys.k]",
        "[retention]",
        "[engine]",
        "[engine.load]",
        "[breaker]",
        "[policies]",
        "[tests]",
        "[worker]",
        "[[binding]]",
        "[[binding]]\n[binding.match]",
        "[[binding]]\n[binding.limits]",
        "[[tools]]",
        "[[tools]]\n[tools.limits]",
        "[[tools]]\n[tools.grants]",
        "[[endpoint]]",
        "[[registry]]",
    ] {
        for key in known(section) {
            let forms = ["`KEY`", "`KEY.", ".KEY`", "[KEY]", "[KEY.", ".KEY]"];
            let is_told = forms.iter().any(|form| reference.contains(&form.replace("KEY", &key)));
            assert!(is_told, "`{key}` of `{section}` is not in docs/configuration.md");
        }
    }
}

fn binding(rest: &str) -> String {
    format!("[server]\n\n[[binding]]\nname = \"payments\"\nsource = \"pay.wasm\"\n{rest}\n")
}

#[test]
fn a_syntax_error_has_its_line() {
    let text = refused("[server]\nlisten = \"127.0.0.1:1\n");
    insta::assert_snapshot!(text, @r#"writ.toml:2:22: no valid TOML: invalid basic string, expected `"`"#);
}

#[test]
fn a_key_that_is_written_twice_is_refused() {
    let text = refused("[server]\nlisten = \"a\"\nlisten = \"b\"\n");
    insta::assert_snapshot!(text, @r#"writ.toml:3:1: no valid TOML: duplicate key"#);
}

#[test]
fn an_unknown_section_is_refused() {
    let text = refused("[sever]\nlisten = \"127.0.0.1:1\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:1:2: unknown key `sever` at the top level
    hint: did you mean `server`?
    "#);
}

#[test]
fn an_unknown_key_in_a_section_is_refused() {
    let text = refused("[server]\nlisten-on = \"127.0.0.1:1\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:1: unknown key `listen-on` in `server`
    hint: did you mean `listen`?
    "#);
}

#[test]
fn an_unknown_key_in_a_binding_is_answered_with_the_nearest() {
    let text = refused(&binding("setings = {}"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:1: unknown key `setings` in `binding[0]`
    hint: did you mean `settings`?
    "#);
}

#[test]
fn an_unknown_key_in_a_match_is_refused() {
    let text = refused(&binding("match = { tool = \"a\" }"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:11: unknown key `tool` in `binding[0].match`
    hint: known here: subject-type, subject-id, action, resource-type, resource-id
    "#);
}

#[test]
fn an_unknown_limit_is_refused() {
    let text = refused(&binding("limits = { deadline = 5 }"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:12: unknown key `deadline` in `binding[0].limits`
    hint: did you mean `deadline-ms`?
    "#);
}

#[test]
fn an_unknown_mode_is_refused() {
    let text = refused(&binding("mode = \"shadowed\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:8: unknown value `shadowed` in `binding[0].mode`
    hint: did you mean `shadow`?
    "#);
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    let text = refused(&binding("order = \"first\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:9: `binding[0].order` must be a whole number, but is string "first"
    hint: write digits alone, without quotes or a point
    "#);
}

#[test]
fn a_negative_limit_is_refused() {
    let text = refused(&binding("limits.fuel = -1"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:15: `binding[0].limits.fuel` must be a whole number of 0 or more, but is integer `-1`
    hint: write digits alone, without quotes, a sign or a point
    "#);
}

#[test]
fn a_number_of_the_wrong_type_in_a_section_is_refused() {
    let text = refused("[engine]\ninstances-max = \"many\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:17: `engine.instances-max` must be a whole number of 0 or more, but is string "many"
    hint: write digits alone, without quotes, a sign or a point
    "#);
}

#[test]
fn a_list_of_globs_holds_texts() {
    let text = refused(&binding("match.action = [\"a\", 1]"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:22: `binding[0].match.action[1]` must be a string, but is integer `1`
    hint: put it in quotes: `"..."`
    "#);
}

#[test]
fn a_binding_needs_a_source() {
    let text = refused("[[binding]]\nname = \"payments\"\n");
    insta::assert_snapshot!(text, @r#"writ.toml:1:1: key `source` is missing in `binding[0]`"#);
}

#[test]
fn a_binding_has_a_strict_name() {
    let text = refused("[[binding]]\nname = \"Pay ments\"\nsource = \"pay.wasm\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:8: `Pay ments` is no binding name
    hint: use 1 to 64 lower-case letters, digits and hyphens
    "#);
}

#[test]
fn two_bindings_of_one_name_are_refused() {
    let text = refused(&binding("[[binding]]\nname = \"payments\"\nsource = \"other.wasm\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:7:8: another binding is called `payments`: writ.toml:4:8
    hint: names are unique, since a binding's storage is kept under its name
    "#);
}

#[test]
fn an_unknown_builtin_is_refused() {
    let text = refused("[[binding]]\nname = \"a\"\nsource = \"builtin:ratelimit\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:3:10: there is no built-in policy `ratelimit`
    hint: did you mean `rate-limit`?
    "#);
}

#[test]
fn a_source_must_not_be_empty() {
    let text = refused("[[binding]]\nname = \"a\"\nsource = \"\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:3:10: a source must not be empty
    hint: write `builtin:NAME`, the path of a component, its digest `sha256:...`, or `oci:HOST/NAME@sha256:...`
    "#);
}

#[test]
fn a_digest_is_64_digits() {
    let text = refused(&binding("digest = \"sha256:12\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:10: `sha256:12` is not a digest
    hint: write `sha256:` and 64 lower-case hexadecimal digits
    "#);
}

#[test]
fn a_broken_glob_is_refused() {
    let text = refused(&binding("match = { action = [\"read_*\", \"[a\"] }"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:11: `[a` is no glob: `[` has no meaning here; write a list for alternatives
    hint: `*` stands for any characters, `?` for one; write a list for alternatives
    "#);
}

#[test]
fn an_empty_list_of_globs_is_refused() {
    let text = refused(&binding("match = { action = [] }"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:11: an empty list of globs matches no request
    hint: leave the key out to match every request
    "#);
}

#[test]
fn a_limit_out_of_range_is_refused() {
    let text = refused(&binding("limits = { fuel = 10, deadline-ms = 0 }"));
    insta::assert_snapshot!(text, @r#"writ.toml:6:19: limit `fuel` is 10, must be 1000 to 100000000000"#);
}

#[test]
fn a_load_limit_out_of_range_is_refused() {
    let text = refused("[engine.load]\nloop-depth-max = 0\n");
    insta::assert_snapshot!(text, @r#"writ.toml:2:18: limit `loop-depth-max` is 0, must be 1 to 1000"#);
}

#[test]
fn a_bound_of_the_engine_out_of_range_is_refused() {
    let text = refused("[engine]\ninstances-max = 5000\n");
    insta::assert_snapshot!(text, @r#"writ.toml:2:17: `engine.instances-max` is 5000, must be 1 to 1000"#);
}

#[test]
fn a_breaker_that_never_closes_again_is_refused() {
    let text = refused("[breaker]\nbackoff-ms = 50000\n");
    insta::assert_snapshot!(text, @r#"writ.toml:2:14: `breaker.backoff-ms` is 50000, must be 1 to 30000"#);
}

#[test]
fn listening_on_a_name_is_refused() {
    let text = refused("[server]\nlisten = \"localhost:8181\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:10: `localhost:8181` is no address to listen on
    hint: write an IP address and a port, such as `127.0.0.1:8181` or `[::1]:8181`
    "#);
}

#[test]
fn a_host_that_is_a_url_is_refused() {
    let text = refused("[server]\nallowed-hosts = [\"a.example\", \"https://b.example\"]\n");
    insta::assert_snapshot!(text, @"
    writ.toml:2:31: `https://b.example` is no host
    hint: write a name as clients send it in `Host`, such as `writ.example`, or `writ.example:8443` for that port alone
    ");
}

#[test]
fn a_host_with_a_port_that_is_no_number_is_refused() {
    let text = refused("[server]\nallowed-hosts = [\"writ.example:https\"]\n");
    insta::assert_snapshot!(text, @"
    writ.toml:2:18: `writ.example:https` is no host
    hint: write a name as clients send it in `Host`, such as `writ.example`, or `writ.example:8443` for that port alone
    ");
}

#[test]
fn room_of_nothing_does_not_switch_off_remembering() {
    let text = refused("[engine]\nmemo-bytes-max = 0\n");
    insta::assert_snapshot!(text, @"
    writ.toml:2:18: `engine.memo-bytes-max` is 0, must be 1024 to 68719476736
    hint: `memo = false` remembers nothing
    ");
}

#[test]
fn an_origin_with_a_path_is_refused() {
    let text = refused("[server]\nallowed-origins = [\"http://a\", \"https://b.example/\"]\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:32: `https://b.example/` is no origin
    hint: write scheme, host and port as browsers send them, such as `https://console.example`
    "#);
}

const JWT: &str = "[auth.jwt]\nissuer = \"https://i.example\"\naudience = \"writ\"\n";

#[test]
fn a_shared_secret_signs_no_token() {
    let text = refused(&format!("{JWT}jwks-file = \"k\"\nalgorithms = [\"HS256\"]\n"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:5:15: unknown value `HS256` in `auth.jwt.algorithms[0]`
    hint: did you mean `RS256`?
    "#);
}

#[test]
fn tokens_without_a_signature_cannot_be_allowed() {
    let text = refused(&format!("{JWT}jwks-file = \"k\"\nalgorithms = [\"none\"]\n"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:5:15: unknown value `none` in `auth.jwt.algorithms[0]`
    hint: known here: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA
    "#);
}

#[test]
fn a_list_of_no_algorithms_is_refused() {
    let text = refused(&format!("{JWT}jwks-file = \"k\"\nalgorithms = []\n"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:5:1: an empty list of algorithms lets no token in
    hint: leave the key out for RS256, ES256 and EdDSA
    "#);
}

#[test]
fn an_issuer_that_is_no_url_has_its_keys_somewhere_else() {
    let text = refused("[auth.jwt]\nissuer = \"accounts\"\naudience = \"writ\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:10: `accounts` is no URL: relative URL without a base
    hint: the issuer's keys are looked for where it describes itself, below its `https` URL; where they are elsewhere, give `jwks-url` or `jwks-file`
    "#);
}

#[test]
fn an_issuer_is_not_asked_where_others_can_answer() {
    let text = refused("[auth.jwt]\nissuer = \"http://i.example\"\naudience = \"writ\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:10: whoever is between could answer for `http://i.example`
    hint: the issuer's keys are looked for where it describes itself, below its `https` URL; where they are elsewhere, give `jwks-url` or `jwks-file`
    "#);
}

#[test]
fn an_issuer_has_its_keys_in_one_place() {
    let text = refused(&format!("{JWT}jwks-file = \"k\"\njwks-url = \"https://i.example/k\"\n"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:4:13: the issuer's keys are named twice, by a URL and by a file
    hint: keep one of `jwks-url` and `jwks-file`
    "#);
}

#[test]
fn keys_are_not_fetched_where_others_can_change_them() {
    let text = refused(&format!("{JWT}jwks-url = \"http://i.example/k\"\n"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:4:12: whoever is between could answer `http://i.example/k` with keys of their own
    hint: use `https`
    "#);
}

#[test]
fn keys_are_fetched_from_a_url() {
    let text = refused(&format!("{JWT}jwks-url = \"keys\"\n"));
    insta::assert_snapshot!(text, @"writ.toml:4:12: `keys` is no URL: relative URL without a base");
}

#[test]
fn an_unknown_key_of_tokens_is_refused() {
    let text = refused(&format!("{JWT}jwks_url = \"https://i.example/k\"\n"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:4:1: unknown key `jwks_url` in `auth.jwt`
    hint: did you mean `jwks-url`?
    "#);
}

#[test]
fn a_claim_has_a_name() {
    let text = refused(&format!("{JWT}jwks-file = \"k\"\nroles-claim = \"\"\n"));
    insta::assert_snapshot!(text, @"writ.toml:5:15: `auth.jwt.roles-claim` must not be empty");
    let text = refused(&format!("{JWT}jwks-file = \"k\"\ntenant-claim = \"\"\n"));
    insta::assert_snapshot!(text, @"writ.toml:5:16: `auth.jwt.tenant-claim` must not be empty");
}

#[test]
fn an_issuer_is_left_in_peace_for_a_while() {
    let text = refused(&format!("{JWT}jwks-file = \"k\"\nrefresh-min-ms = 0\n"));
    insta::assert_snapshot!(text, @"writ.toml:5:18: `auth.jwt.refresh-min-ms` is 0, must be 1 to 3600000");
}

#[test]
fn tokens_are_for_an_audience() {
    let text = refused("[auth.jwt]\nissuer = \"https://i.example\"\njwks-file = \"k\"\n");
    insta::assert_snapshot!(text, @"writ.toml:1:1: key `audience` is missing in `auth.jwt`");
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    let text = refused("[log]\nlevel = \"loud\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:9: log level `loud` is not understood: `loud` is no level
    hint: use `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,writ=debug`
    "#);
}

#[test]
fn a_log_format_that_is_none_is_refused() {
    let text = refused("[log]\nformat = \"xml\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:10: unknown value `xml` in `log.format`
    hint: known here: text, json
    "#);
}

#[test]
fn settings_are_given_once() {
    let text = refused(&binding("settings = {}\nsettings-file = \"good.json\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:7:17: settings are given twice, in place and in a file
    hint: keep one of `settings` and `settings-file`
    "#);
}

#[test]
fn settings_hold_no_dates() {
    let text = refused(&binding("[binding.settings]\na = [{ b = 2026-01-01 }]"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:7:12: settings are JSON, which has no dates
    hint: write "2026-01-01"
    "#);
}

#[test]
fn settings_hold_no_number_that_would_be_rounded() {
    let text = refused(&binding("[binding.settings]\na = 1\nb = { limit = 9007199254740993 }"));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:10: the number 9007199254740993 cannot be held exactly
    hint: send it as a string
    "#);
}

#[test]
fn settings_hold_no_infinity() {
    let text = refused(&binding("settings = { a = inf }"));
    insta::assert_snapshot!(text, @r#"writ.toml:6:18: JSON has no number `inf`"#);
}

#[test]
fn a_file_of_settings_that_is_missing_is_refused() {
    let text = refused(&binding("settings-file = \"absent.json\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:17: there is no file `absent.json` in the configuration's directory
    hint: give its path from the directory that the configuration stands in
    "#);
}

#[test]
fn a_file_of_settings_that_is_no_json_is_refused() {
    let text = refused(&binding("settings-file = \"broken.json\""));
    insta::assert_snapshot!(text, @r#"broken.json: not valid JSON: trailing comma at line 1 column 9"#);
}

#[test]
fn a_file_of_settings_outside_is_refused() {
    let text = refused(&binding("settings-file = \"../outside.json\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:17: `../outside.json` leads outside of the configuration's directory
    hint: copy the file into that directory and give its path from there
    "#);
}

#[test]
fn a_file_of_settings_by_an_absolute_path_is_refused() {
    let text = refused(&binding("settings-file = \"/etc/hostname\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:17: `/etc/hostname` leads outside of the configuration's directory
    hint: copy the file into that directory and give its path from there
    "#);
}

#[test]
fn a_symbolic_link_that_leads_outside_is_refused() {
    let text = refused(&binding("settings-file = \"link.json\""));
    insta::assert_snapshot!(text, @r#"
    writ.toml:6:17: `link.json` leads outside of the configuration's directory
    hint: copy the file into that directory and give its path from there
    "#);
}

#[test]
fn a_data_directory_outside_is_refused() {
    let text = refused("[store]\ndirectory = \"../data\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:2:13: `../data` is not inside of the configuration's directory
    hint: give a directory that is elsewhere on the command line, with `--data-dir`
    "#);
}

/// The error of a configuration file that cannot be read.
fn unread(name: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    let error = Config::load(&file, &Overrides::default()).unwrap_err().to_string();
    without(directory.path(), &error)
}

#[test]
fn a_configuration_that_is_missing_is_named() {
    insta::assert_snapshot!(unread("nope.toml"), @"
    nope.toml: there is no such file
    hint: give the path of a configuration; `writ serve --print-config` prints one to start from
    ");
    insta::assert_snapshot!(unread("nope/writ.toml"), @"
    nope/writ.toml: the directory cannot be opened: No such file or directory (os error 2)
    hint: give the path of a configuration; `writ serve --print-config` prints one to start from
    ");
}

#[test]
fn a_directory_is_no_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let error = Config::load(directory.path(), &Overrides::default()).unwrap_err().to_string();
    let error = error.replace(&directory.path().display().to_string(), "dir");
    insta::assert_snapshot!(error, @"
    dir: this is a directory
    hint: give the path of a configuration; `writ serve --print-config` prints one to start from
    ");
}

#[test]
fn a_table_in_place_of_a_list_is_refused() {
    let text = refused("[binding]\nname = \"a\"\nsource = \"a.wasm\"\n");
    insta::assert_snapshot!(text, @r#"
    writ.toml:1:1: `binding` must be a list, but is map
    hint: write `[[binding]]` in place of `[binding]`
    "#);
}

#[test]
fn a_value_in_place_of_a_section_is_refused() {
    insta::assert_snapshot!(refused("server = 3\n"), @r#"
    writ.toml:1:10: `server` must be a table, but is integer `3`
    hint: write `[server]`, and its keys below
    "#);
}

#[test]
fn a_switch_that_is_a_text_is_refused() {
    insta::assert_snapshot!(refused("[engine]\nmemo = \"yes\"\n"), @r#"
    writ.toml:2:8: `engine.memo` must be a boolean, but is string "yes"
    hint: write `true` or `false`, without quotes
    "#);
}

#[test]
fn signatures_are_required_only_where_a_key_can_check_them() {
    let text = refused("[policies]\nrequire-signatures = true\n");
    insta::assert_snapshot!(text, @"
    writ.toml:2:22: signatures are required, and no key is given to check them by
    hint: add public keys to `keys`; `writ policy keygen NAME` makes one
    ");
    let text = refused("[policies]\nkeys = [\"RW\"]\n");
    insta::assert_snapshot!(text, @"
    writ.toml:2:9: `RW` is no public key of minisign
    hint: it is the line that begins with `RW` of the file `NAME.pub`, which `writ policy keygen NAME` makes
    ");
}
