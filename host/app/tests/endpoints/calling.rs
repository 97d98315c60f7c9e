//! What is sent, and what an answer makes of an execution.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::Paid;
use crate::receiver::{Answer, Receiver, SECRET};
use crate::world::{World, path, problem, question, text};

#[test]
fn what_is_allowed_is_sent_once_signed_and_its_answer_is_the_result() {
    let paid = Paid::new("", |_, _| Answer::Body(r#"{"receipt": 7}"#));
    let asked = paid.ask(50);
    let done = paid.world.until_status(&asked, "succeeded");
    assert_eq!(done["result"], json!({"receipt": 7}));
    let [seen] = &paid.receiver.wait_for(1)[..] else { panic!("one effect, one call") };
    Webhook::new(SECRET).unwrap().verify(&seen.body, &seen.headers).unwrap();
    let id = text(&asked["id"]);
    assert_eq!(seen.path, "/charge");
    assert_eq!(seen.header("webhook-id"), id);
    assert_eq!(seen.header("idempotency-key"), format!("\"{id}\""));
    let body = seen.json();
    assert_eq!(body["id"], asked["id"]);
    assert_eq!(body["digest"], asked["digest"]);
    assert_eq!(body["action"], json!({"name": "pay", "properties": {"amount": 50}}));
    assert_eq!(body["subject"]["id"], "shop");
}

#[test]
fn what_people_must_agree_to_is_sent_when_they_have() {
    let paid = Paid::new("", |_, _| Answer::Status(204));
    let asked = paid.ask(500);
    assert_eq!(asked["status"], "awaiting-approval");
    assert_eq!(paid.receiver.count(), 0);
    paid.world.approve(&asked);
    assert_eq!(paid.world.until_status(&asked, "succeeded")["result"], Value::Null);
    assert_eq!(paid.receiver.count(), 1);
    assert_eq!(paid.receiver.wait_for(1)[0].json()["action"]["properties"]["amount"], 500);
}

#[test]
fn what_an_endpoint_refuses_has_failed_and_is_not_sent_again() {
    let paid = Paid::new("", |_, _| Answer::Status(422));
    let failed = paid.world.until_status(&paid.ask(50), "failed");
    assert!(text(&failed["error"]).contains("422"), "{failed}");
    assert_eq!(paid.receiver.count(), 1);
}

#[test]
fn what_an_endpoint_may_have_done_though_it_answers_otherwise_is_unknown() {
    let answers: [(fn() -> Answer, _); 2] = [
        (|| Answer::Status(408), "408"),
        (|| Answer::Redirect("http://127.0.0.1:1/".into()), "307"),
    ];
    for (answer, told) in answers {
        let paid = Paid::new("", move |_, _| answer());
        let unknown = paid.world.until_status(&paid.ask(50), "unknown");
        assert!(text(&unknown["error"]).contains(told), "{unknown}");
        assert_eq!(paid.receiver.count(), 1);
    }
}

#[test]
fn whoever_asks_must_name_what_the_endpoint_takes() {
    let paid = Paid::new("", |_, _| Answer::Status(204));
    let mut body = question("pay", 50);
    body["tool"] = "refund".into();
    let reply = paid.world.post(&paid.world.agent, "/v1/executions", &body);
    assert_eq!(problem(&reply).0, 422);
    let asked = paid.ask(500);
    let claim = paid.world.post(
        &paid.world.agent,
        &path(&asked, "/claim"),
        &json!({"digest": asked["digest"]}),
    );
    assert_eq!(claim.status, 409, "the host calls it, and nobody else: {}", claim.text());
}

#[test]
fn what_a_policy_makes_of_the_arguments_must_fit_the_schema_too() {
    let receiver = Receiver::start(|_, _| Answer::Status(204));
    let more = receiver.endpoint("pay")
        + r#"input-schema = "charge.json"

[[binding]]
name = "tidy"
source = "builtin:redact"
[binding.settings]
redactions = [{ name = "payees", path = "/payee", find = "email" }]
"#;
    let schema = r#"{"required": ["amount"], "properties": {"payee": {"pattern": "@"}}}"#;
    let world = World::with_files(&more, &[("secret", SECRET), ("charge.json", schema)]);
    let mut body = question("pay", 50);
    body["tool"] = "pay".into();
    body["action"]["properties"]["payee"] = "ann@example.org".into();
    let reply = world.post(&world.agent, "/v1/executions", &body);
    assert!(reply.status < 300, "{}", reply.text());
    let failed = world.until_status(&reply.json(), "failed");
    assert!(text(&failed["error"]).contains("/payee"), "{failed}");
    assert_eq!(receiver.count(), 0, "nothing was sent");
}
