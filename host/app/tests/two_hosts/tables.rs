//! The tables of a shared database: made when the operator says so, by nobody else.

use std::path::Path;
use std::process::{Command, Output};

use writ_testkit::postgres::TestDatabase;

use crate::hosts::{config, writ};

fn told(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

fn serve(directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
        .current_dir(directory)
        .output()
        .unwrap()
}

#[test]
fn a_server_makes_no_tables_in_a_database_and_says_who_does() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("writ.toml");
    std::fs::write(&file, config(&database)).unwrap();
    let refused = serve(directory.path());
    assert_eq!(refused.status.code(), Some(78));
    let text = told(&refused.stderr);
    assert!(text.contains("hint: run `writ migrate` once"), "{text}");
}

#[test]
fn migrating_says_what_it_did_and_does_it_once() {
    let database = TestDatabase::create();
    let here = Path::new(".");
    let first = writ(here, &database, &["migrate"]);
    assert!(first.status.success(), "{first:?}");
    let text = told(&first.stdout);
    assert!(text.starts_with("ran 1 ("), "{text}");
    let again = writ(here, &database, &["migrate", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(json["ran"], serde_json::json!([]));
    let listed = writ(here, &database, &["keys", "list"]);
    assert_eq!(told(&listed.stdout), "There is no key.\n");
}

#[test]
fn no_password_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("writ.toml");
    for url in [
        // Nobody listens there.
        "postgres://ann:hunter2@127.0.0.1:1/db",
        "postgres://ann:hunter2@127.0.0.1:x/db",
        "postgres://ann@127.0.0.1:1/db?pasword=hunter2",
        "mysql://ann:hunter2@127.0.0.1:1/db",
    ] {
        std::fs::write(&file, format!("[store]\nurl = \"{url}\"\n")).unwrap();
        let refused = serve(directory.path());
        assert!(!refused.status.success());
        let text = told(&refused.stderr) + &told(&refused.stdout);
        assert!(text.contains("127.0.0.1:1/db") || text.contains("writ.toml:2:7"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
