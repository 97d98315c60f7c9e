//! `writ keys`, on a data directory and on a running server.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use writ::access_request::Signer;
use writ_testkit::http::Client;

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, code: i32) -> String {
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

/// A server in a directory, which logs everything into a file there.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(directory: &Path) -> Self {
        let config = "[log]\nlevel = \"trace\"\n\n[[binding]]\nname = \"tools\"\n\
                      source = \"builtin:tool-list\"\nsettings = { allow = [\"read\"] }\n";
        std::fs::write(directory.join("writ.toml"), config).unwrap();
        let arguments = ["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"];
        let mut child = command(directory, &arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("writ listens on ").map(str::to_owned));
        Self { child, url: url.unwrap() }
    }

    fn client(&self, key: &str) -> Client {
        let address = self.url.strip_prefix("http://").unwrap().parse().unwrap();
        Client::connect(address).unwrap().with_key(key)
    }

    /// A command that calls the server.
    fn keys(&self, directory: &Path, key: &str, arguments: &[&str]) -> Output {
        let arguments = [&["keys"], arguments, &["--server", &self.url]].concat();
        command(directory, &arguments).env("WRIT_KEY", key).output().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const OPERATOR: [&str; 6] = ["keys", "create", "--name", "ann", "--role", "operator"];

#[test]
fn keys_are_made_listed_and_ended_where_no_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for nowhere in [&["keys", "list"][..], &["keys", "rotate-signing"]] {
        let refused = String::from_utf8(run(directory, nowhere).stderr).unwrap();
        assert!(refused.contains("`./writ-data` holds no decisions of a server"), "{refused}");
        assert!(!directory.join("writ-data").exists(), "none is made");
    }
    let made =
        run(directory, &[&OPERATOR[..], &["--group", "finance", "--expires-in", "30d"]].concat());
    let key = done(&made).trim_end().to_owned();
    assert_eq!((key.len(), &key[..5]), (61, "writ_"));
    assert_eq!(String::from_utf8(made.stderr).unwrap(), "");
    let id = &key[5..17];

    let list = done(&run(directory, &["keys", "list"]));
    assert!(list.contains(&format!("{id} ann: operator; for 29 d; in finance")), "{list}");
    assert!(!list.contains(&key[18..]), "{list}");
    assert_eq!(done(&run(directory, &["keys", "revoke", id])), format!("{id} is revoked\n"));
    let list = done(&run(directory, &["keys", "list", "--json"]));
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["items"][0]["status"], "revoked");
}

#[test]
fn a_key_that_was_made_offline_opens_the_server_and_the_server_makes_others() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let operator = done(&run(directory, &OPERATOR)).trim_end().to_owned();
    let server = Serving::start(directory);

    let create = ["create", "--name", "bob", "--role", "agent,auditor", "--json"];
    let made = done(&server.keys(directory, &operator, &create));
    let made: Value = serde_json::from_str(&made).unwrap();
    let (bob, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!(server.client(bob).get("/metrics").unwrap().status, 200);
    let list = done(&server.keys(directory, &operator, &["list"]));
    assert!(list.contains("ann: operator") && list.contains("bob: agent, auditor"), "{list}");
    done(&server.keys(directory, &operator, &["revoke", id]));
    assert_eq!(server.client(bob).get("/metrics").unwrap().status, 401);

    let told = refused(&server.keys(directory, bob, &["list"]), 65);
    assert!(told.contains("401") && told.contains("it is not known who calls"), "{told}");
    let told = refused(&server.keys(directory, &operator, &["revoke", "aaaaaaaaaaaa"]), 65);
    assert!(told.contains("there is no key of this id"), "{told}");
    let told = refused(&server.keys(directory, "", &["list"]), 64);
    assert!(told.contains("hint: put a key into the environment variable WRIT_KEY"), "{told}");
}

#[test]
fn where_a_server_runs_the_data_directory_is_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let _server = Serving::start(directory.path());
    let told = refused(&run(directory.path(), &OPERATOR), 65);
    assert!(told.contains("a server that runs has"), "{told}");
    assert!(told.contains("hint: ask it, with `--server http://"), "{told}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let create = |more: &[&str]| run(directory, &[&["keys", "create"], more].concat());
    let told = refused(&create(&["--name", "a", "--role", "root"]), 64);
    assert!(told.contains("`root` is no role"), "{told}");
    refused(&create(&["--name", "a"]), 64);
    refused(&create(&["--role", "agent"]), 64);
    refused(&create(&["--name", " a", "--role", "agent"]), 64);
    refused(&create(&["--name", "a", "--role", "agent", "--expires-in", "soon"]), 64);
    refused(&run(directory, &["keys", "revoke", "writ_"]), 64);
    let told = refused(&run(directory, &["keys", "list", "--server", "http://writ.example"]), 64);
    assert!(told.contains("would show the key to everybody on the way"), "{told}");
    for url in ["nonsense", "localhost:8181", "http://127.0.0.1:1/?x=1", "http://u:p@127.0.0.1:1"] {
        refused(&run(directory, &["keys", "list", "--server", url]), 64);
    }
    let told = refused(&create(&["--name", "a", "--role", "agent", "--group", "group:b"]), 64);
    assert!(told.contains("this group is `b`"), "{told}");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

#[test]
fn the_log_tells_why_a_caller_is_refused_and_never_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let key = done(&run(directory, &OPERATOR)).trim_end().to_owned();
    let server = Serving::start(directory);
    let made = done(&server.keys(directory, &key, &OPERATOR[1..]));
    let other = made.trim_end();
    let wrong = format!("{}{}", &key[..18], &other[18..]);
    assert_eq!(server.client(&wrong).get("/metrics").unwrap().status, 401);
    assert_eq!(server.client("no-key-at-all").get("/metrics").unwrap().status, 401);
    done(&server.keys(directory, &key, &["revoke", &other[5..17]]));
    assert_eq!(server.client(other).get("/metrics").unwrap().status, 401);
    drop(server);
    let log = std::fs::read_to_string(directory.join("log")).unwrap();
    for told in [
        format!("the secret of key `{}` is another", &key[5..17]),
        format!("key `{}` is revoked", &other[5..17]),
        "a key was made".to_owned(),
        "a key was revoked".to_owned(),
    ] {
        assert!(log.contains(&told), "`{told}` is not in\n{log}");
    }
    for secret in [&key[18..], &other[18..], "no-key-at-all"] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// The ids of the keys that a server publishes, the one in use first.
fn published(server: &Serving) -> Vec<String> {
    let keys = server.client("").without_key().get("/access/v1/jwks").unwrap().json();
    let keys = keys["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_signing_key_is_made_anew_on_a_server_and_where_none_runs() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let operator = done(&run(directory, &OPERATOR)).trim_end().to_owned();
    let server = Serving::start(directory);
    let first = published(&server);
    let told = done(&server.keys(directory, &operator, &["rotate-signing"]));
    let second = published(&server);
    assert_eq!((second.len(), &second[1]), (2, &first[0]));
    assert_eq!(told, format!("denials are signed with {}\n", second[0]));
    drop(server);
    let told = done(&run(directory, &["keys", "rotate-signing", "--json"]));
    let told: Value = serde_json::from_str(&told).unwrap();
    let third = published(&Serving::start(directory));
    assert_eq!((third.len(), third[0].as_str()), (3, told["kid"].as_str().unwrap()));
    assert!(third[1..].iter().all(|kid| second.contains(kid)), "{third:?} {second:?}");
}

#[test]
fn a_signing_key_of_an_earlier_version_is_taken_over_once_and_told() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let key = Signer::generate().unwrap();
    let data = directory.join("writ-data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    std::fs::write(data.join("signing.key"), &key).unwrap();
    let kid = Signer::new(&key).unwrap().kid().to_owned();
    let start = || {
        let server = Serving::start(directory);
        assert_eq!(published(&server), std::slice::from_ref(&kid));
        drop(server);
        let log = std::fs::read_to_string(directory.join("log")).unwrap();
        log.matches("the file `signing.key` is no longer used").count()
    };
    assert_eq!((start(), data.join("signing.key").exists(), start()), (1, false, 0));

    std::fs::write(data.join("signing.key"), "nonsense").unwrap();
    let told = refused(&run(directory, &["serve", "--listen", "127.0.0.1:0"]), 70);
    assert!(told.contains("signing.key") && told.contains("no Ed25519 key"), "{told}");
}
