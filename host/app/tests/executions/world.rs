//! A server, those who call it, and what they say.

use std::time::Duration;

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::{Client, Reply};
use writ_testkit::server::Writ;
use writ_testkit::wait;

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Below 100 a payment goes on; from 100 on, `ann` or a member of `finance` agrees and says why, but
/// for `slow`, which nobody has to explain and which ends after a second. 50,000 in all. The limits leave
/// room for a machine that is busy.
pub(crate) const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"

[[binding]]
name = "small"
source = "rules.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[[binding.settings.rules]]
name = "small"
effect = "allow"
when = { path = "/action/properties/amount", lt = 100 }

[[binding]]
name = "review"
source = "four-eyes.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
match = { action = "pay" }
[binding.settings]
threshold = { path = "/action/properties/amount", min = 100 }
[binding.settings.requirement]
title = "Pay"
reason-required = true
stages = [{ approvers = ["user:Ann", "group:finance"], expires-after-seconds = 3600 }]

[[binding]]
name = "slow"
source = "four-eyes.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
match = { action = "slow" }
[binding.settings.requirement]
stages = [{ approvers = ["user:ann"], expires-after-seconds = 1 }]

[[binding]]
name = "budget"
source = "budget.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[binding.settings]
amount = "/action/properties/amount"
limit = 50000
per = "global"
"#;

/// A server, and a key for each who calls it.
pub(crate) struct World {
    pub(crate) server: Writ,
    pub(crate) agent: String,
    pub(crate) ann: String,
    pub(crate) bob: String,
    pub(crate) eve: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// A server with more configuration, and what its file `secret` holds.
    pub(crate) fn with(more: &str, secret: &str) -> Self {
        Self::with_files(more, &[("secret", secret)])
    }

    /// A server with more configuration, and files beside it.
    pub(crate) fn with_files(more: &str, beside: &[(&str, impl AsRef<[u8]>)]) -> Self {
        let policies = ["rules", "four-eyes", "budget"]
            .map(|name| (format!("{name}.wasm"), guests::dist_bytes(name)));
        let mut files: Vec<_> =
            policies.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        files.extend(beside.iter().map(|(name, bytes)| (*name, bytes.as_ref().to_vec())));
        let config = format!("{CONFIG}{more}");
        let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &files);
        let key = |name: &str, role: &str, groups: &[&str]| {
            let body = json!({"name": name, "roles": [role], "groups": groups});
            let reply = server.client().post("/v1/keys", &body.to_string()).unwrap();
            assert_eq!(reply.status, 201, "{}", reply.text());
            reply.json()["key"].as_str().unwrap().to_owned()
        };
        Self {
            agent: key("shop", "agent", &[]),
            ann: key("ANN", "approver", &[]),
            bob: key("bob", "approver", &["Finance"]),
            eve: key("eve", "approver", &["staff"]),
            server,
        }
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        self.server.client().without_key().with_key(key)
    }

    /// What a caller is answered.
    pub(crate) fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        self.client(key).post(path, &body.to_string()).unwrap()
    }

    pub(crate) fn get(&self, key: &str, path: &str) -> Value {
        let reply = self.client(key).get(path).unwrap();
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()
    }

    /// The agent asks for an action with an amount.
    pub(crate) fn ask(&self, action: &str, amount: u64) -> Value {
        let reply = self.post(&self.agent, "/v1/executions", &question(action, amount));
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()
    }

    /// An answer to the first approval of an execution.
    pub(crate) fn answer(&self, key: &str, execution: &Value, body: Value) -> Reply {
        let approval = text(&execution["approvals"][0]["id"]);
        self.post(key, &format!("/v1/approvals/{approval}/decision"), &body)
    }

    /// Ann agrees.
    pub(crate) fn approve(&self, execution: &Value) {
        let body = json!({"decision": "approve", "reason": "seen"});
        let reply = self.answer(&self.ann, execution, body);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// The agent claims an execution by its digest.
    pub(crate) fn claim(&self, execution: &Value) -> Reply {
        let body = json!({"digest": execution["digest"]});
        self.post(&self.agent, &path(execution, "/claim"), &body)
    }

    pub(crate) fn status(&self, execution: &Value) -> String {
        text(&self.get(&self.agent, &path(execution, ""))["status"])
    }

    /// An execution, as soon as it has a status.
    pub(crate) fn until_status(&self, execution: &Value, status: &str) -> Value {
        wait::until(PATIENCE, || {
            let seen = self.get(&self.agent, &path(execution, ""));
            if seen["status"] == status { Ok(seen) } else { Err(format!("{seen:#}")) }
        })
    }
}

pub(crate) fn question(action: &str, amount: u64) -> Value {
    json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": action, "properties": {"amount": amount}},
        "resource": {"type": "account", "id": "main"},
    })
}

pub(crate) fn path(execution: &Value, below: &str) -> String {
    format!("/v1/executions/{}{below}", text(&execution["id"]))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

/// The code of a problem, and its status.
pub(crate) fn problem(reply: &Reply) -> (u16, String) {
    (reply.status, text(&reply.json()["code"]))
}
