//! A server that runs no tools, and workers that do.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use writ_testkit::guests;
use writ_testkit::http::Client;
use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;
use writ_testkit::wait;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(90);

const CONFIG: &str = r#"
[log]
level = "warn"

[store]
directory = "data"
url = "{url}"

[worker]
enabled = false
grace-ms = {grace}

[[binding]]
name = "small"
source = "rules.wasm"
[[binding.settings.rules]]
name = "small"
effect = "allow"
when = { path = "/action/properties/cents", lt = 1000000 }

[[tools]]
name = "payout"
source = "payout.wasm"
grants = { storage = true }
limits = { timeout-ms = 1_000 }

# Asks the host for something a hundred thousand times, which takes far longer than it is let.
[[tools]]
name = "busy"
source = "busy.wasm"
grants = { storage = true }

[tools.limits]
timeout-ms = 600_000
host-calls-max = 1_000_000
host-call-bytes-max = 67_108_864
journal-entries-max = 100_000
journal-bytes-max = 67_108_864

[[binding]]
name = "slow"
source = "four-eyes.wasm"
match = { action = "slow" }
[binding.settings.requirement]
stages = [{ approvers = ["user:ann"], expires-after-seconds = 1 }]
"#;

/// A database, a server on it, and a key for each who calls it.
pub(crate) struct Hosts {
    database: TestDatabase,
    server: Writ,
    pub(crate) operator: String,
    agent: String,
    treasurer: String,
    director: String,
}

/// A worker on the same database, in a directory of its own.
pub(crate) struct Worker {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

fn files() -> [(&'static str, Vec<u8>); 4] {
    [
        ("rules.wasm", guests::dist_bytes("rules")),
        ("four-eyes.wasm", guests::dist_bytes("four-eyes")),
        ("payout.wasm", guests::bytes("tool-payout")),
        ("busy.wasm", guests::bytes("hostile/tool-call-flood")),
    ]
}

fn config(database: &TestDatabase, grace_ms: u64) -> String {
    CONFIG.replace("{url}", &database.url()).replace("{grace}", &grace_ms.to_string())
}

impl Hosts {
    pub(crate) fn new() -> Self {
        let database = TestDatabase::create();
        let mut migrate = Command::new(env!("CARGO_BIN_EXE_writ"));
        let migrated = migrate.arg("migrate").env("WRIT_DATABASE_URL", database.url());
        let migrated = migrated.output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config(&database, 0), &files());
        let key = |name: &str, role: &str, groups: &[&str]| {
            let body = json!({"name": name, "roles": [role], "groups": groups});
            let reply = server.client().post("/v1/keys", &body.to_string()).unwrap();
            assert_eq!(reply.status, 201, "{}", reply.text());
            text(&reply.json()["key"])
        };
        Self {
            agent: key("shop", "agent", &[]),
            treasurer: key("tess", "approver", &["treasury"]),
            director: key("dora", "approver", &["directors"]),
            operator: server.key().to_owned(),
            server,
            database,
        }
    }

    fn client(&self, key: &str) -> Client {
        self.server.client().without_key().with_key(key)
    }

    /// The agent asks for a tool's work.
    pub(crate) fn ask(&self, tool: &str) -> Value {
        let arguments = match tool {
            "payout" => json!({"payee": "acme", "cents": 500}),
            _ => json!({"cents": 1}),
        };
        let mut question = question(tool, &arguments);
        question["tool"] = json!(tool);
        self.send(&question)
    }

    /// Waits until the server has told an execution that its second is over: so long it could have
    /// begun another.
    pub(crate) fn wait_a_second(&self) {
        let slow = self.send(&question("slow", &json!({"cents": 1})));
        self.until(&slow, |seen| seen["status"] == "expired");
    }

    fn send(&self, question: &Value) -> Value {
        let reply = self.client(&self.agent).post("/v1/executions", &question.to_string()).unwrap();
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()
    }

    pub(crate) fn see(&self, execution: &Value) -> Value {
        let path = format!("/v1/executions/{}", text(&execution["id"]));
        self.client(&self.agent).get(&path).unwrap().json()
    }

    pub(crate) fn kinds(&self, execution: &Value) -> Vec<String> {
        let path = format!("/v1/executions/{}/events?limit=100", text(&execution["id"]));
        let events = self.client(&self.agent).get(&path).unwrap().json();
        events["items"].as_array().unwrap().iter().map(|event| text(&event["kind"])).collect()
    }

    /// Waits until an execution is as it is to be.
    pub(crate) fn until(&self, execution: &Value, is: impl Fn(&Value) -> bool) -> Value {
        wait::until(PATIENCE, || {
            let seen = self.see(execution);
            if is(&seen) { Ok(seen) } else { Err(format!("{seen:#}")) }
        })
    }

    /// The treasury agrees to the first question, or a director to the second.
    pub(crate) fn answer(&self, execution: &Value, question: usize) {
        let key = if question == 0 { &self.treasurer } else { &self.director };
        let seen = self.until(execution, |seen| seen["approvals"].get(question).is_some());
        let approval = text(&seen["approvals"][question]["id"]);
        let path = format!("/v1/approvals/{approval}/decision");
        let reply = self.client(key).post(&path, r#"{"decision": "approve"}"#).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

impl Worker {
    /// A worker that holds what waits in memory for so long.
    pub(crate) fn start(hosts: &Hosts, grace_ms: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files() {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let config = config(&hosts.database, grace_ms);
        fs::write(directory.path().join("writ.toml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_writ"))
            .args(["worker", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            line.strip_prefix("how it is: http://")?.strip_suffix("/ready")?.parse().ok()
        });
        Self { child, address: address.expect("the worker starts"), _directory: directory }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// Asks it to stop, as an orchestrator does, and waits for its end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn question(action: &str, arguments: &Value) -> Value {
    json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": action, "properties": arguments},
        "resource": {"type": "account", "id": "main"},
    })
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}
