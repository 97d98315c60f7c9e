//! What is asked: a tool call of an agent, as an AuthZEN request.
#![allow(dead_code)]

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Subjects in whose name one connection asks, none of them in another's.
const SUBJECTS: u64 = 250;

/// Whether a question was asked before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Always the same.
    Same,
    /// Never the same, in the name of many subjects.
    Varying,
}

/// A request's body with two places that vary.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    body: Vec<u8>,
    subject_at: usize,
    argument_at: usize,
    asker: u64,
    /// Unlike in any run before, because a server remembers.
    first: u64,
}

impl Template {
    /// The questions of one asker, each about an action.
    pub(crate) fn new(asker: u64, action: &str) -> Self {
        let body = serde_json::json!({
            "subject": {
                "type": "agent",
                "id": "agent-0000000000",
                "properties": {"team": "payments"},
            },
            "action": {
                "name": action,
                "properties": {
                    "path": "/reports/0000000000.pdf",
                    "note": "The statement of the last quarter, as the customer asked for it.",
                    "pages": [1, 2, 3],
                    "options": {"format": "text", "limit": 4_096},
                },
            },
            "resource": {
                "type": "file",
                "id": "report",
                "properties": {"owner": "finance", "class": "internal"},
            },
            "context": {"session": "7d3f", "channel": "chat"},
        });
        let body = body.to_string();
        let at = |text: &str| body.find(text).expect("the body holds it") + text.len();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        Self {
            subject_at: at("agent-"),
            argument_at: at("/reports/"),
            body: body.into_bytes(),
            asker,
            first: since.as_nanos() as u64 / 100 + asker * 1_000_000_000,
        }
    }

    /// Makes it a question that nobody has asked.
    pub(crate) fn vary(&mut self, turn: u64) {
        let subject = self.asker * SUBJECTS + turn % SUBJECTS;
        digits(&mut self.body[self.subject_at..], subject);
        digits(&mut self.body[self.argument_at..], self.first + turn);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.body
    }
}

/// Ten decimal digits.
fn digits(at: &mut [u8], mut number: u64) {
    for digit in at[..10].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
