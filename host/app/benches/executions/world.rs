//! A server, and those who ask it and answer its questions.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use writ_testkit::http::{Client, Reply};
use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;

/// Where executions are asked for.
pub(crate) const EXECUTIONS: &str = "/v1/executions";

/// Somebody who calls a server, on a connection of their own.
pub(crate) struct Caller {
    client: Client,
    address: SocketAddr,
    key: String,
    /// When it was last used: a server closes one that rests.
    used: Instant,
}

/// After which rest a connection is made anew: well below what servers allow.
const REST_MAX: Duration = Duration::from_secs(2);

impl Caller {
    /// Somebody with a new key.
    pub(crate) fn new(server: &Writ, name: &str, role: &str, groups: &[&str]) -> Self {
        let body = json!({"name": name, "roles": [role], "groups": groups});
        let made = Self::with(server.address(), server.key()).post("/v1/keys", &body);
        Self::with(server.address(), text(&made["key"]))
    }

    fn with(address: SocketAddr, key: &str) -> Self {
        let client = Client::connect(address).expect("the server listens").with_key(key);
        Self { client, address, key: key.to_owned(), used: Instant::now() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Value {
        said(self.client().get(path))
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Value {
        said(self.client().post(path, &body.to_string()))
    }

    fn client(&mut self) -> &mut Client {
        if self.used.elapsed() > REST_MAX {
            *self = Self::with(self.address, &self.key);
        }
        self.used = Instant::now();
        &mut self.client
    }

    /// Looks until an execution is as it is to be.
    pub(crate) fn until(&mut self, execution: &Value, is: impl Fn(&Value) -> bool) -> Value {
        let path = format!("{EXECUTIONS}/{}", text(&execution["id"]));
        loop {
            let seen = self.get(&path);
            if is(&seen) {
                return seen;
            }
            assert!(!matches!(text(&seen["status"]), "failed" | "denied" | "unknown"), "{seen}");
        }
    }

    /// Agrees to one of an execution's questions.
    pub(crate) fn approve(&mut self, execution: &Value, question: usize) {
        let approval = text(&execution["approvals"][question]["id"]);
        let path = format!("/v1/approvals/{approval}/decision");
        self.post(&path, &json!({"decision": "approve"}));
    }
}

fn said(reply: io::Result<Reply>) -> Value {
    let reply = reply.expect("the server answers");
    assert!(reply.status < 300, "{}", reply.text());
    reply.json()
}

/// Makes the tables of a database.
pub(crate) fn migrate(database: &TestDatabase) {
    let mut migrate = Command::new(env!("CARGO_BIN_EXE_writ"));
    migrate.arg("migrate").env("WRIT_DATABASE_URL", database.url());
    let migrated = migrate.output().expect("the program can be run");
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text"))
}
