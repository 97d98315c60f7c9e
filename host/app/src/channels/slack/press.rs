//! A press of a button, as Slack sends it.

use std::collections::HashMap;

use serde::Deserialize;
use writ_core::approval::Choice;

use super::message::{APPROVE, REASON, REJECT};

/// A press of one of this host's buttons.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Press {
    /// Whose: a Slack user's id.
    pub(super) user: String,
    pub(super) choice: Choice,
    pub(super) approval: String,
    pub(super) stage: usize,
    pub(super) reason: Option<String>,
    /// Where they are to be told what came of it.
    pub(super) response_url: String,
}

/// What is read of an interaction (`block_actions`).
#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: User,
    actions: Vec<Action>,
    #[serde(default)]
    state: State,
    #[serde(default)]
    response_url: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    value: String,
}

/// What the fields of the message hold: by block, then by the field's name.
#[derive(Default, Deserialize)]
struct State {
    #[serde(default)]
    values: HashMap<String, HashMap<String, Field>>,
}

#[derive(Deserialize)]
struct Field {
    value: Option<String>,
}

impl Press {
    /// Reads a form whose field `payload` is JSON; none where it is no press of one of this host's
    /// buttons.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (_, payload) = form_urlencoded::parse(body).find(|(name, _)| name == "payload")?;
        let payload: Payload = serde_json::from_str(&payload).ok()?;
        let Payload { kind, user, actions, state, response_url } = payload;
        let [Action { action_id, value }] = actions.as_slice() else { return None };
        let choice = match action_id.as_str() {
            APPROVE => Choice::Approve,
            REJECT => Choice::Reject,
            _ => return None,
        };
        let (approval, stage) = value.split_once(' ')?;
        let (approval, stage) = (approval.to_owned(), stage.parse().ok()?);
        let mut fields = state.values.into_values().filter_map(|mut block| block.remove(REASON));
        let reason = fields.next().and_then(|field| field.value);
        let user = user.id;
        (kind == "block_actions").then_some(Self {
            user,
            choice,
            approval,
            stage,
            reason,
            response_url,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: &Value) -> Option<Press> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        Press::read(form.append_pair("payload", &payload.to_string()).finish().as_bytes())
    }

    fn payload(action: &str, value: &str, reason: &Value) -> Value {
        json!({
            "type": "block_actions", "user": {"id": "U1", "name": "bob"}, "team": {"id": "T1"},
            "actions": [{"type": "button", "action_id": action, "value": value}],
            "state": {"values": {"x1": {"reason": {"type": "plain_text_input", "value": reason}}}},
            "response_url": "https://hooks.slack.com/actions/a",
        })
    }

    #[test]
    fn a_press_says_who_what_and_why() {
        let expected = Press {
            user: "U1".into(),
            choice: Choice::Reject,
            approval: "a".into(),
            stage: 1,
            reason: Some("no".into()),
            response_url: "https://hooks.slack.com/actions/a".into(),
        };
        assert_eq!(read(&payload("reject", "a 1", &json!("no"))), Some(expected));
        let unexplained = read(&payload("approve", "a 0", &Value::Null)).unwrap();
        assert_eq!((unexplained.choice, unexplained.reason), (Choice::Approve, None));
    }

    #[test]
    fn what_is_no_press_is_not_read() {
        for (action, value) in [("open", "a 0"), ("approve", "a"), ("approve", "a x"), ("", "a 0")]
        {
            assert_eq!(read(&payload(action, value, &Value::Null)), None, "{action} {value}");
        }
        let mut other = payload("approve", "a 0", &Value::Null);
        other["type"] = "view_submission".into();
        assert_eq!(read(&other), None);
        let mut two = payload("approve", "a 0", &Value::Null);
        two["actions"] = json!([two["actions"][0], two["actions"][0]]);
        assert_eq!(read(&two), None);
        for body in ["", "payload=", "payload=1", "payload=%7B%7D", "\u{0}"] {
            assert_eq!(Press::read(body.as_bytes()), None, "{body}");
        }
    }
}
