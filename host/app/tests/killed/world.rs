//! A host that may die at any moment, those who call it, and its database.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::{Client, Reply};
use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;
use writ_testkit::wait;

use crate::receiver::{Receiver, SECRET};

/// How long anything may take before the test fails: a tool whose host dies again and again waits for
/// a lease to run out each time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Below 100, or a million cents, an action goes on. `pay` takes `ann` and then somebody of finance;
/// `slow` ends after a second. What waits is not held in memory. The limits leave room for a machine
/// that is busy.
const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"
{store}

[worker]
grace-ms = 0

[[binding]]
name = "small"
source = "rules.wasm"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[[binding.settings.rules]]
name = "amount"
effect = "allow"
when = { path = "/action/properties/amount", lt = 100 }
[[binding.settings.rules]]
name = "cents"
effect = "allow"
when = { path = "/action/properties/cents", lt = 1000000 }

[[binding]]
name = "review"
source = "four-eyes.wasm"
match = { action = "pay" }
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[binding.settings.requirement]
stages = [
  { approvers = ["user:ann"], expires-after-seconds = 3600 },
  { approvers = ["group:finance"], expires-after-seconds = 3600 },
]

[[binding]]
name = "slow"
source = "four-eyes.wasm"
match = { action = "slow" }
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[binding.settings.requirement]
stages = [{ approvers = ["user:ann"], expires-after-seconds = 1 }]

[[binding]]
name = "budget"
source = "budget.wasm"
match = { action = "pay" }
limits = { deadline-ms = 10000, timeout-ms = 30000 }
[binding.settings]
amount = "/action/properties/amount"
limit = 1000000000
per = "global"

[[tools]]
name = "payout"
source = "payout.wasm"
grants = { storage = true }
limits = { timeout-ms = 1000 }

[[tools]]
name = "recursion"
source = "recursion.wasm"
grants = { tools = ["recursion"] }
limits = { timeout-ms = 1000 }
"#;

/// Where a host keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Operator,
    Agent,
    Ann,
    Bob,
    Treasurer,
    Director,
}

pub(crate) struct World {
    server: Mutex<Writ>,
    /// Apart from the server, which is held while it starts.
    address: Mutex<SocketAddr>,
    keys: [String; 6],
    /// Gone with its hosts.
    pub(crate) database: Option<TestDatabase>,
    /// Is told everything that happens.
    pub(crate) receiver: Receiver,
    /// Carries out what hosts call it for.
    pub(crate) called: Receiver,
}

impl World {
    pub(crate) fn new(database: Database) -> Self {
        let database = (database == Database::Postgres).then(migrated);
        let (receiver, called) = (Receiver::content(), Receiver::content());
        let server = start(database.as_ref(), &receiver, &called);
        let key = |name: &str, role: &str, groups: &[&str]| {
            let body = json!({"name": name, "roles": [role], "groups": groups});
            let reply = server.client().post("/v1/keys", &body.to_string()).unwrap();
            assert_eq!(reply.status, 201, "{}", reply.text());
            text(&reply.json()["key"])
        };
        let keys = [
            server.key().to_owned(),
            key("shop", "agent", &[]),
            key("ann", "approver", &[]),
            key("bob", "approver", &["finance"]),
            key("tess", "approver", &["treasury"]),
            key("dora", "approver", &["directors"]),
        ];
        let address = Mutex::new(server.address());
        Self { server: Mutex::new(server), address, keys, database, receiver, called }
    }

    pub(crate) fn key(&self, who: Who) -> &str {
        &self.keys[who as usize]
    }

    /// Kills the host if it lives, and starts it again, to die at a passage of a point.
    pub(crate) fn start_again(&self, point: Option<(&str, usize)>) {
        let mut server = self.server.lock().unwrap();
        server.kill();
        let point = point.map(|(name, passage)| format!("{name}={passage}"));
        let variables: Vec<_> =
            point.iter().map(|point| ("WRIT_FAILPOINT", point.as_str())).collect();
        server.restart_with(&variables);
        *self.address.lock().unwrap() = server.address();
    }

    /// Kills the host, and leaves it so.
    pub(crate) fn kill(&self) {
        self.server.lock().unwrap().kill();
    }

    /// Whether the host has died by itself: by the signal that none survives.
    pub(crate) fn has_died(&self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        let ended = self.server.lock().unwrap().ended();
        ended.is_some_and(|status| {
            assert_eq!(status.signal(), Some(9), "the host ended otherwise: {status}");
            true
        })
    }

    /// What the host answers; none where it does not live to, or where another world's has taken its
    /// place meanwhile: that one knows none of these keys.
    pub(crate) fn try_send(
        &self,
        send: impl FnOnce(&mut Client) -> std::io::Result<Reply>,
        who: Who,
    ) -> Option<Reply> {
        let address = *self.address.lock().unwrap();
        let mut client = Client::connect(address).ok()?.with_key(self.key(who));
        send(&mut client).ok().filter(|reply| reply.status != 401)
    }

    /// What a host answers, now or once it has been started again.
    pub(crate) fn send(
        &self,
        who: Who,
        send: impl Fn(&mut Client) -> std::io::Result<Reply>,
    ) -> Reply {
        until(|| self.try_send(&send, who).filter(|reply| reply.status != 503))
    }

    pub(crate) fn post(&self, who: Who, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        self.send(who, |client| client.post(path, &body))
    }

    pub(crate) fn get(&self, who: Who, path: &str) -> Value {
        let reply = self.send(who, |client| client.get(path));
        assert!(reply.status < 300, "{path}: {}", reply.text());
        reply.json()
    }
}

/// Looks until there is something.
pub(crate) fn until<T>(look: impl Fn() -> Option<T>) -> T {
    wait::until(PATIENCE, || look().ok_or_else(|| "it does not come".to_owned()))
}

fn migrated() -> TestDatabase {
    let database = TestDatabase::create();
    let mut migrate = Command::new(env!("CARGO_BIN_EXE_writ"));
    migrate.current_dir(Path::new("/")).env("WRIT_DATABASE_URL", database.url()).arg("migrate");
    let migrated = migrate.output().unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    database
}

/// A host on a database that has its tables, or on files of its own.
pub(crate) fn start(
    database: Option<&TestDatabase>,
    receiver: &Receiver,
    called: &Receiver,
) -> Writ {
    let store = database.map(|database| format!("url = \"{}\"", database.url()));
    let config = CONFIG.replace("{store}", &store.unwrap_or_default());
    let endpoints =
        called.endpoint("charge") + &called.endpoint("transfer") + "idempotent = true\n";
    let config = config + &receiver.channel("all", r#"["*"]"#) + &endpoints;
    let components = [
        ("rules.wasm", guests::dist_bytes("rules")),
        ("four-eyes.wasm", guests::dist_bytes("four-eyes")),
        ("budget.wasm", guests::dist_bytes("budget")),
        ("payout.wasm", guests::bytes("tool-payout")),
        ("recursion.wasm", guests::bytes("hostile/tool-recursion")),
        ("secret", SECRET.into()),
    ];
    Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &components)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}
