//! A server with tools, those who call it, and those whom tools ask.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::{Client, Reply};
use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;
use writ_testkit::wait;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A payout goes on below 1,000,000 cents. Leases are short, so that a run whose host was killed is
/// soon taken over: 1 s for the tool, what it waits for people, and 10 s beside. Policies have room for a
/// machine that is busy.
const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"
URL

[worker]
grace-ms = GRACE

[[binding]]
name = "small"
source = "rules.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[[binding.settings.rules]]
name = "small"
effect = "allow"
when = { path = "/action/properties/cents", lt = 1000000 }

[[tools]]
name = "payout"
source = "payout.wasm"
grants = { storage = true }
limits = { timeout-ms = 1_000 }
"#;

/// A server, and a key for each who calls it.
pub(crate) struct World {
    pub(crate) server: Writ,
    pub(crate) agent: String,
    treasurer: String,
    director: String,
    /// Where its tables are, unless they are files.
    database: Option<TestDatabase>,
}

/// Where a world keeps its tables.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tables {
    Sqlite,
    Postgres,
}

/// Makes a test of each function, on each database.
macro_rules! on_both {
    ($($name:ident,)+) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                super::$name($crate::world::Tables::Sqlite);
            })+
        }

        mod on_postgres {
            $(#[test]
            fn $name() {
                super::$name($crate::world::Tables::Postgres);
            })+
        }
    };
}
pub(crate) use on_both;

impl World {
    /// A world in which a call that waits for people is held so many milliseconds.
    pub(crate) fn new(grace_ms: u64) -> Self {
        Self::on(Tables::Sqlite, grace_ms, "", &[])
    }

    /// One that holds calls for 5 s, with more in its configuration.
    pub(crate) fn with_more(more: &str, place: &[(&str, Vec<u8>)]) -> Self {
        Self::on(Tables::Sqlite, 5_000, more, place)
    }

    /// One with tables of a kind, and more in its configuration.
    pub(crate) fn on(tables: Tables, grace_ms: u64, more: &str, place: &[(&str, Vec<u8>)]) -> Self {
        let database = match tables {
            Tables::Sqlite => None,
            Tables::Postgres => Some(TestDatabase::create()),
        };
        let url = database.as_ref().map(|database| {
            let mut migrate = Command::new(env!("CARGO_BIN_EXE_writ"));
            migrate.arg("migrate").env("WRIT_DATABASE_URL", database.url());
            let migrated = migrate.output().unwrap();
            assert!(migrated.status.success(), "{migrated:?}");
            format!("url = \"{}\"", database.url())
        });
        let config = CONFIG.replace("GRACE", &grace_ms.to_string());
        let config = config.replace("URL", &url.unwrap_or_default());
        let mut files = vec![
            ("rules.wasm", guests::dist_bytes("rules")),
            ("budget.wasm", guests::dist_bytes("budget")),
            ("payout.wasm", guests::bytes("tool-payout")),
        ];
        files.extend(place.iter().cloned());
        let config = format!("{config}{more}");
        let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &files);
        Self {
            agent: key(&server, "shop", "agent", &[]),
            treasurer: key(&server, "tess", "approver", &["treasury"]),
            director: key(&server, "dora", "approver", &["directors"]),
            server,
            database,
        }
    }

    /// A key for somebody else.
    pub(crate) fn key(&self, name: &str, role: &str, groups: &[&str]) -> String {
        key(&self.server, name, role, groups)
    }

    /// Kills the server as `kill -9` does, and starts it again.
    pub(crate) fn kill(&mut self) {
        self.kill_and(|_| {});
    }

    /// The same, with something done to its configuration in between.
    pub(crate) fn kill_and(&mut self, change: impl FnOnce(&mut String)) {
        self.server.kill();
        let path = self.server.directory().join("writ.toml");
        let mut config = std::fs::read_to_string(&path).unwrap();
        change(&mut config);
        std::fs::write(&path, config).unwrap();
        self.server.restart();
    }

    /// Another server on the same database, with the same policies and other tools.
    pub(crate) fn beside(&self, config: &str, place: &[(&str, Vec<u8>)]) -> Writ {
        assert!(self.database.is_some(), "files are one server's");
        Writ::start(env!("CARGO_BIN_EXE_writ"), config, place)
    }

    /// How often something of a kind has happened to an execution.
    pub(crate) fn count(&self, execution: &Value, kind: &str) -> usize {
        let listed = self.client(&self.agent).get(&path(execution, "/events")).unwrap().json();
        let events = listed["items"].as_array().unwrap();
        events.iter().filter(|event| event["kind"] == kind).count()
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        self.server.client().without_key().with_key(key)
    }

    pub(crate) fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        self.client(key).post(path, &body.to_string()).unwrap()
    }

    /// The agent asks for a tool's work.
    pub(crate) fn ask(&self, tool: &str, arguments: &Value) -> Value {
        let reply = self.post(&self.agent, "/v1/executions", &question(tool, arguments));
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()
    }

    /// An execution as it stands.
    pub(crate) fn see(&self, execution: &Value) -> Value {
        let reply = self.client(&self.agent).get(&path(execution, "")).unwrap();
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()
    }

    /// Waits until an execution is as it is to be.
    pub(crate) fn until(&self, execution: &Value, is: impl Fn(&Value) -> bool) -> Value {
        self.until_at(&path(execution, ""), is)
    }

    /// Waits until the agent has an execution.
    pub(crate) fn until_listed(&self) -> Value {
        let listed = self.until_at("/v1/executions", |list| list["items"][0].is_object());
        listed["items"][0].clone()
    }

    /// Waits until what the agent reads at a path is as it is to be.
    pub(crate) fn until_at(&self, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.until_as(&self.agent, path, is)
    }

    /// The same for whoever has a key.
    pub(crate) fn until_as(&self, key: &str, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut client = self.client(key);
        wait::until(PATIENCE, || {
            let seen = client.get(path).unwrap().json();
            if is(&seen) { Ok(seen) } else { Err(format!("{seen:#}")) }
        })
    }

    /// Waits until an execution has a status.
    pub(crate) fn until_status(&self, execution: &Value, status: &str) -> Value {
        self.until(execution, |seen| seen["status"] == status)
    }

    /// The treasury answers the first question, or a director the second.
    pub(crate) fn answer(&self, execution: &Value, question: usize, decision: &str) {
        let key = if question == 0 { &self.treasurer } else { &self.director };
        let seen = self.until(execution, |seen| seen["approvals"].get(question).is_some());
        let approval = text(&seen["approvals"][question]["id"]);
        let path = format!("/v1/approvals/{approval}/decision");
        let reply = self.post(key, &path, &json!({"decision": decision}));
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

fn key(server: &Writ, name: &str, role: &str, groups: &[&str]) -> String {
    let body = json!({"name": name, "roles": [role], "groups": groups});
    let reply = server.client().post("/v1/keys", &body.to_string()).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    text(&reply.json()["key"])
}

pub(crate) fn question(tool: &str, arguments: &Value) -> Value {
    json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": tool, "properties": arguments},
        "resource": {"type": "account", "id": "main"},
        "tool": tool,
    })
}

pub(crate) fn payout() -> Value {
    json!({"payee": "acme", "cents": 500})
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
