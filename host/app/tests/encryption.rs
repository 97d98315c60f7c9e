//! What is kept can be sealed, and sealed anew with another key, while servers serve and whatever is
//! killed meanwhile.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use writ::config::document::Document;
use writ::config::root::Root;
use writ::config::{Config, ConfigError, Overrides};
use writ_testkit::guests;
use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;
use writ_testkit::wait;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "HxscGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEAAAE=";
const SECRET: &str = "an-argument-4711";

const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["pay"] }
"#;

fn encryption(active: &str, keys: &[&str]) -> String {
    let keys = keys.iter().map(|key| format!("{key} = {{ file = \"{key}.key\" }}"));
    let keys = keys.collect::<Vec<_>>().join(", ");
    format!("\n[encryption]\nactive = \"{active}\"\nkeys = {{ {keys} }}\n")
}

fn place_keys(directory: &Path) {
    for (name, key) in [("k1.key", KEY), ("k2.key", OTHER)] {
        std::fs::write(directory.join(name), format!("{key}\n")).unwrap();
        let private = Permissions::from_mode(0o600);
        std::fs::set_permissions(directory.join(name), private).unwrap();
    }
}

/// A server whose files are not sealed yet, with some executions; where a database is given, on it.
struct World {
    server: Writ,
    database: Option<TestDatabase>,
}

impl World {
    fn new(database: Option<TestDatabase>) -> Self {
        let policy = ("tool-list.wasm", guests::dist_bytes("tool-list"));
        let config = Self::config(database.as_ref());
        if let Some(database) = &database {
            let migrated = Command::new(env!("CARGO_BIN_EXE_writ"))
                .arg("migrate")
                .env("WRIT_DATABASE_URL", database.url())
                .output();
            assert!(migrated.unwrap().status.success());
        }
        let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &[policy]);
        place_keys(server.directory());
        Self { server, database }
    }

    fn config(database: Option<&TestDatabase>) -> String {
        let url =
            database.map(|database| format!("directory = \"data\"\nurl = \"{}\"", database.url()));
        CONFIG.replace("directory = \"data\"", url.as_deref().unwrap_or("directory = \"data\""))
    }

    /// Stops the server, and starts it with other keys.
    fn restart(&mut self, active: &str, keys: &[&str]) {
        self.server.kill();
        self.configure(active, keys);
        self.server.restart();
    }

    fn configure(&self, active: &str, keys: &[&str]) {
        let config = Self::config(self.database.as_ref()) + &encryption(active, keys);
        std::fs::write(self.server.directory().join("writ.toml"), config).unwrap();
    }

    fn ask(&self, count: usize) {
        let question = json!({
            "subject": {"type": "agent", "id": "shop"},
            "action": {"name": "pay", "properties": {"to": SECRET}},
            "resource": {"type": "account", "id": "main"},
        });
        let mut client = self.server.client();
        for _ in 0..count {
            let reply = client.post("/v1/executions", &question.to_string()).unwrap();
            assert_eq!(reply.status, 201, "{}", reply.text());
        }
    }

    /// How many executions read back with their arguments, and whether the evidence is whole.
    fn count(&self) -> usize {
        let mut client = self.server.client();
        let verified = client.get("/v1/events/verification").unwrap();
        assert_eq!(verified.status, 200, "{}", verified.text());
        let listed = client.get("/v1/executions?limit=100").unwrap();
        assert_eq!(listed.status, 200, "{}", listed.text());
        let listed = listed.json();
        let items = listed["items"].as_array().unwrap().iter();
        items.filter(|item| item.to_string().contains(SECRET)).count()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(arguments).current_dir(self.server.directory());
        command.env("WRIT_KEY", self.server.key()).stdin(Stdio::null());
        command
    }

    /// Begins to seal everything anew, and is killed after some values. How many it has told of.
    fn rotate_and_die(&self, arguments: &[&str], lines: usize) -> usize {
        let arguments = [&["keys", "rotate-data", "--batch", "1"], arguments].concat();
        let mut child = self.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines().take(lines).count();
        child.kill().unwrap();
        child.wait().unwrap();
        told
    }

    fn rotate(&self, arguments: &[&str]) -> Value {
        let arguments = [&["keys", "rotate-data", "--json"], arguments].concat();
        let done = self.command(&arguments).output().unwrap();
        serde_json::from_str(&told(&done)).unwrap()
    }
}

#[track_caller]
fn told(done: &Output) -> String {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout.clone()).unwrap()
}

/// The server's files in which the argument is found.
fn found_in(world: &World) -> Vec<String> {
    let files = std::fs::read_dir(world.server.directory().join("data")).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let needle = SECRET.as_bytes();
    let holds = |path: &PathBuf| {
        std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    files.filter(holds).map(|path| path.display().to_string()).collect()
}

/// A program, which ends with this.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a command says that ends by itself and does not do what it was asked.
fn refused(mut command: Command) -> String {
    let mut child = Ending(command.stderr(Stdio::piped()).spawn().unwrap());
    let ended = wait::until(Duration::from_secs(60), || {
        child.0.try_wait().unwrap().ok_or_else(|| "it goes on".to_owned())
    });
    assert!(!ended.success());
    std::io::read_to_string(child.0.stderr.take().unwrap()).unwrap()
}

#[test]
fn a_server_that_seals_has_no_argument_in_its_files_and_gives_it_back() {
    let mut world = World::new(None);
    world.restart("k1", &["k1"]);
    world.ask(5);
    assert_eq!((world.count(), found_in(&world)), (5, vec![]));
    // The key that signs denials and the version that decides are from before there was one.
    let url = format!("http://{}", world.server.address());
    assert_eq!(world.rotate(&["--server", &url]), json!({"key": "k1", "values": 2}));
    world.server.kill();
    assert_eq!(found_in(&world), [""; 0]);
    // With another key of the same name nothing opens, and it is said why.
    std::fs::write(world.server.directory().join("k1.key"), OTHER).unwrap();
    let text = refused(world.command(&["serve", "--config", "writ.toml"]));
    assert!(text.contains("does not open with the key `k1`"), "{text}");
}

#[test]
fn on_files_everything_is_sealed_anew_through_the_server_and_where_none_runs() {
    let mut world = World::new(None);
    world.ask(20);
    assert!(!found_in(&world).is_empty(), "it would be found");
    world.restart("k1", &["k1"]);
    let url = format!("http://{}", world.server.address());
    // Each with the decision and, once, the signing key and the version of the policy set.
    assert_eq!(world.rotate(&["--server", &url]), json!({"key": "k1", "values": 42}));
    world.ask(5);
    world.server.kill();
    world.configure("k2", &["k1", "k2"]);
    assert_eq!(world.rotate_and_die(&["--config", "writ.toml"], 7), 7);
    let rest = world.rotate(&["--config", "writ.toml"]);
    let values = rest["values"].as_u64().unwrap();
    assert!((30..=52 - 7).contains(&values), "{rest}");
    world.configure("k2", &["k2"]);
    world.server.restart();
    assert_eq!(world.count(), 25);
}

#[test]
fn on_a_shared_database_everything_is_sealed_anew_while_a_server_serves() {
    let mut world = World::new(Some(TestDatabase::create()));
    world.ask(20);
    world.restart("k1", &["k1"]);
    world.ask(5);
    world.restart("k2", &["k1", "k2"]);
    assert_eq!(world.rotate_and_die(&["--config", "writ.toml"], 7), 7);
    world.ask(5);
    let rest = world.rotate(&["--config", "writ.toml"]);
    let values = rest["values"].as_u64().unwrap();
    assert!((30..=52 - 7).contains(&values), "{rest}");
    assert_eq!(world.count(), 30);
    world.restart("k2", &["k2"]);
    assert_eq!(world.count(), 30);
    assert_eq!(world.rotate(&["--config", "writ.toml"]), json!({"key": "k2", "values": 0}));
}

fn load(encryption: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    place_keys(directory.path());
    std::fs::write(directory.path().join("short.key"), "AAEC").unwrap();
    std::fs::write(directory.path().join("open.key"), KEY).unwrap();
    std::fs::write(directory.path().join("text.key"), "my password!").unwrap();
    for (name, mode) in [("short.key", 0o600), ("text.key", 0o600), ("open.key", 0o644)] {
        let mode = Permissions::from_mode(mode);
        std::fs::set_permissions(directory.path().join(name), mode).unwrap();
    }
    let root = Root::open(directory.path()).unwrap();
    let text = format!("[encryption]\n{encryption}\n");
    Config::parse(Document::new("writ.toml", text), root, &Overrides::default())
}

#[track_caller]
fn check(encryption: &str, line: usize, message: &str, hint: &str) {
    let error = load(encryption).unwrap_err();
    assert!(error.message.contains(message), "{error}");
    assert_eq!(error.place.position.map(|(line, _)| line), Some(line), "{error}");
    assert!(error.hint.clone().unwrap_or_default().contains(hint), "{error}");
}

#[test]
fn keys_are_read_and_what_is_wrong_with_them_is_said_where_they_stand() {
    let good =
        load("active = \"k2\"\nkeys = { k1 = { file = \"k1.key\" }, k2 = { file = \"k2.key\" } }");
    assert_eq!(good.unwrap().sealing.active(), Some("k2"));
    assert_eq!(load("").unwrap().sealing.active(), None);
    let one = |source: &str| format!("active = \"k\"\nkeys.k = {{ {source} }}");
    check(&one("file = \"short.key\""), 3, "the key `k` has 3 bytes, not 32", "openssl rand");
    check(&one("file = \"text.key\""), 3, "the key `k` is no base64", "openssl rand");
    check(&one("file = \"open.key\""), 3, "other users may read or write `open.key`", "chmod 600");
    check(&one("file = \"none.key\""), 3, "there is no file `none.key`", "give its path");
    check(&one("file = \"../k\""), 3, "leads outside", "copy the file");
    check(&one("env = \"WRIT_TEST_NO_SUCH_KEY\""), 3, "there is nothing in", "set it where");
    check(&one(""), 3, "the key `k` is in one place", "one of `file` and `env`");
    check("active = \"k3\"\nkeys.k1 = { file = \"k1.key\" }", 2, "no key is named `k3`", "");
    check("active = \"k1\"", 2, "no key is named `k1`", "");
    check("keys.k1 = { file = \"k1.key\" }", 1, "it is not said which of them seals", "`active`");
    check(
        "active = \"a:b\"\nkeys.\"a:b\" = { file = \"k1.key\" }",
        3,
        "is no id of a key",
        "use 1 to",
    );
}

#[test]
fn a_key_may_be_in_a_variable() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        format!("{CONFIG}\n[encryption]\nactive = \"k\"\nkeys.k = {{ env = \"MY_KEY\" }}\n");
    let config = config.replace("tool-list.wasm", "builtin:tool-list");
    std::fs::write(directory.path().join("writ.toml"), config).unwrap();
    let run = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command
            .args(["keys", "create", "--name", "ann", "--role", "agent", "--config", "writ.toml"])
            .current_dir(directory.path());
        command.env("MY_KEY", key).output().unwrap()
    };
    told(&run(KEY));
    let refused = run("AAEC");
    assert_eq!(refused.status.code(), Some(78));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("has 3 bytes, not 32") && !text.contains("AAEC"), "{text}");
}
