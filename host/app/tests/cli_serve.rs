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

    /// The `curl` lines that it printed, without `curl -s`.
    fn lines(&self) -> Vec<&str> {
        let lines = self.greeting.lines();
        lines.filter_map(|line| line.trim().strip_prefix("curl -s ")).collect()
    }

    /// The key in the first line.
    fn key(&self) -> String {
        let (_, rest) = self.lines()[0].split_once("Bearer ").unwrap();
        rest.split_once('\'').unwrap().0.to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does what a shell and `curl` would do with the rest of a line: whether the action goes on.
fn decision(arguments: &str, key_variable: &str) -> bool {
    let (url, rest) = arguments.split_once(" -H ").unwrap();
    let (header, rest) = rest.split_once(" -H 'Content-Type: application/json' -d ").unwrap();
    let (name, token) = header[1..header.len() - 1].split_once(": Bearer ").unwrap();
    assert_eq!(name, "Authorization");
    let token = match (header.as_bytes()[0], token) {
        (b'"', "$WRIT_KEY") => key_variable,
        (b'\'', token) => token,
        _ => panic!("{header}"),
    };
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut client = Client::connect(address.parse().unwrap()).unwrap().with_key(token);
    let reply = client.post(&format!("/{path}"), rest.trim_matches('\'')).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["decision"].as_bool().unwrap()
}

#[test]
fn the_lines_that_it_prints_work_as_printed_and_show_the_key_once() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(directory.path());
    let greeting = &serving.greeting;
    let [line] = serving.lines()[..] else { panic!("{greeting}") };
    assert!(decision(line, ""), "{greeting}");
    assert!(!decision(&line.replace("search_web", "delete_database"), ""), "{greeting}");
    let key = serving.key();
    assert_eq!(greeting.matches(key.as_str()).count(), 1, "{greeting}");
    assert_eq!(greeting.matches("writ_").count(), 1, "{greeting}");

    drop(serving);
    let again = Serving::start(directory.path());
    let decisions: Vec<_> = again.lines().iter().map(|line| decision(line, &key)).collect();
    assert_eq!(decisions, [true, false], "{}", again.greeting);
    assert!(!again.greeting.contains("writ_"), "{}", again.greeting);
    assert!(again.greeting.contains("\nkeys: 1 in use; `writ keys create"), "{}", again.greeting);
}

#[test]
fn the_key_is_kept_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(directory.path());
    let key = serving.key();
    drop(serving);
    let (id, secret) = (&key.as_bytes()[5..17], &key.as_bytes()[18..]);
    let data = directory.path().join("writ-data");
    let (mut with_id, mut with_secret) = (0, 0);
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
            with_id += usize::from(holds(id));
            with_secret += usize::from(holds(secret));
        }
    }
    // The id shows that the key was looked for where it would be.
    assert!(with_id > 0);
    assert_eq!(with_secret, 0);
}

#[test]
fn where_other_machines_can_call_there_must_be_a_key() {
    let directory = tempfile::tempdir().unwrap();
    let writ = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(arguments).current_dir(directory.path()).env_clear();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let refused = writ(&["serve", "--listen", "0.0.0.0:0"]).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{told}");
    assert!(told.contains("`0.0.0.0:0` can be reached from other machines"), "{told}");
    assert!(told.contains("hint: make one with `writ keys create"), "{told}");
    let made = writ(&["keys", "create", "--name", "ann", "--role", "operator"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut child = writ(&["serve", "--listen", "0.0.0.0:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let keys = lines.find(|line| line.starts_with("keys: "));
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody is given a key by whoever happens to start the host.
    assert!(keys.is_some_and(|line| line.starts_with("keys: 1 in use")));
}

#[test]
fn its_data_is_for_this_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let _serving = Serving::start(directory.path());
    let data = directory.path().join("writ-data");
    assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_cache_that_others_may_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("writ-data");
    let cache = data.join("cache");
    std::fs::create_dir_all(&cache).unwrap();
    for (path, mode) in [(data, 0o700), (cache, 0o755)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("writ-data/cache`: the cache directory is open to others"), "{told}");
    assert_eq!(output.status.code(), Some(70));
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
    std::fs::write(directory.path().join("writ.toml"), "# nothing yet\n").unwrap();
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
