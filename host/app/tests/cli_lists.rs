//! Lists on the command line go over as many pages as it takes, and say when there is more.
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::{Command, Output};

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::server::Writ;

const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"

[[binding]]
name = "review"
source = "four-eyes.wasm"
[binding.settings.requirement]
stages = [{ approvers = ["user:ann"], expires-after-seconds = 3600 }]
"#;

/// More than a server gives at once.
const EXECUTIONS: usize = 103;

fn run(server: &Writ, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(arguments).arg("--server").arg(format!("http://{}", server.address()));
    command.env("WRIT_KEY", server.key()).output().unwrap()
}

fn lines(server: &Writ, arguments: &[&str]) -> Vec<String> {
    let output = run(server, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn read(server: &Writ, arguments: &[&str]) -> Value {
    let output = run(server, arguments);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_list_is_as_long_as_is_wanted_and_says_when_there_is_more() {
    let policy = ("four-eyes.wasm", guests::dist_bytes("four-eyes"));
    let server = Writ::start(env!("CARGO_BIN_EXE_writ"), CONFIG, &[policy]);
    let mut client = server.client();
    for _ in 0..EXECUTIONS {
        let question = json!({
            "subject": {"type": "agent", "id": "shop"},
            "action": {"name": "pay", "properties": {"amount": 1}},
            "resource": {"type": "account", "id": "main"},
        });
        let asked = client.post("/v1/executions", &question.to_string()).unwrap();
        assert_eq!(asked.status, 202, "{}", asked.text());
    }
    let more = |line: Option<&String>| line.is_some_and(|line| line.starts_with("There is more"));
    let check = |arguments: &[&str], per_item: usize| {
        for (limit, shown) in [("2", 2), ("102", 102), ("103", 103), ("500", 103)] {
            let listed = lines(&server, &[arguments, &["--limit", limit]].concat());
            let is_more = shown < EXECUTIONS;
            assert_eq!(more(listed.last()), is_more, "{arguments:?} {limit}");
            assert_eq!(listed.len(), shown * per_item + usize::from(is_more), "{limit}");
        }
        let all = read(&server, &[arguments, &["--limit", "500", "--json"]].concat());
        let mut ids: Vec<_> = all["items"].as_array().unwrap().iter().map(|i| &i["id"]).collect();
        assert_eq!((ids.len(), &all["next"]), (EXECUTIONS, &Value::Null));
        ids.dedup();
        assert_eq!(ids.len(), EXECUTIONS);
        let some = read(&server, &[arguments, &["--limit", "2", "--json"]].concat());
        assert_eq!(some["next"], some["items"][1]["id"]);
    };
    check(&["executions", "list"], 1);
    check(&["executions", "list", "--status", "awaiting-approval"], 1);
    check(&["approvals", "list", "--view", "pending"], 2);
    assert_eq!(lines(&server, &["dead-letters", "list"]), ["There is no dead letter."]);
    for name in ["a", "b"] {
        let body = json!({"name": name, "roles": ["auditor"]}).to_string();
        assert_eq!(client.post("/v1/keys", &body).unwrap().status, 201);
    }
    let keys = lines(&server, &["keys", "list", "--limit", "2"]);
    assert_eq!((keys.len(), more(keys.last())), (3, true));
    let keys = lines(&server, &["keys", "list"]);
    assert_eq!((keys.len(), more(keys.last())), (3, false));
    let none = run(&server, &["executions", "list", "--limit", "0"]);
    assert_eq!(none.status.code(), Some(64));
}
