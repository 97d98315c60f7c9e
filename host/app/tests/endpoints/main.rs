//! Endpoints: the host calls them once, and again only where that can do no harm.
#![allow(missing_docs, clippy::unwrap_used)]

mod calling;
mod giving_up;
#[allow(dead_code, reason = "a part of it is for channels")]
#[path = "../channels/receiver.rs"]
mod receiver;
#[allow(dead_code, reason = "a part of it is for executions")]
#[path = "../executions/world.rs"]
mod world;

use serde_json::Value;

use receiver::{Answer, Receiver, SECRET, Seen};
use world::{World, path, question, text};

/// A server with an endpoint `pay`, and who listens there.
struct Paid {
    world: World,
    receiver: Receiver,
}

impl Paid {
    /// `more` is added to the endpoint's configuration.
    fn new(more: &str, answer: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        let receiver = Receiver::start(answer);
        let world = World::with(&(receiver.endpoint("pay") + more), SECRET);
        Self { world, receiver }
    }

    /// The agent asks for a payment by the endpoint.
    fn ask(&self, amount: u64) -> Value {
        let mut body = question("pay", amount);
        body["tool"] = "pay".into();
        let reply = self.world.post(&self.world.agent, "/v1/executions", &body);
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()
    }

    /// The kinds of events of an execution, in order.
    fn events(&self, execution: &Value) -> Vec<String> {
        let events = self.world.get(&self.world.agent, &path(execution, "/events"));
        let events = events["items"].as_array().unwrap().clone();
        events.iter().map(|event| text(&event["kind"])).collect()
    }
}
