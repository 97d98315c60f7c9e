//! Two servers that share a database, and those who call them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::{Client, Reply};
use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;

/// From 100 on, `ann` agrees. All that begins is added up, by both servers in one place. The limits
/// leave room for a machine that is busy with other tests.
const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"
url = "{url}"

[[binding]]
name = "small"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
source = "rules.wasm"
[[binding.settings.rules]]
name = "small"
effect = "allow"
when = { path = "/action/properties/amount", lt = 100 }

[[binding]]
name = "review"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
source = "four-eyes.wasm"
[binding.settings]
threshold = { path = "/action/properties/amount", min = 100 }
[binding.settings.requirement]
stages = [{ approvers = ["user:Ann"], expires-after-seconds = 3600 }]

[[binding]]
name = "budget"
limits = { deadline-ms = 10000, timeout-ms = 30000 }
source = "budget.wasm"
[binding.settings]
amount = "/action/properties/amount"
limit = 1000000000
per = "global"
"#;

/// Two servers on one database, and a key for each who calls them.
pub(crate) struct Hosts {
    pub(crate) servers: Mutex<[Writ; 2]>,
    addresses: Mutex<[SocketAddr; 2]>,
    pub(crate) operator: String,
    pub(crate) agent: String,
    pub(crate) ann: String,
    pub(crate) database: TestDatabase,
}

/// What `writ` says to a command that works on a database.
pub(crate) fn writ(directory: &Path, database: &TestDatabase, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.current_dir(directory).env("WRIT_DATABASE_URL", database.url());
    command.args(arguments).output().unwrap()
}

pub(crate) fn config(database: &TestDatabase) -> String {
    CONFIG.replace("{url}", &database.url())
}

pub(crate) fn start(database: &TestDatabase) -> Writ {
    let policies = ["rules", "four-eyes", "budget"]
        .map(|name| (format!("{name}.wasm"), guests::dist_bytes(name)));
    let policies: Vec<_> =
        policies.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    Writ::start(env!("CARGO_BIN_EXE_writ"), &config(database), &policies)
}

impl Hosts {
    pub(crate) fn new() -> Self {
        let database = TestDatabase::create();
        let migrated = writ(Path::new("."), &database, &["migrate"]);
        assert!(migrated.status.success(), "{migrated:?}");
        let servers = [start(&database), start(&database)];
        let operator = servers[0].key().to_owned();
        let key = |name: &str, role: &str| {
            let body = json!({"name": name, "roles": [role]}).to_string();
            let reply = servers[0].client().post("/v1/keys", &body).unwrap();
            assert_eq!(reply.status, 201, "{}", reply.text());
            text(&reply.json()["key"])
        };
        Self {
            agent: key("shop", "agent"),
            ann: key("ann", "approver"),
            addresses: Mutex::new([servers[0].address(), servers[1].address()]),
            servers: Mutex::new(servers),
            operator,
            database,
        }
    }

    /// A connection to one of the two; none where it does not listen.
    pub(crate) fn try_client(&self, host: usize, key: &str) -> Option<Client> {
        let address = self.addresses.lock().unwrap()[host % 2];
        Client::connect(address).ok().map(|client| client.with_key(key))
    }

    pub(crate) fn client(&self, host: usize, key: &str) -> Client {
        self.try_client(host, key).expect("the server listens")
    }

    pub(crate) fn post(&self, host: usize, key: &str, path: &str, body: &Value) -> Reply {
        self.client(host, key).post(path, &body.to_string()).unwrap()
    }

    pub(crate) fn get(&self, host: usize, key: &str, path: &str) -> Reply {
        self.client(host, key).get(path).unwrap()
    }

    /// Kills one and starts it again, on another port.
    pub(crate) fn kill_and_restart(&self, host: usize) {
        let mut servers = self.servers.lock().unwrap();
        let server = &mut servers[host % 2];
        server.kill();
        server.restart();
        self.addresses.lock().unwrap()[host % 2] = server.address();
    }
}

pub(crate) fn question(amount: u64) -> Value {
    json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": "pay", "properties": {"amount": amount}},
        "resource": {"type": "account", "id": "main"},
    })
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}
