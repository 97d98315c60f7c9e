//! What tests of versions that are rolled out share.

use serde_json::{Value, json};

use super::world::{World, allowing};

impl World {
    /// With versions 1 and 2, of which 1 decides: what each allows.
    pub(crate) fn with_versions(one: &str, two: &str) -> Self {
        let world = Self::start(one, &[]);
        world.write("writ.toml", two);
        let reply = world.reload();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = world.client().post("/v1/policies/rollback", "{}").unwrap();
        assert_eq!(reply.json()["version"], 1, "{}", reply.text());
        world
    }

    /// Asks a policy set's route for something, which it does.
    pub(crate) fn roll_out(&self, version: u64, how: &str, body: &Value) -> Value {
        let path = format!("/v1/policy-sets/{version}/{how}");
        let reply = self.client().post(&path, &body.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// Whether a subject may do something, and by which set that was decided.
    pub(crate) fn ask(&self, subject: &str, action: &str, headers: &[(&str, &str)]) -> Value {
        let question = json!({
            "subject": {"type": "agent", "id": subject},
            "action": {"name": action, "properties": {"amount": 60}},
            "resource": {"type": "tool", "id": "t1"},
        });
        let path = "/access/v1/evaluation";
        let reply = self.client().post_with(path, headers, &question.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// A number on the metrics page.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let page = self.client().get("/metrics").unwrap();
        let line = page.text().lines().find_map(|line| line.strip_prefix(series));
        let line = line.unwrap_or_else(|| panic!("no {series}: {}", page.text()));
        line.trim().parse::<f64>().unwrap() as u64
    }

    pub(crate) fn report(&self, version: u64) -> Value {
        let reply = self.client().get(&format!("/v1/policy-sets/{version}/shadow")).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }
}

/// Allows what is spent up to a limit, and counts it.
pub(crate) fn budget(limit: u64) -> String {
    format!(
        "[[binding]]\nname = \"budget\"\nsource = \"builtin:budget\"\n\
         limits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\n\
         settings = {{ amount = \"/action/properties/amount\", limit = {limit}, on-within = \"allow\" }}\n"
    )
}

/// Denies everything, since a policy gives no verdict.
pub(crate) fn failing() -> String {
    format!("{}\n[[binding]]\nname = \"panic\"\nsource = \"panic.wasm\"\n", allowing("\"read\""))
}
