//! `writ serve` without a configuration, as the first command of a newcomer.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use writ_testkit::http::Client;
use writ_testkit::server::Writ;

/// A server in a directory, and what it printed until it listened.
struct Serving {
    child: Child,
    greeting: String,
}

impl Serving {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_writ"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(directory)
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            greeting.push_str(&line);
            greeting.push('\n');
            if line.contains("--print-config") {
                break;
            }
        }
        Self { child, greeting }
    }

    /// What the server answers to each `curl` line that it printed.
    fn answers(&self) -> Vec<serde_json::Value> {
        let lines = self.greeting.lines().filter_map(|line| line.trim().strip_prefix("curl -s "));
        lines.map(answer).collect()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does what `curl` would do with the rest of its command line.
fn answer(arguments: &str) -> serde_json::Value {
    let (url, rest) = arguments.split_once(' ').unwrap();
    let (header, body) = rest.split_once(" -d ").unwrap();
    assert_eq!(header, "-H 'Content-Type: application/json'");
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut client = Client::connect(address.parse().unwrap()).unwrap();
    client.post(&format!("/{path}"), body.trim_matches('\'')).unwrap().json()
}

#[test]
fn the_lines_that_it_prints_work_as_printed() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(directory.path());
    let decisions: Vec<_> =
        serving.answers().iter().map(|answer| answer["decision"].as_bool()).collect();
    assert_eq!(decisions, [Some(true), Some(false)], "{}", serving.greeting);
}

#[test]
fn its_data_is_for_this_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let _serving = Serving::start(directory.path());
    let data = directory.path().join("writ-data");
    assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn another_server_in_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _serving = Serving::start(directory.path());
    let mut second = Command::new(env!("CARGO_BIN_EXE_writ"));
    let output = second
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(70));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("is in use by another host"), "{told}");
}

#[test]
#[should_panic(expected = "hint: did you mean `server`?")]
fn a_test_whose_server_does_not_start_says_why() {
    Writ::start(env!("CARGO_BIN_EXE_writ"), "[sever]\n", &[]);
}

#[test]
fn a_set_that_binds_nothing_warns_that_it_denies_everything() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("writ.toml"), "").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // By the time that it says where it listens, it has said what it has to warn of.
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    child.kill().unwrap();
    let told = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(told.contains("no policy is bound: every request is denied"), "{told}");
}

#[test]
fn a_port_that_is_taken_shows_before_anything_is_opened() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    // Loading this would be refused.
    let config = "[[binding]]\nname = \"a\"\nsource = \"absent.wasm\"\n";
    std::fs::write(directory.path().join("writ.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["serve", "--config", "writ.toml", "--listen", &address])
        .current_dir(directory.path())
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("another program listens on {address}")), "{told}");
    assert_eq!(output.status.code(), Some(70));
    assert!(!directory.path().join("writ-data").exists());
}

#[test]
fn the_configuration_that_it_prints_is_the_one_that_it_uses() {
    let directory = tempfile::tempdir().unwrap();
    let writ = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(arguments).current_dir(directory.path()).env_clear().output().unwrap().stdout
    };
    let printed = writ(&["serve", "--print-config"]);
    std::fs::write(directory.path().join("own.toml"), printed).unwrap();
    let built_in = writ(&["inspect"]);
    assert!(!built_in.is_empty());
    assert_eq!(built_in, writ(&["inspect", "--config", "own.toml"]));
}
