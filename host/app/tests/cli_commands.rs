//! The commands of the real binary: what they print, and how they end.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use writ_testkit::guests;

const SET: &str = r#"
[[binding]]
name = "tools"
source = "builtin:tool-list"
settings = { allow = ["read_*", "pay"], deny = ["delete_*"] }

[[binding]]
name = "payments"
source = "builtin:rules"
match = { action = "pay" }

[[binding.settings.rules]]
name = "large"
when = { path = "/action/properties/amount", gt = 100 }
effect = { ask = { title = "A large payment", stages = [{ approvers = ["group:finance"] }] } }
"#;

/// How a command ended, what it printed, and what it complained of.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// All of it as one text, without what differs from run to run.
    fn text(&self) -> String {
        let Self { code, stdout, stderr } = self;
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        masked(&format!("exit {code}\n{stdout}{stderr}"))
    }
}

fn writ(directory: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended before all is written.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Digests change with each build of a policy.
fn masked(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        text + "sha256:..." + rest
    })
}

fn request(action: &str, properties: &str) -> String {
    format!(
        r#"{{"subject": {{"type": "agent", "id": "a1"}},
            "action": {{"name": "{action}", "properties": {properties}}},
            "resource": {{"type": "tool", "id": "t1"}}}}"#
    )
}

/// One request, by the policy set above, with some more of it.
fn eval_with(more: &str, arguments: &[&str], request: &str) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writ.toml"), format!("{SET}{more}")).unwrap();
    // Compiled code is shared by these tests, and with their next run.
    let shared = concat!(env!("CARGO_TARGET_TMPDIR"), "/cli-commands");
    let set = ["eval", "--config", "writ.toml", "--data-dir", shared, "-"];
    writ(directory.path(), &[&set, arguments].concat(), request)
}

fn eval(request: &str) -> Ended {
    eval_with("", &[], request)
}

/// A command in an empty directory.
fn bare(arguments: &[&str]) -> Ended {
    writ(tempfile::tempdir().unwrap().path(), arguments, "")
}

#[test]
fn eval_says_who_allowed() {
    insta::assert_snapshot!(eval(&request("read_file", "{}")).text(), @r#"
    exit 0
    allowed
      tools        allow
                   {"matched":"read_*"}
      policy set   sha256:...
    "#);
}

#[test]
fn eval_says_who_denied_and_why() {
    insta::assert_snapshot!(eval(&request("delete_file", "{}")).text(), @r#"
    exit 1
    denied by policy: action `delete_file` is denied by `delete_*`
      tools        deny: action `delete_file` is denied by `delete_*`
                   {"matched":"delete_*"}
      policy set   sha256:...
    "#);
}

#[test]
fn eval_says_what_people_are_asked() {
    insta::assert_snapshot!(eval(&request("pay", r#"{"amount": 500}"#)).text(), @r#"
    exit 2
    approval is required: A large payment
      tools        allow
                   {"matched":"pay"}
      payments     require-approval
                   {"rule":"large"}
      policy set   sha256:...
    "#);
}

/// A text with each run of digits as one `N`: fuel and time change with each build.
fn numbered(text: &str) -> String {
    let mut told = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if told.ends_with('N') => {}
            true => told.push('N'),
            false => told.push(letter),
        }
    }
    told
}

#[test]
fn eval_explains_what_each_policy_cost_and_which_were_not_asked() {
    let ended = eval_with("", &["--explain"], &request("read_file", "{}"));
    insta::assert_snapshot!(numbered(&ended.text()), @r#"
    exit N
    allowed
      tools        allow
                   {"matched":"read_*"}
                   fuel N, calls of the host N, N µs
      payments     not asked: its `match` is for other requests
      policy set   shaN:...
    "#);
}

#[test]
fn eval_says_that_nobody_allowed() {
    insta::assert_snapshot!(eval(&request("unknown", "{}")).text(), @r#"
    exit 1
    all abstained: no policy allows this
      tools        abstain
      policy set   sha256:...
    "#);
}

#[test]
fn eval_ends_with_3_where_a_policy_gives_no_verdict() {
    let starved = "[binding.limits]\nfuel = 1_000\n";
    let ended = eval_with(starved, &[], &request("pay", r#"{"amount": 5}"#));
    assert_eq!(ended.code, Some(3));
    insta::assert_snapshot!(masked(&ended.stdout), @r#"
    denied by fault: policy `payments` gave no verdict: out-of-fuel
      tools        allow
                   {"matched":"pay"}
      payments     fault out-of-fuel: the guest burnt all its fuel
      policy set   sha256:...
    "#);
}

#[test]
fn eval_prints_the_answer_of_the_server() {
    let ended = eval_with("", &["--json"], &request("delete_file", "{}"));
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &answer["decision"]), (Some(1), &Value::Bool(false)));
    assert_eq!(answer["context"]["policies"][0]["binding"], "tools");
}

#[test]
fn eval_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    writ(directory.path(), &["eval", "-"], &request("read_file", "{}"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn eval_keeps_compiled_code_where_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["eval", "--data-dir", "data", "-"];
    let first = writ(directory.path(), &arguments, &request("read_file", "{}"));
    assert_eq!(
        first.text(),
        writ(directory.path(), &arguments, &request("read_file", "{}")).text()
    );
    assert!(fs::read_dir(directory.path().join("data/cache")).unwrap().count() > 0);
}

#[test]
fn eval_takes_a_component_and_its_settings() {
    let component = ["eval", "--component", "builtin:tool-list", "-", "--settings"];
    let decided = |settings: &str| {
        let arguments = [&component[..], &[settings]].concat();
        writ(tempfile::tempdir().unwrap().path(), &arguments, &request("read_file", "{}"))
    };
    assert_eq!(decided(r#"{"allow": ["read_*"]}"#).code, Some(0));
    assert_eq!(decided(r#"{"deny": ["read_*"]}"#).code, Some(1));
    insta::assert_snapshot!(decided(r#"{"alow": ["read_*"]}"#).text(), @r#"
    exit 65
    error: --settings:1:10: there is no setting `alow`
    hint: did you mean `allow`?
    "#);
}

#[test]
fn settings_that_nobody_gave_are_not_looked_for_in_an_option() {
    let alone = ["eval", "--component", "builtin:rate-limit", "-"];
    let ended = writ(tempfile::tempdir().unwrap().path(), &alone, &request("read_file", "{}"));
    insta::assert_snapshot!(ended.text(), @r#"
    exit 65
    error: builtin:rate-limit: the setting `limit` is missing
    hint: `writ check COMPONENT` shows the schema of a policy's settings
    "#);
}

#[test]
fn settings_that_the_policy_refuses_are_named_by_their_option() {
    let rule =
        r#"{"rules": [{"name": "a", "effect": "allow", "when": {"path": "/a", "regex": "("}}]}"#;
    let arguments = ["eval", "--component", "builtin:rules", "-", "--settings", rule];
    let ended = writ(tempfile::tempdir().unwrap().path(), &arguments, &request("read_file", "{}"));
    assert_eq!(ended.code, Some(65));
    let start = "error: --settings: the policy does not load: `configure` failed: guest-error: ";
    assert!(ended.stderr.starts_with(start), "{}", ended.stderr);
}

/// `writ serve` in a directory, where it does not get far.
fn serve(directory: &Path, arguments: &[&str]) -> String {
    let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
    writ(directory, &all, "").text()
}

#[test]
fn a_data_directory_that_is_a_file_is_refused_at_the_line_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writ.toml"), "[store]\ndirectory = \"data\"\n").unwrap();
    fs::write(directory.path().join("data"), "").unwrap();
    insta::assert_snapshot!(serve(directory.path(), &["--config", "writ.toml"]), @r#"
    exit 78
    error: writ.toml:2:13: the data directory `./data` is a file
    hint: move the file away, or give another directory with `--data-dir`, or in `[store]`
    "#);
    insta::assert_snapshot!(serve(directory.path(), &["--data-dir", "data"]), @r#"
    exit 78
    error: the data directory `data` is a file
    hint: move the file away, or give another directory with `--data-dir`, or in `[store]`
    "#);
}

#[test]
fn a_data_directory_that_is_a_link_to_elsewhere_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writ.toml"), "").unwrap();
    let link = directory.path().join("writ-data");
    std::os::unix::fs::symlink(elsewhere.path(), link).unwrap();
    insta::assert_snapshot!(serve(directory.path(), &["--config", "writ.toml"]), @r#"
    exit 78
    error: writ.toml: the data directory `./writ-data` is a symbolic link, and leads to no directory that may be used
    hint: give another directory with `--data-dir`, or in `[store]`
    "#);
}

#[test]
fn a_configuration_that_is_not_there_ends_with_78() {
    insta::assert_snapshot!(bare(&["serve", "--config", "nope.toml"]).text(), @r#"
    exit 78
    error: nope.toml: there is no such file
    hint: give the path of a configuration; `writ serve --print-config` prints one to start from
    "#);
}

#[test]
fn a_request_without_a_resource_is_refused() {
    let request = r#"{"subject": {"type": "a", "id": "b"}, "action": {"name": "read"}}"#;
    insta::assert_snapshot!(eval(request).text(), @r#"
    exit 65
    error: the request `-` cannot be used: `/resource` is required
    hint: a request is `{"subject": {"type", "id"}, "action": {"name"}, "resource": {"type", "id"}}`, each with `properties` where there are any, and `context`
    "#);
}

#[test]
fn a_request_that_is_no_json_is_refused() {
    insta::assert_snapshot!(eval("{").text(), @r#"
    exit 65
    error: the request `-` is no JSON: EOF while parsing an object at line 1 column 1
    "#);
}

#[test]
fn a_request_that_is_missing_is_refused() {
    insta::assert_snapshot!(bare(&["eval", "absent.json"]).text(), @r#"
    exit 65
    error: there is no file `absent.json`
    "#);
}

#[test]
fn a_configuration_that_is_refused_ends_with_78() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writ.toml"), "[sever]\n").unwrap();
    let ended = writ(directory.path(), &["inspect", "--config", "writ.toml"], "");
    insta::assert_snapshot!(ended.text(), @r#"
    exit 78
    error: writ.toml:1:2: unknown key `sever` at the top level
    hint: did you mean `server`?
    "#);
}

#[test]
fn an_unknown_option_ends_with_64() {
    assert_eq!(bare(&["eval", "--frobnicate"]).code, Some(64));
    assert_eq!(bare(&[]).code, Some(64));
    assert_eq!(bare(&["--version"]).code, Some(0));
}

#[test]
fn help_says_how_commands_end() {
    insta::assert_snapshot!(bare(&["--help"]).text(), @r#"
    exit 0
    A sandboxed WebAssembly policy host for AI agents

    Usage: writ <COMMAND>

    Commands:
      serve         Answer requests over HTTP until the process is told to stop
      worker        Run tools, tell channels and the time, and answer nothing, until the process is told to stop
      eval          Decide one request by a policy set, or by a single component
      check         Tell what a component is, and everything for which it would be refused
      inspect       Load a policy set, and tell what it holds in the order in which it is evaluated
      test          Run the cases of a policy set, and tell what differs
      policy        See by which policy set a running server decides, have it decide by another, and sign policies
      keys          Make, list and end the keys with which callers say who they are
      executions    See, call off, retry and resolve the executions of a running server
      approvals     See and decide what people are asked by a running server
      audit         Check the evidence: that no event, execution or decision was changed, removed or put elsewhere
      decisions     Take what was decided elsewhere, as it was recorded
      receipt       Take evidence of a decision away, and check such evidence
      migrate       Create the store's tables, or bring them up to date
      channels      See how far a running server's channels have come, and give up those that nobody tells any more
      dead-letters  See what a running server could not send, to channels or endpoints, and send it again

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Exit codes:
      0   the action may go on; or the command did what it was asked
      1   the action is denied
      2   the action needs people's approval
      3   the action is denied, because a policy gave no verdict
      64  the command line is wrong
      65  the request, the component or its settings are refused; or a case does not hold
      70  the host failed
      78  the configuration, or a policy set that it names, is refused

    Environment (an option goes before its variable):
      WRIT_CONFIG            --config
      WRIT_DATA_DIR          --data-dir
      WRIT_LISTEN            --listen
      WRIT_DATABASE_URL      `url` in `[store]`: the PostgreSQL database that hosts share
      WRIT_KEY               the key with which commands call a server that `--server` names
      WRIT_SIGNING_PASSWORD  what protects the key that `writ policy sign` signs with
    "#);
}

#[test]
fn check_tells_what_a_component_is() {
    let ended = bare(&["check", "--json", "builtin:rate-limit"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &report["problems"]), (Some(0), &Value::Array(vec![])));
    assert_eq!(report["description"]["name"], "rate-limit");
    assert_eq!(report["not_preinitialised"], Value::Null);
    let imports = report["imports"].as_array().unwrap();
    assert!(imports.iter().any(|name| name == "writ:host/storage@0.1.0"), "{imports:?}");
}

#[test]
fn check_tells_why_a_component_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let component = guests::bytes("hostile/forbidden-import");
    fs::write(directory.path().join("policy.wasm"), component).unwrap();
    let ended = writ(directory.path(), &["check", "policy.wasm"], "");
    assert_eq!(ended.code, Some(65));
    let refused = ended.stdout.split_once("It would be refused:").unwrap().1;
    insta::assert_snapshot!(refused, @r#"

      import-refused: the import `evil:host/shell@0.1.0` is not offered
      hint: offered are `writ:host/types`, `writ:host/execution`, `writ:host/storage`, `writ:host/approval-history`, `writ:host/log`, and `wasi:*` 0.2 of a world without files and network
    "#);
}

#[test]
fn check_refuses_what_is_no_component() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("policy.wasm"), "no component").unwrap();
    insta::assert_snapshot!(writ(directory.path(), &["check", "policy.wasm"], "").text(), @r#"
    exit 65
    policy.wasm
      digest       sha256:...
      size         12 bytes
      code         0 functions; core instances: 0
      imports      none
      exports      none
    It would be refused:
      component-invalid: the component is not valid: it does not start as a component does
      hint: give the path of a `.wasm` component
    "#);
}

#[test]
fn what_is_too_large_to_be_read_whole_has_no_digest() {
    let directory = tempfile::tempdir().unwrap();
    let file = fs::File::create(directory.path().join("policy.wasm")).unwrap();
    file.set_len((32 << 20) + 7).unwrap();
    insta::assert_snapshot!(writ(directory.path(), &["check", "policy.wasm"], "").text(), @r#"
    exit 65
    error: `policy.wasm` has 33554439 bytes, at most 33554432 are loaded
    hint: build it for size and strip it; for a server, a configuration may raise `component-bytes-max` in `[engine.load]`
    "#);
    let json = writ(directory.path(), &["check", "--json", "policy.wasm"], "");
    assert_eq!((json.code, json.stdout.as_str()), (Some(65), ""));
}

#[test]
fn inspect_shows_the_set_in_the_order_of_evaluation() {
    let directory = tempfile::tempdir().unwrap();
    let set = format!("{SET}[binding.limits]\nfuel = 2_000_000\n").replacen(
        "name = \"tools\"",
        "name = \"tools\"\norder = 5\nmode = \"shadow\"",
        1,
    );
    fs::write(directory.path().join("writ.toml"), set).unwrap();
    let ended = writ(directory.path(), &["inspect", "--config", "writ.toml"], "");
    insta::assert_snapshot!(ended.text(), @r#"
    exit 0
    policy set sha256:...

    1. payments
      policy       rules 0.1.0
                   Decides by conditions over any part of the request.
      source       builtin:rules
      component    sha256:...
      image        sha256:...
      match        action: pay
      mode         enforce
      commit       on-permit
      order        0
      imports      writ:host/types@0.1.0
      limits       fuel 2000000

    2. tools
      policy       tool-list 0.1.0
                   Allows and denies actions by name.
      source       builtin:tool-list
      component    sha256:...
      image        sha256:...
      match        every request
      mode         shadow
      commit       on-permit
      order        5
      imports      writ:host/types@0.1.0
      limits       all as by default
    "#);
}

#[test]
fn inspect_prints_digests_that_do_not_change_from_run_to_run() {
    let inspected = || {
        let ended = bare(&["inspect", "--json"]);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()
    };
    let first = inspected();
    assert!(first["policy_set"].as_str().unwrap().starts_with("sha256:"));
    assert!(!first["bindings"].as_array().unwrap().is_empty());
    assert_eq!(first, inspected());
}
