//! Who may answer, and what their answers do.

use serde_json::json;

use crate::world::{World, path, problem, question, text};

#[test]
fn the_policys_own_approvers_and_time_out_are_used() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    assert_eq!(asked["status"], "awaiting-approval");
    let approval = &asked["approvals"][0];
    assert_eq!(
        approval["requirement"]["stages"][0]["approvers"],
        json!(["user:Ann", "group:finance"])
    );
    let open =
        approval["expires_at_ms"].as_u64().unwrap() - approval["opened_at_ms"].as_u64().unwrap();
    assert_eq!(open, 3_600_000);
}

#[test]
fn who_is_not_asked_or_gives_no_reason_is_refused() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let yes = || json!({"decision": "approve", "reason": "seen"});
    // Eve is not asked, so she does not even learn that there is a question.
    assert_eq!(
        problem(&world.answer(&world.eve, &asked, yes())),
        (404, "no-such-execution".into())
    );
    // The operator sees it, and is not asked.
    let operator = world.server.key().to_owned();
    assert_eq!(problem(&world.answer(&operator, &asked, yes())), (403, "not-an-approver".into()));
    // Nobody answers in the name of another: the agent has no right to answer at all, and a body
    // that names somebody is no answer.
    let forged = json!({"decision": "approve", "reason": "seen", "approver": "user:ann"});
    let by_agent = world.answer(&world.agent, &asked, forged.clone());
    assert_eq!(problem(&by_agent), (403, "forbidden".into()));
    assert_eq!(problem(&world.answer(&world.eve, &asked, forged)), (400, "invalid-request".into()));
    let silent = json!({"decision": "approve"});
    assert_eq!(problem(&world.answer(&world.ann, &asked, silent)), (422, "reason-required".into()));
    assert_eq!(world.status(&asked), "awaiting-approval");
    // A member of the group, however it is spelled.
    assert_eq!(world.answer(&world.bob, &asked, yes()).status, 200);
    assert_eq!(world.status(&asked), "allowed");
}

#[test]
fn rejected_stays_rejected() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let no = json!({"decision": "reject", "reason": "no invoice"});
    assert_eq!(world.answer(&world.ann, &asked, no).status, 200);
    let yes = json!({"decision": "approve", "reason": "seen"});
    assert_eq!(problem(&world.answer(&world.bob, &asked, yes)), (409, "approval-ended".into()));
    assert_eq!(problem(&world.claim(&asked)), (409, "not-now".into()));
    assert_eq!(world.status(&asked), "rejected");
}

#[test]
fn an_answer_given_twice_counts_once() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (key, id) = (world.ann.clone(), text(&asked["approvals"][0]["id"]));
            let mut client = world.client(&key);
            std::thread::spawn(move || {
                let body = json!({"decision": "approve", "reason": "seen"}).to_string();
                client.post(&format!("/v1/approvals/{id}/decision"), &body).unwrap().status
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 200);
    }
    let seen = world.get(&world.agent, &path(&asked, ""));
    assert_eq!(seen["status"], "allowed");
    assert_eq!(seen["approvals"][0]["votes"].as_array().unwrap().len(), 1);
}

#[test]
fn an_answer_given_twice_does_not_answer_the_next_stage() {
    let twice = |action: &str, second: &str| {
        format!(
            "[[binding]]\nname = \"{action}\"\nsource = \"four-eyes.wasm\"\n\
             match = {{ action = \"{action}\" }}\nlimits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\n\
             [binding.settings.requirement]\nstages = [{{ approvers = [\"user:ann\"] }}, \
             {{ approvers = [\"{second}\"] }}]\n"
        )
    };
    let world = World::with(&(twice("same", "user:ann") + &twice("other", "group:finance")), "");
    let yes = || json!({"decision": "approve"});
    for (action, again) in [("same", 428), ("other", 200)] {
        let asked = world.ask(action, 50);
        let first = world.answer(&world.ann, &asked, yes());
        assert_eq!((first.status, &first.json()["stage"]), (200, &json!(1)), "{}", first.text());
        let second = world.answer(&world.ann, &asked, yes());
        assert_eq!(second.status, again, "{}", second.text());
        let seen = world.get(&world.agent, &path(&asked, ""));
        assert_eq!(seen["approvals"][0]["votes"].as_array().unwrap().len(), 1, "{seen}");
        if action == "same" {
            assert_eq!(problem(&second), (428, "precondition-required".into()));
            let approval = text(&asked["approvals"][0]["id"]);
            let place = format!("/v1/approvals/{approval}/decision");
            let tag = first.header("etag").unwrap();
            let mut client = world.client(&world.ann);
            let reply = client.post_with(&place, &[("If-Match", tag)], &yes().to_string()).unwrap();
            assert_eq!(reply.json()["state"], "approved", "{}", reply.text());
            let lost = client.post_with(&place, &[("If-Match", tag)], &yes().to_string()).unwrap();
            assert_eq!((lost.status, &lost.json()["state"]), (200, &json!("approved")));
        }
    }
}

#[test]
fn what_is_called_off_twice_is_called_off() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let cancel = || world.post(&world.agent, &path(&asked, "/cancel"), &json!({"reason": "late"}));
    let (first, again) = (cancel(), cancel());
    assert_eq!((again.status, again.json()), (200, first.json()), "the answer may have been lost");
}

#[test]
fn who_has_seen_an_earlier_version_is_told_so() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let approval = text(&asked["approvals"][0]["id"]);
    let body = json!({"decision": "approve", "reason": "seen"}).to_string();
    let decide = |tag: &str| {
        let mut client = world.client(&world.ann);
        let path = format!("/v1/approvals/{approval}/decision");
        client.post_with(&path, &[("If-Match", tag)], &body).unwrap()
    };
    assert_eq!(problem(&decide("\"0\"")), (412, "changed".into()));
    assert_eq!(problem(&decide("W/x")), (412, "changed".into()));
    let version = asked["version"].as_u64().unwrap();
    assert_eq!(decide(&format!("\"{version}\"")).status, 200);
}

#[test]
fn people_see_what_asks_them_and_nothing_else() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let mine = |key: &str| world.get(key, "/v1/approvals")["items"].as_array().unwrap().len();
    assert_eq!((mine(&world.ann), mine(&world.bob), mine(&world.eve)), (1, 1, 0));
    let everybodys = world.client(&world.ann).get("/v1/approvals?view=pending").unwrap();
    assert_eq!(problem(&everybodys), (403, "forbidden".into()));
    world.approve(&asked);
    assert_eq!(mine(&world.ann), 0);
    let answered = |key: &str| world.get(key, "/v1/approvals?view=answered")["items"].clone();
    let by_ann = answered(&world.ann);
    assert_eq!(
        (&by_ann[0]["id"], &by_ann[0]["state"]),
        (&asked["approvals"][0]["id"], &json!("approved"))
    );
    assert_eq!((answered(&world.eve), by_ann.as_array().map(Vec::len)), (json!([]), Some(1)));
    let history = world.get(world.server.key(), "/v1/approvals?view=history");
    assert_eq!(history["items"][0]["state"], "approved");
    assert_eq!(history["items"][0]["execution"]["id"], asked["id"]);
}

#[test]
fn nobody_decides_about_their_own_action() {
    let world = World::new();
    // Ann's own agent acts in her name.
    let body = json!({"name": "ann's", "roles": ["agent"]});
    let reply = world.post(world.server.key(), "/v1/keys", &body);
    let key = text(&reply.json()["key"]);
    let mut question = question("pay", 500);
    question["subject"] = json!({"type": "user", "id": "ann"});
    let asked = world.post(&key, "/v1/executions", &question).json();
    let yes = json!({"decision": "approve", "reason": "mine"});
    assert_eq!(
        problem(&world.answer(&world.ann, &asked, yes.clone())),
        (403, "self-approval".into())
    );
    question["subject"]["id"] = json!(" ann\u{200b}");
    let asked = world.post(&key, "/v1/executions", &question).json();
    assert_eq!(problem(&world.answer(&world.ann, &asked, yes)), (403, "self-approval".into()));
}

#[test]
fn how_long_people_took_is_counted_once_however_they_ended() {
    let world = World::new();
    world.approve(&world.ask("pay", 500));
    let slow = world.ask("slow", 500);
    world.until_status(&slow, "expired");
    let called_off = world.ask("pay", 600);
    world.post(&world.agent, &path(&called_off, "/cancel"), &json!({}));
    let waiting = world.ask("pay", 700);
    assert_eq!(waiting["status"], "awaiting-approval");
    let page = world.server.client().get("/metrics").unwrap();
    for (action, count) in [("pay", 2), ("slow", 1)] {
        let line =
            format!("approval_duration_seconds_count{{function_name=\"{action}\"}} {count}\n");
        assert!(page.text().contains(&line), "{line}{}", page.text());
    }
}
