//! A server with a channel of kind `slack`, and Slack: it keeps what is posted to it, and sends
//! presses of buttons as it does.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use writ_testkit::http::Reply;

use crate::receiver::Receiver;
use crate::world::{World, path};

pub(crate) const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
pub(crate) const ANN: &str = "U1ANN";
pub(crate) const BOB: &str = "U2BOB";
pub(crate) const CID: &str = "U3CID";
pub(crate) const STRANGER: &str = "U9STRANGER";

const CHANNEL: &str = r#"
[[channel]]
name = "payments"
kind = "slack"
events = ["approval.*"]
url-file = "webhook"
secret-file = "secret"
backoff-ms = 10
timeout-ms = 2000

[channel.people]
U1ANN = "user:ann"
U2BOB = "user:bob"
U3CID = "user:cid"

[channel.groups]
"group:finance" = ["user:Bob"]
"#;

pub(crate) fn world(slack: &Receiver) -> World {
    let webhook = format!("http://{}/services/T1/B1/secret\n", slack.address);
    World::with_files(CHANNEL, &[("secret", SECRET), ("webhook", &webhook)])
}

/// What was posted as the `place`th, from 0.
pub(crate) fn posted(slack: &Receiver, place: usize) -> Value {
    slack.wait_for(place + 1)[place].json()
}

/// The buttons of a message, by the name of what they do.
pub(crate) fn buttons(message: &Value) -> Vec<(String, String)> {
    let blocks = message["blocks"].as_array().unwrap();
    let elements = blocks.iter().filter(|block| block["type"] == "actions");
    let elements = elements.flat_map(|block| block["elements"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    elements.map(|button| (text(&button["action_id"]), text(&button["value"]))).collect()
}

/// What Slack sends when somebody presses the button of a message that does something.
pub(crate) fn press(
    slack: &Receiver,
    message: &Value,
    user: &str,
    action: &str,
    reason: &str,
) -> String {
    let (_, value) = buttons(message).into_iter().find(|(name, _)| name == action).unwrap();
    let reason = if reason.is_empty() { Value::Null } else { reason.into() };
    form(&json!({
        "type": "block_actions",
        "user": {"id": user, "name": "ann", "username": "ann"},
        "actions": [{"type": "button", "action_id": action, "value": value}],
        "state": {"values": {"b1": {"reason": {"type": "plain_text_input", "value": reason}}}},
        "response_url": format!("http://{}/actions/T1/1/x", slack.address),
    }))
}

pub(crate) fn form(payload: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string()).finish()
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn signature(secret: &str, at_s: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{at_s}:{body}").as_bytes());
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("v0={}", digits.collect::<String>())
}

/// Sends a press as Slack does.
pub(crate) fn send(world: &World, body: &str) -> Reply {
    let at_s = now_s();
    send_signed(world, "payments", at_s, &signature(SECRET, at_s, body), body)
}

pub(crate) fn send_signed(
    world: &World,
    channel: &str,
    at_s: u64,
    signature: &str,
    body: &str,
) -> Reply {
    let mut client = world.server.client().without_key();
    let path = format!("/v1/channels/{channel}/slack");
    let head = format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         X-Slack-Request-Timestamp: {at_s}\r\nX-Slack-Signature: {signature}\r\n",
        client.head("POST", &path),
        body.len()
    );
    client.send(&head, body.as_bytes()).unwrap()
}

pub(crate) fn votes(world: &World, asked: &Value) -> Value {
    let votes = &world.get(&world.agent, &path(asked, ""))["approvals"][0]["votes"];
    let votes = votes.as_array().unwrap();
    votes.iter().map(|vote| json!([vote["approver"], vote["decision"], vote["reason"]])).collect()
}
