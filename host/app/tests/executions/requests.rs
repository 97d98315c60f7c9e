//! Denials that are put to people (AuthZEN Access Request and Approval Profile, draft 1).

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use writ_testkit::http::Reply;

use crate::world::{World, question, text};

const EVALUATION: &str = "/access/v1/evaluation";
const REQUESTS: &str = "/access/v1/requests";

/// A payment in a session.
fn payment(amount: u64) -> Value {
    let mut question = question("pay", amount);
    question["context"] = json!({"session": "s1"});
    question
}

impl World {
    fn evaluate(&self, question: &Value) -> Value {
        let reply = self.post(&self.agent, EVALUATION, question);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// Puts a question to people, as it was denied.
    fn submit(&self, question: &Value) -> Reply {
        let submission = submission(question, &self.evaluate(question));
        self.post(&self.agent, REQUESTS, &submission)
    }

    /// A task for which Ann has been asked.
    fn task(&self, question: &Value) -> Value {
        let reply = self.submit(question);
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply.json()["task"].clone()
    }

    fn follow(&self, task: &Value) -> Value {
        self.get(&self.agent, &format!("{REQUESTS}/{}", text(&task["id"])))
    }

    /// A task that Ann has agreed to: the approval.
    fn approved(&self, question: &Value) -> Value {
        let task = self.task(question);
        let path = format!("/v1/executions/{}", text(&task["id"]));
        self.approve(&self.get(&self.agent, &path));
        self.follow(&task)["result"]["approval"].clone()
    }
}

fn submission(question: &Value, denied: &Value) -> Value {
    let mut submission = question.clone();
    submission["context"]["business_justification"] = json!("the rent is due");
    submission["denial"] = json!({
        "evaluation_id": denied["context"]["evaluation_id"],
        "expires_at": denied["context"]["access_request"]["expires_at"],
        "binding_token": denied["context"]["access_request"]["binding_token"],
    });
    submission
}

fn with_approval(question: &Value, approval: &Value) -> Value {
    let mut question = question.clone();
    question["context"]["approval"] = approval.clone();
    question
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let kind = format!("urn:openid:authzen:access-request:error:{code}");
    assert_eq!((reply.status, &reply.json()["type"]), (status, &json!(kind)), "{}", reply.text());
}

#[track_caller]
fn unapproved(answer: &Value, reason: &str, next: &str) {
    let context = &answer["context"];
    let seen = (&answer["decision"], &context["reason"], &context["next_action"]);
    assert_eq!(seen, (&json!(false), &json!(reason), &json!(next)), "{answer}");
}

#[test]
fn a_denial_that_people_agree_to_is_a_yes_once() {
    let world = World::new();
    let question = payment(500);
    let reply = world.submit(&question);
    assert_eq!((reply.status, reply.header("retry-after")), (202, Some("5")));
    let task = reply.json()["task"].clone();
    assert_eq!(reply.header("location"), task["status_endpoint"].as_str());
    assert_eq!((&task["status"], &task["display"]["title"]), (&json!("pending"), &json!("Pay")));
    let early = with_approval(&question, &json!({"id": task["id"]}));
    unapproved(&world.evaluate(&early), "approval_pending", "retry");

    let path = format!("/v1/executions/{}", text(&task["id"]));
    world.approve(&world.get(&world.agent, &path));
    let approved = world.follow(&task);
    assert_eq!(approved["task"]["status"], "approved");
    assert_eq!(approved["result"]["mode"], "reevaluate");

    let again = with_approval(&question, &approved["result"]["approval"]);
    let yes = world.evaluate(&again);
    assert_eq!((&yes["decision"], &yes["context"]["code"]), (&json!(true), &json!("approved")));
    let used = world.evaluate(&again);
    unapproved(&used, "approval_used", "request");
    assert!(used["context"]["access_request"]["binding_token"].is_string(), "{used}");
    let report = json!({"permit": yes["context"]["permit"], "outcome": "succeeded"});
    assert_eq!(world.post(&world.agent, &format!("{path}/report"), &report).status, 200);
    let used = world.follow(&task);
    assert_eq!(used["task"]["status"], "approved", "it stays approved");
    let approval = &used["result"]["approval"];
    assert_eq!(approval["approved_until"], approval["approved_at"], "and is of no more use");
}

#[test]
fn of_many_who_ask_with_one_approval_one_is_told_yes() {
    let world = World::new();
    let question = payment(500);
    let body = with_approval(&question, &world.approved(&question)).to_string();
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (mut client, body) = (world.client(&world.agent), body.clone());
            std::thread::spawn(move || client.post(EVALUATION, &body).unwrap().json())
        })
        .collect();
    let answers = threads.into_iter().map(|thread| thread.join().unwrap());
    assert_eq!(answers.filter(|answer| answer["decision"] == true).count(), 1);
}

#[test]
fn an_approval_is_for_the_question_that_was_denied() {
    let world = World::new();
    let question = payment(500);
    let approval = world.approved(&question);
    let ask = |question: &Value| world.evaluate(&with_approval(question, &approval));
    unapproved(&ask(&payment(999_999)), "out_of_scope", "none");
    unapproved(&ask(&payment(501)), "out_of_scope", "request");
    let mut elsewhere = question.clone();
    elsewhere["context"]["session"] = json!("s2");
    unapproved(&ask(&elsewhere), "out_of_scope", "request");
    let mut more = question.clone();
    more["context"]["to"] = json!("mallory");
    unapproved(&ask(&more), "out_of_scope", "request");
    let unknown = with_approval(&question, &json!({"id": "none"}));
    unapproved(&world.evaluate(&unknown), "approval_unverifiable", "none");
    // What goes on anyway needs no approval.
    assert_eq!(ask(&payment(20))["decision"], true);
    assert_eq!(ask(&question)["decision"], true, "nothing of this has used it");
}

#[test]
fn another_agents_approval_is_none() {
    let world = World::new();
    let question = payment(500);
    let approval = world.approved(&question);
    let body = json!({"name": "other", "roles": ["agent"]});
    let other = text(&world.post(world.server.key(), "/v1/keys", &body).json()["key"]);
    let answer = world.post(&other, EVALUATION, &with_approval(&question, &approval)).json();
    unapproved(&answer, "approval_unverifiable", "none");
    let task = format!("{REQUESTS}/{}", text(&approval["id"]));
    refused(&world.client(&other).get(&task).unwrap(), 404, "unknown_task");
}

#[test]
fn what_was_not_denied_is_put_to_nobody() {
    let world = World::new();
    let question = payment(500);
    let denied = world.evaluate(&question);
    let good = submission(&question, &denied);
    let check = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        refused(&world.post(&world.agent, REQUESTS, &body), 400, "invalid_denial_binding");
    };
    check(&|body| body["action"]["properties"]["amount"] = json!(999_999));
    check(&|body| body["context"]["session"] = json!("s2"));
    check(&|body| body["denial"]["expires_at"] = json!("2999-01-01T00:00:00Z"));
    check(&|body| body["denial"]["evaluation_id"] = json!("another"));
    check(&|body| body["denial"]["binding_token"] = json!("a.b.c"));
    let other = submission(&payment(600), &denied);
    refused(&world.post(&world.agent, REQUESTS, &other), 400, "invalid_denial_binding");
    for (member, value) in [("items", json!([])), ("callback", json!({}))] {
        let mut body = good.clone();
        body[member] = value;
        let reply = world.post(&world.agent, REQUESTS, &body);
        assert_eq!(reply.json()["pointer"], format!("/{member}"), "{}", reply.text());
    }
    assert_eq!(world.post(&world.agent, REQUESTS, &good).status, 202);
    // A denial that people cannot change is not put to them.
    let denied = world.evaluate(&payment(60_000));
    assert_eq!(denied["context"]["access_request"], Value::Null, "{denied}");
}

#[test]
fn a_denial_makes_one_task() {
    let world = World::new();
    let question = payment(500);
    let body = submission(&question, &world.evaluate(&question));
    let submit = |body: &Value| world.post(&world.agent, REQUESTS, body);
    let (first, again) = (submit(&body).json(), submit(&body).json());
    assert_eq!(first["task"]["id"], again["task"]["id"]);
    let mut other = body;
    other["context"]["business_justification"] = json!("on second thoughts");
    refused(&submit(&other), 409, "duplicate_request");
}

#[test]
fn a_denial_makes_one_task_whatever_keys_it_is_sent_under() {
    let world = World::new();
    let question = payment(500);
    let body = submission(&question, &world.evaluate(&question));
    let submit = |key: &str, body: &Value| {
        let headers = [("Idempotency-Key", key)];
        let mut client = world.client(&world.agent);
        client.post_with(REQUESTS, &headers, &body.to_string()).unwrap()
    };
    let threads: Vec<_> = (0..8)
        .map(|turn| {
            let (mut client, body) = (world.client(&world.agent), body.to_string());
            let key = format!("k{turn}");
            std::thread::spawn(move || {
                client.post_with(REQUESTS, &[("Idempotency-Key", &key)], &body).unwrap().json()
            })
        })
        .collect();
    let mut tasks: Vec<_> =
        threads.into_iter().map(|thread| text(&thread.join().unwrap()["task"]["id"])).collect();
    tasks.dedup();
    assert_eq!(tasks.len(), 1);
    assert_eq!(submit("k9", &body).json()["task"]["id"], tasks[0]);
    let mut other = body.clone();
    other["context"]["business_justification"] = json!("on second thoughts");
    refused(&submit("k10", &other), 409, "duplicate_request");
    // What is somebody else's is told to nobody.
    let named = json!({"name": "other", "roles": ["agent"]});
    let stranger = text(&world.post(world.server.key(), "/v1/keys", &named).json()["key"]);
    refused(&world.post(&stranger, REQUESTS, &body), 409, "duplicate_request");
    let all = world.get(world.server.key(), "/v1/executions");
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
}

#[test]
fn a_task_ends_once() {
    let world = World::new();
    let cancel = |task: &Value, body: &str| {
        let path = format!("{REQUESTS}/{}/cancel", text(&task["id"]));
        world.client(&world.agent).post(&path, body).unwrap()
    };
    let first = world.task(&payment(500));
    let body = json!({"reason": "changed_plans", "comment": "no longer needed"}).to_string();
    assert_eq!(cancel(&first, &body).json()["task"]["status"], "cancelled");
    refused(&cancel(&first, "{}"), 409, "invalid_task_state");

    let second = world.task(&payment(501));
    let execution = world.get(&world.agent, &format!("/v1/executions/{}", text(&second["id"])));
    let no = json!({"decision": "reject", "reason": "no"});
    assert_eq!(world.answer(&world.ann, &execution, no).status, 200);
    assert_eq!(world.follow(&second)["task"]["status"], "denied");
    let with = with_approval(&payment(501), &json!({"id": second["id"]}));
    unapproved(&world.evaluate(&with), "approval_expired", "request");

    let plain = world.ask("pay", 500);
    let path = format!("{REQUESTS}/{}", text(&plain["id"]));
    let reply = world.client(&world.agent).get(&path).unwrap();
    refused(&reply, 404, "unknown_task");
}

#[test]
fn whoever_reads_the_published_keys_can_check_a_denial() {
    let world = World::new();
    let denied = world.evaluate(&payment(500));
    let token = text(&denied["context"]["access_request"]["binding_token"]);
    let mut client = world.server.client().without_key();
    let discovered = client.get("/.well-known/authzen-configuration").unwrap().json();
    let base = format!("http://{}", world.server.address());
    assert_eq!(discovered["access_request_endpoint"], format!("{base}{REQUESTS}"));
    let keys = text(&discovered["jwks_uri"]);
    let keys = client.get(keys.strip_prefix(&base).unwrap()).unwrap();
    let keys: JwkSet = serde_json::from_str(keys.text()).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_aud = false;
    let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(claims["binding_context_members"], json!(["session"]));
    assert_eq!(claims["evaluation_id"], denied["context"]["evaluation_id"]);
}
