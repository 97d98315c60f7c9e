//! AgentDojo's banking tasks, replayed: every call of a task is put to a running server.
//!
//! It shows what a policy set would have done to an agent that did exactly what the task's ground
//! truth says. It runs no model and no tool, and it knows nothing of the policies.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use writ_testkit::http::Client;

/// The customer's account, on which all tools work.
const ACCOUNT: &str = "DE89370400440532013000";

/// What is read of the data file.
#[derive(Debug, Deserialize)]
pub(crate) struct Suite {
    /// In the order of the file: user tasks first.
    pub(crate) tasks: Vec<Task>,
}

/// What somebody wants the agent to do, and the calls that do it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Task {
    /// Who wants it.
    pub(crate) kind: Kind,
    /// Its name, such as `user_task_0`.
    #[serde(rename = "task")]
    pub(crate) name: String,
    /// What is wanted, in words; policies never see it.
    pub(crate) goal: String,
    /// The ground truth.
    pub(crate) calls: Vec<Call>,
}

/// Who wants a task done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The customer.
    User,
    /// An attacker, by a text that the agent reads on the way.
    Injection,
}

/// A tool and its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    /// The tool's name.
    pub(crate) tool: String,
    /// As its schema says.
    pub(crate) arguments: Map<String, Value>,
}

/// A call and what the server said.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The tool's name.
    pub(crate) tool: String,
    /// The verdict of the policy set.
    pub(crate) outcome: Outcome,
}

/// What the server said to one call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The call goes on.
    Permitted,
    /// The call goes on once people have agreed; what they are asked.
    AsksPeople(Vec<String>),
    /// The call does not go on; the reason.
    Denied(String),
}

impl Suite {
    /// The tasks that ship with this example.
    ///
    /// # Errors
    /// Where the data file is not what it was.
    pub(crate) fn shipped() -> anyhow::Result<Self> {
        serde_json::from_str(include_str!("agentdojo-banking.json")).context("the data file")
    }
}

impl Call {
    /// The call as AuthZEN asks it: the agent wants to use a tool, with its arguments, on an
    /// account. Nothing says which task it belongs to, or who is behind it.
    pub(crate) fn request(&self) -> Value {
        json!({
            "subject": {"type": "agent", "id": "banking-assistant"},
            "action": {"name": self.tool, "properties": self.arguments},
            "resource": {"type": "account", "id": ACCOUNT},
        })
    }
}

impl Outcome {
    /// Reads the answer to one evaluation (AuthZEN 1.0); what Writ says beside the decision is in
    /// its `context`. None: it is no decision.
    fn read(answer: &Value) -> Option<Self> {
        if answer.get("decision")?.as_bool()? {
            return Some(Self::Permitted);
        }
        let context = answer.get("context")?;
        if context["code"] != "approval-required" {
            return Some(Self::Denied(context["reason"].as_str()?.to_owned()));
        }
        let title = |requirement: &Value| requirement["title"].as_str().map(str::to_owned);
        let titles = context["requirements"].as_array()?.iter().map(title);
        titles.collect::<Option<_>>().map(Self::AsksPeople)
    }
}

/// Puts every call of a task to the server, also those after a denial.
///
/// # Errors
/// Where the server does not answer, or answers with anything but a decision.
pub(crate) fn replay(client: &mut Client, task: &Task) -> anyhow::Result<Vec<Answered>> {
    let ask = |call: &Call| {
        let reply = client.post("/access/v1/evaluation", &call.request().to_string())?;
        let outcome = Outcome::read(&serde_json::from_slice(&reply.body)?)
            .with_context(|| format!("{} is no decision: {}", reply.status, reply.text()))?;
        Ok(Answered { tool: call.tool.clone(), outcome })
    };
    task.calls.iter().map(ask).collect()
}

/// Whether a task goes through and nobody is asked: each of its calls is permitted.
pub(crate) fn goes_through(answered: &[Answered]) -> bool {
    answered.iter().all(|call| call.outcome == Outcome::Permitted)
}
