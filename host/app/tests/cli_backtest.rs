//! Trying another policy set on what was decided: on the command line, from an exported file and from the
//! store, and on a server.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use writ_testkit::server::Writ;

/// Allows each agent so many calls an hour.
fn config(limit: u32) -> String {
    format!(
        "[log]\nlevel = \"error\"\n[store]\ndirectory = \"data\"\n\
         [[binding]]\nname = \"rate\"\nsource = \"builtin:rate-limit\"\n\
         limits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\n\
         settings = {{ limit = {limit}, window-seconds = 3600, on-within = \"allow\" }}\n"
    )
}

fn writ(directory: &Path, key: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.current_dir(directory).env("WRIT_KEY", key).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server that has decided the same six times, within a limit of four; and a stricter configuration.
fn server() -> Writ {
    let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config(4), &[]);
    let question = json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": "pay", "properties": {"amount": 1}},
        "resource": {"type": "account", "id": "main"},
    });
    let mut client = server.client();
    for place in 0..6 {
        let reply = client.post("/access/v1/evaluation", &question.to_string()).unwrap();
        assert_eq!(reply.json()["decision"], json!(place < 4), "{}", reply.text());
    }
    let stricter = server.directory().join("stricter.toml");
    std::fs::write(stricter, config(1)).unwrap();
    server
}

fn check(report: &Value, changes: &Value) {
    assert_eq!(&report["changes"], changes, "{report}");
    assert_eq!((&report["decisions"], &report["complete"]), (&json!(6), &json!(true)));
}

#[test]
fn another_set_is_tried_on_a_file_on_the_store_and_on_a_server() {
    let mut server = server();
    let (directory, key) = (server.directory().to_owned(), server.key().to_owned());
    let url = format!("http://{}", server.address());
    let run = |arguments: &[&str]| writ(&directory, &key, arguments);

    let by_server = ["policy", "backtest", "1", "--since", "1h", "--json", "--server", &url];
    check(&serde_json::from_str(&said(&run(&by_server))).unwrap(), &json!({"same": 6}));
    let exported = said(&run(&["decisions", "export", "--since", "1h", "--server", &url]));
    assert_eq!(exported.lines().count(), 6);
    std::fs::write(directory.join("decisions.jsonl"), &exported).unwrap();
    let mine = ["policy", "backtest", "stricter.toml", "--from", "decisions.jsonl"];
    let report = said(&run(&[&mine[..], &["--json"]].concat()));
    // Once is what one limit and the other allow; the last two were denied, by the other limit.
    let changes = json!({"same": 1, "new-denial": 3, "other-reason": 2});
    check(&serde_json::from_str(&report).unwrap(), &changes);
    let told = said(&run(&mine));
    assert!(told.contains("new-denial, for example"), "{told}");
    assert!(told.contains("rate: allow -> deny (the limit of 1 "), "{told}");
    assert!(told.contains("rate: deny (the limit of 4 "), "{told}");

    // What must not be is told by the way it ends; what may be is not.
    let failing = run(&[&mine[..], &["--fail-on", "new-allow,new-denial"]].concat());
    let told = String::from_utf8(failing.stderr).unwrap();
    assert_eq!(failing.status.code(), Some(65), "{told}");
    assert!(told.contains("3 new-denial"), "{told}");
    said(&run(&[&mine[..], &["--fail-on", "new-allow"]].concat()));

    server.ask_to_stop();
    server.wait();
    let stored = ["--data-dir", "data"];
    let report = run(&[&["policy", "backtest", "stricter.toml", "--json"], &stored[..]].concat());
    check(&serde_json::from_str(&said(&report)).unwrap(), &changes);
    let again = said(&run(&[&["decisions", "export"], &stored[..]].concat()));
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again), sorted(&exported));
}

#[test]
fn a_server_refuses_what_cannot_be_tried() {
    let server = server();
    let mut client = server.client();
    let mut post = |path: &str, body: &Value| {
        let reply = client.post(path, &body.to_string()).unwrap();
        (reply.status, reply.json())
    };
    let now = json!({"since": "2020-01-01T00:00:00Z"});
    let (status, problem) = post("/v1/policy-sets/9/backtest", &now);
    assert_eq!((status, &problem["code"]), (404, &json!("not-found")), "{problem}");
    for (body, pointer) in [
        (json!({"since": "yesterday"}), "/since"),
        (json!({"since": "2020-01-01T00:00:00Z", "decisions_max": 0}), "/decisions_max"),
    ] {
        let (status, problem) = post("/v1/policy-sets/1/backtest", &body);
        assert_eq!((status, &problem["pointer"]), (400, &json!(pointer)), "{problem}");
    }
    let few = json!({"since": "2020-01-01T00:00:00Z", "decisions_max": 2});
    let (status, report) = post("/v1/policy-sets/1/backtest", &few);
    assert_eq!((status, &report["complete"]), (200, &json!(false)), "{report}");
    assert_eq!(report["decisions"], 2, "{report}");
}
