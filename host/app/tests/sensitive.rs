//! What a tool's schema marks with `x-sensitive` is in no log, event, notification or metric, though
//! tool and policies write it wherever they can; who may see the arguments sees it.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "a part of it is for channels")]
#[path = "channels/receiver.rs"]
mod receiver;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use receiver::{Receiver, SECRET as WEBHOOK_SECRET};
use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::Client;
use writ_testkit::server::write_private;
use writ_testkit::wait;

const CARD: &str = "4711-0815-4242";
const PIN: u64 = 90_210;

const CONFIG: &str = r#"
[log]
level = "trace"

[store]
directory = "data"

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["charge", "refuse"] }

[[binding]]
name = "quotes"
source = "returns-error.wasm"
match = { action = "refuse" }

[[tools]]
name = "charge"
source = "tool-tells.wasm"

[[tools]]
name = "refuse"
source = "tool-tells.wasm"
"#;

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that writes its log into a file.
struct Serving {
    child: Child,
    address: SocketAddr,
    operator: String,
}

impl Serving {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_writ"))
            .args(["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let mut next = |start: &str| {
            let line = lines.find(|line| line.starts_with(start)).unwrap();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        let address = next("writ listens on").strip_prefix("http://").unwrap().parse().unwrap();
        let operator = next("keys: ");
        Self { child, address, operator }
    }

    fn client(&self, key: &str) -> Client {
        Client::connect(self.address).unwrap().with_key(key)
    }

    fn get(&self, path: &str) -> String {
        let reply = self.client(&self.operator).get(path).unwrap();
        assert!(reply.status < 300, "{}", reply.text());
        reply.text().to_owned()
    }

    /// An execution once it is as it is to be.
    fn until(&self, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait::until(PATIENCE, || {
            let seen = serde_json::from_str(&self.get(&format!("/v1/executions/{id}"))).unwrap();
            if is(&seen) { Ok(seen) } else { Err(format!("{seen:#}")) }
        })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn question(tool: &str, subject: &str, card: &str) -> String {
    json!({
        "subject": {"type": "agent", "id": subject},
        "action": {"name": tool, "properties": {"card": card, "pin": PIN}},
        "resource": {"type": "account", "id": "main"},
        "tool": tool,
    })
    .to_string()
}

#[track_caller]
fn tells_nothing(what: &str, text: &str) {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    assert!(!words.into_iter().any(|word| word == PIN.to_string()), "{what}: {text}");
    assert!(!text.contains(CARD), "{what}: {text}");
}

#[test]
fn what_is_sensitive_reaches_nobody_who_may_not_see_the_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let receiver = Receiver::content();
    let place = |name: &str, bytes: Vec<u8>| write_private(&directory.join(name), bytes);
    place("tool-list.wasm", guests::dist_bytes("tool-list"));
    place("returns-error.wasm", guests::bytes("hostile/returns-error"));
    place("tool-tells.wasm", guests::bytes("hostile/tool-tells"));
    place("secret", WEBHOOK_SECRET.into());
    let config = format!("{CONFIG}{}", receiver.channel("ops", r#"["*"]"#));
    place("writ.toml", config.into());
    let server = Serving::start(directory);
    let named = json!({"name": "shop", "roles": ["agent"]}).to_string();
    let made = server.client(&server.operator).post("/v1/keys", &named).unwrap().json();
    let agent = made["key"].as_str().unwrap();
    let ask = |body: &str| server.client(agent).post("/v1/executions", body).unwrap();

    // What breaks the schema is not quoted.
    let long = format!("{CARD} {CARD}");
    let broken = ask(&question("charge", "shop", &long));
    assert_eq!(broken.status, 422, "{}", broken.text());
    tells_nothing("a problem", broken.text());
    assert!(broken.text().contains("•••"), "{}", broken.text());

    // What a policy quotes when it gives no verdict is for the log alone, and not there either.
    let refused = ask(&question("refuse", CARD, CARD));
    assert_eq!(refused.json()["status"], "denied", "{}", refused.text());

    // The tool logs, asks and fails.
    let asked = ask(&question("charge", "shop", CARD)).json();
    let id = asked["id"].as_str().unwrap();
    let seen = server.until(id, |seen| seen["approvals"][0].is_object());
    let approval = seen["approvals"][0]["id"].as_str().unwrap();
    let shown = server.get(&format!("/v1/approvals/{approval}"));
    assert!(shown.contains(CARD), "who is asked sees the arguments: {shown}");
    assert!(shown.contains("Charge {\\\"card\\\":\\\"•••\\\",\\\"pin\\\":•••}"), "{shown}");
    let path = format!("/v1/approvals/{approval}/decision");
    let yes = json!({"decision": "approve"}).to_string();
    assert_eq!(server.client(&server.operator).post(&path, &yes).unwrap().status, 200);
    server.until(id, |seen| seen["status"] == "failed");

    let last =
        |seen: &[receiver::Seen]| seen.iter().any(|seen| seen.kind() == "writ.execution.failed");
    for seen in receiver.wait(last) {
        tells_nothing("a notice", std::str::from_utf8(&seen.body).unwrap());
    }
    tells_nothing("metrics", &server.get("/metrics"));
    tells_nothing("events", &server.get(&format!("/v1/executions/{id}/events")));
    drop(server);
    let log = std::fs::read_to_string(directory.join("log")).unwrap();
    tells_nothing("the log", &log);
    assert_eq!(log.matches("called with").count(), 4, "{log}");
    assert!(log.contains("leaked: •••"), "{log}");
}
