//! One execution's life: what callers and people do about it, each until they are answered.

use serde_json::{Value, json};
use writ_testkit::http::Reply;

use crate::plan::Plan;
use crate::random::Random;
use crate::told::{Answered, Told};
use crate::world::{Who, World, text, until};

/// Somebody who lives through it, and all that they were told.
pub(crate) struct Life<'a> {
    pub(crate) world: &'a World,
    pub(crate) random: Random,
    pub(crate) told: Told,
}

impl<'a> Life<'a> {
    /// `origin` tells how to have it again; `key` is nobody else's.
    pub(crate) fn new(
        world: &'a World,
        plan: Plan,
        random: Random,
        origin: String,
        key: String,
    ) -> Self {
        let (question, id) = (String::new(), String::new());
        let told =
            Told { plan, origin, key, question, id, answers: vec![], permits: 0, effects: 0 };
        Self { world, random, told }
    }

    /// Asks for an action, at times twice with the same key.
    pub(crate) fn ask(&mut self, action: &str, properties: Value, tool: Option<&str>) -> Value {
        let mut question = json!({
            "subject": {"type": "agent", "id": "shop"},
            "action": {"name": action, "properties": properties},
            "resource": {"type": "account", "id": "main"},
        });
        if let Some(tool) = tool {
            question["tool"] = json!(tool);
        }
        self.told.question = question.to_string();
        let asked = self.create();
        self.told.id = text(&asked["id"]);
        if self.random.flip() {
            let again = self.create();
            assert_eq!(again["id"], asked["id"], "one key made two executions");
        }
        asked
    }

    fn create(&mut self) -> Value {
        let (key, question) = (&self.told.key, &self.told.question);
        let headers = [("Idempotency-Key", key.as_str())];
        let reply = self
            .world
            .send(Who::Agent, |client| client.post_with("/v1/executions", &headers, question));
        assert!(reply.status < 300, "{}", reply.text());
        self.note(&reply.json())
    }

    /// Keeps what an answer says of the execution, and gives it back.
    fn note(&mut self, execution: &Value) -> Value {
        self.told.answers.push(Answered::of(execution));
        execution.clone()
    }

    /// The execution as it stands.
    pub(crate) fn see(&mut self) -> Value {
        let seen = self.world.get(Who::Agent, &self.path(""));
        self.note(&seen)
    }

    /// Waits until it is as it is to be.
    pub(crate) fn until(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        let (world, path) = (self.world, self.path(""));
        let seen = until(|| Some(world.get(Who::Agent, &path)).filter(|seen| is(seen)));
        self.note(&seen)
    }

    /// Waits until it has a status.
    pub(crate) fn until_status(&mut self, status: &str) -> Value {
        self.until(|seen| seen["status"] == status)
    }

    /// Somebody answers an approval, at times twice at the same instant. What nobody was told may
    /// have counted: then the second time may be too late, and the answer is there all the same.
    pub(crate) fn vote(&mut self, who: Who, approval: usize, decision: &str) {
        let seen = self.until(|seen| seen["approvals"].get(approval).is_some());
        let id = text(&seen["approvals"][approval]["id"]);
        let path = format!("/v1/approvals/{id}/decision");
        for reply in self.at_once(who, &path, &json!({"decision": decision})) {
            assert!([200, 403, 409].contains(&reply.status), "{}", reply.text());
            if reply.status == 200 {
                self.note(&reply.json()["execution"]);
            }
        }
        let seen = self.see();
        let name = ["", "shop", "ann", "bob", "tess", "dora"][who as usize];
        let votes = seen["approvals"][approval]["votes"].as_array().unwrap();
        let theirs = votes.iter().filter(|vote| text(&vote["approver"]).ends_with(name)).count();
        assert_eq!(theirs, 1, "`{name}` has answered, and it counts once: {seen:#}");
    }

    /// Claims it, at times twice at the same instant, and does what was agreed to where a permit is
    /// there. None where whoever got the permit never learnt so.
    pub(crate) fn claim(&mut self) -> Option<String> {
        let digest = self.see()["digest"].clone();
        let body = json!({"digest": digest, "lease_seconds": 1});
        let path = self.path("/claim");
        let mut permit = None;
        for reply in self.at_once(Who::Agent, &path, &body) {
            assert!([200, 409].contains(&reply.status), "{}", reply.text());
            if reply.status == 200 {
                let claimed = self.note(&reply.json());
                permit = Some(text(&claimed["permit"]));
                self.told.permits += 1;
                // The effect is here, outside of the host.
                self.told.effects += 1;
            }
        }
        permit
    }

    /// Tells how it ended, until somebody has listened: the one who knows the permit, or an operator.
    pub(crate) fn report(&mut self, permit: Option<&str>, outcome: &str) {
        let mut body = json!({"outcome": outcome});
        if outcome == "failed" {
            body["error"] = json!("no money");
        }
        let (who, path) = match permit {
            Some(permit) => {
                body["permit"] = json!(permit);
                (Who::Agent, "/report")
            }
            None => (Who::Operator, "/resolve"),
        };
        let reply = self.world.post(who, &self.path(path), &body);
        match reply.status {
            200 => drop(self.note(&reply.json())),
            // It counted before, and the answer was lost.
            409 => assert_eq!(self.see()["status"], outcome),
            _ => panic!("{}", reply.text()),
        }
    }

    /// Calls it off, until somebody has listened.
    pub(crate) fn cancel(&mut self) {
        let reply = self.world.post(Who::Agent, &self.path("/cancel"), &json!({}));
        match reply.status {
            200 => drop(self.note(&reply.json())),
            409 => assert_eq!(self.see()["status"], "cancelled"),
            _ => panic!("{}", reply.text()),
        }
    }

    /// What one caller is answered who sends the same once, or twice at the same instant.
    fn at_once(&mut self, who: Who, path: &str, body: &Value) -> Vec<Reply> {
        let (world, count) = (self.world, 1 + self.random.below(2));
        std::thread::scope(|scope| {
            let sending = || scope.spawn(move || world.post(who, path, body));
            let sending: Vec<_> = (0..count).map(|_| sending()).collect();
            sending.into_iter().map(|sent| sent.join().unwrap()).collect()
        })
    }

    fn path(&self, below: &str) -> String {
        format!("/v1/executions/{}{below}", self.told.id)
    }
}
