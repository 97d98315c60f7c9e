//! A server and its files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use writ_testkit::http::{Client, Reply};
use writ_testkit::server::Writ;

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A set that allows some actions.
pub(crate) fn allowing(actions: &str) -> String {
    format!(
        "[[binding]]\nname = \"tools\"\nsource = \"builtin:tool-list\"\n\
         limits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\nsettings = {{ allow = [{actions}] }}\n"
    )
}

pub(crate) struct World {
    pub(crate) server: Writ,
}

impl World {
    pub(crate) fn start(config: &str, place: &[(&str, Vec<u8>)]) -> Self {
        Self { server: Writ::start(env!("CARGO_BIN_EXE_writ"), config, place) }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.server.directory()
    }

    /// Writes a file as most programs do: in place.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.directory().join(name), text).unwrap();
    }

    /// Replaces a file as careful programs do: beside it, then renamed.
    pub(crate) fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        let beside = self.directory().join(format!(".{name}.swp"));
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.directory().join(name)).unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }

    /// Whether an action may go on, by which set that was decided.
    pub(crate) fn decide(&self, action: &str) -> (bool, Value) {
        let question = json!({
            "subject": {"type": "agent", "id": "a1"},
            "action": {"name": action},
            "resource": {"type": "tool", "id": "t1"},
        });
        let reply = self.client().post("/access/v1/evaluation", &question.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = reply.json();
        (reply["decision"].as_bool().unwrap(), reply["context"]["policy_set"].clone())
    }

    pub(crate) fn allows(&self, action: &str) -> bool {
        self.decide(action).0
    }

    pub(crate) fn reload(&self) -> Reply {
        self.client().post("/v1/policies/reload", "{}").unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        let reply = self.client().get("/v1/policies/status").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub(crate) fn hang_up(&self) {
        let id = Pid::from_raw(i32::try_from(self.server.id()).unwrap()).unwrap();
        kill_process(id, Signal::HUP).unwrap();
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < PATIENCE, "it is never so: {what}\n{:#}", self.status());
            std::thread::yield_now();
        }
    }

    /// How often something came of reading files, by the metrics.
    pub(crate) fn reloads(&self, outcome: &str) -> u64 {
        let page = self.client().get("/metrics").unwrap();
        let name = format!("writ_policy_reloads_total{{outcome=\"{outcome}\"}} ");
        let line = page.text().lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap().parse().unwrap()
    }

    /// The tenant's events of some kind, oldest first, once there are so many.
    pub(crate) fn events(&self, kind: &str, count: usize) -> Vec<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("http://{}/v1/events", self.server.address());
        let mut text = String::new();
        runtime.block_on(async {
            let request = reqwest::Client::new().get(url).bearer_auth(self.server.key());
            let mut response = request.header("Last-Event-ID", 0).send().await.unwrap();
            while text.matches(&format!("\"{kind}\"")).count() < count {
                let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await;
                let chunk = chunk.unwrap_or_else(|_| panic!("not {count} of {kind}: {text}"));
                text += std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap();
            }
        });
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = events.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["kind"] == kind).collect()
    }

    /// A command on this server.
    pub(crate) fn writ(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_writ"))
            .args(arguments)
            .args(["--server", &format!("http://{}", self.server.address())])
            .env_clear()
            .env("WRIT_KEY", self.server.key())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}
