//! What links do, and what they do not.

use std::thread;

use serde_json::{Value, json};

use crate::relay::Relay;
use crate::site::{browser, open, send, send_by, world};
use crate::world::{World, path};

const APPROVE: &str = "decision=approve&reason=seen";

/// An execution that waits, and the links of those who are asked: Ann's and Bob's.
fn asked(world: &World, relay: &Relay) -> (Value, [String; 2]) {
    let asked = world.ask("pay", 500);
    let letters = relay.wait_for(2);
    let to: Vec<_> = letters.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(to, ["ann@example.com", "bob@example.com"]);
    (asked, [letters[0].link(), letters[1].link()])
}

fn votes(world: &World, asked: &Value) -> Value {
    let votes = &world.get(&world.agent, &path(asked, ""))["approvals"][0]["votes"];
    let votes = votes.as_array().unwrap();
    votes.iter().map(|vote| json!([vote["approver"], vote["decision"], vote["reason"]])).collect()
}

#[test]
fn opening_a_link_decides_nothing_however_often() {
    let relay = Relay::content();
    let world = world(&relay);
    let (asked, [ann, _]) = asked(&world, &relay);
    for _ in 0..3 {
        let page = open(&world, &ann);
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("You are asked as <strong>ann</strong>"), "{}", page.text());
        assert!(page.text().contains("<strong>Pay</strong>"), "{}", page.text());
        assert!(!page.text().contains("<script"), "{}", page.text());
        for shown in ["&quot;amount&quot;: 500", "<dd>account main</dd>", "<dd>shop</dd>"] {
            assert!(page.text().contains(shown), "{shown}: {}", page.text());
        }
        let header = |name: &str| page.header(name).unwrap_or_default().to_owned();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "same-origin");
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
    }
    assert_eq!(world.status(&asked), "awaiting-approval");
    assert_eq!(votes(&world, &asked), json!([]));
}

#[test]
fn a_form_answers_as_the_person_whose_letter_it_was_and_once() {
    let relay = Relay::content();
    let world = world(&relay);
    let (asked, [ann, bob]) = asked(&world, &relay);
    let counted = send(&world, &bob, "decision=approve&reason=known+payee");
    assert_eq!(counted.status, 200, "{}", counted.text());
    assert!(counted.text().contains("you have approved it"), "{}", counted.text());
    assert_eq!(votes(&world, &asked), json!([["user:Bob", "approve", "known payee"]]));
    assert_eq!(world.status(&asked), "allowed");
    for form in [APPROVE, "decision=reject&reason=no"] {
        let again = send(&world, &bob, form);
        assert_eq!(again.status, 410);
        assert!(again.text().contains("answered this question already"), "{}", again.text());
        let late = send(&world, &ann, form);
        assert_eq!(late.status, 410);
        assert!(late.text().contains("no longer asked"), "{}", late.text());
    }
    assert_eq!(open(&world, &bob).status, 410);
    assert_eq!(open(&world, &ann).status, 410);
    assert_eq!(votes(&world, &asked).as_array().unwrap().len(), 1);
}

#[test]
fn a_required_reason_is_asked_for_and_the_link_stays_good() {
    let relay = Relay::content();
    let world = world(&relay);
    let (asked, [ann, _]) = asked(&world, &relay);
    for form in ["decision=reject", "decision=reject&reason=", "decision=reject&reason=+"] {
        let page = send(&world, &ann, form);
        assert_eq!(page.status, 422, "{}", page.text());
        assert!(page.text().contains("must give a reason") && page.text().contains("<form"));
    }
    let long = format!("decision=reject&reason={}", "x".repeat(2_001));
    assert_eq!(send(&world, &ann, &long).status, 422);
    assert_eq!(votes(&world, &asked), json!([]));
    let odd = "decision=reject&reason=%3Cscript%3E+%26+%22";
    assert_eq!(send(&world, &ann, odd).status, 200);
    assert_eq!(votes(&world, &asked), json!([["user:ann", "reject", "<script> & \""]]));
    assert_eq!(world.status(&asked), "rejected");
}

#[test]
fn two_answers_at_once_are_one_vote() {
    let relay = Relay::content();
    let world = world(&relay);
    let (asked, [ann, _]) = asked(&world, &relay);
    let mut clients: Vec<_> = (0..8).map(|_| browser(&world)).collect();
    let statuses: Vec<_> = thread::scope(|scope| {
        let send = |(at, client)| {
            let form = if at % 2 == 0 { APPROVE } else { "decision=reject&reason=no" };
            scope.spawn({
                let ann = &ann;
                move || send_by(client, ann, form).status
            })
        };
        let sent: Vec<_> = clients.iter_mut().enumerate().map(send).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 410].contains(status)), "{statuses:?}");
    assert_eq!(votes(&world, &asked).as_array().unwrap().len(), 1);
}

#[test]
fn a_link_ends_with_what_it_asks_and_survives_a_crash_until_then() {
    let relay = Relay::content();
    let mut world = world(&relay);
    let (asked, [ann, _]) = asked(&world, &relay);
    world.server.kill();
    world.server.restart();
    assert_eq!(open(&world, &ann).status, 200);
    let cancel = world.post(&world.agent, &path(&asked, "/cancel"), &json!({}));
    assert_eq!(cancel.status, 200, "{}", cancel.text());
    assert_eq!(open(&world, &ann).status, 410);
    assert_eq!(send(&world, &ann, APPROVE).status, 410);
    assert_eq!(world.status(&asked), "cancelled");
}

#[test]
fn what_no_letter_held_leads_nowhere_whatever_is_sent() {
    let relay = Relay::content();
    let world = world(&relay);
    let (asked, [ann, _]) = asked(&world, &relay);
    let mut changed = ann.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let approval = asked["approvals"][0]["id"].as_str().unwrap();
    let unknown = [
        changed,
        format!("/answer/{approval}"),
        format!("{ann}A"),
        format!("/answer/{}", "é".repeat(20)),
    ];
    let mut pages = Vec::new();
    for link in &unknown {
        let link = link.replace('é', "%C3%A9");
        pages.push(open(&world, &link));
        pages.push(send(&world, &link, APPROVE));
    }
    let mut pages: Vec<_> = pages.iter().map(|page| (page.status, page.text())).collect();
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert_eq!(pages[0].0, 404);
    // A link is no key.
    let secret = ann.strip_prefix("/answer/").unwrap();
    assert_eq!(world.client(secret).get("/v1/approvals").unwrap().status, 401);
    assert_eq!(votes(&world, &asked), json!([]));
}

#[test]
fn a_form_comes_from_the_page_and_is_small() {
    let relay = Relay::content();
    let world = world(&relay);
    let (asked, [ann, _]) = asked(&world, &relay);
    let post = |headers: &str, body: &str| {
        let mut client = browser(&world);
        let length = body.len();
        let head = format!("{}Content-Length: {length}\r\n{headers}", client.head("POST", &ann));
        client.send(&head, body.as_bytes()).unwrap().status
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(post(&format!("{form}Origin: https://evil.example\r\n"), APPROVE), 403);
    assert_eq!(post(&format!("{form}Origin: null\r\n"), APPROVE), 403);
    assert_eq!(post(form, &format!("{APPROVE}{}", "x".repeat(40_000))), 413);
    assert_eq!(post("Content-Type: application/json\r\n", r#"{"decision":"approve"}"#), 400);
    assert_eq!(post(form, "decision=maybe"), 400);
    assert_eq!(votes(&world, &asked), json!([]));
    // As a browser sends it through a proxy that names this machine otherwise.
    assert_eq!(post(&format!("{form}Origin: http://127.0.0.1\r\n"), APPROVE), 200);
}

#[test]
fn whoever_gets_no_letters_any_more_answers_by_none() {
    let relay = Relay::content();
    let mut world = world(&relay);
    let (_, [ann, bob]) = asked(&world, &relay);
    world.server.kill();
    let file = world.server.directory().join("writ.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let config = config.replace("\"user:ann\" = \"ann@example.com\"\n", "");
    std::fs::write(&file, config.replace("[\"user:bob\"]", "[]")).unwrap();
    world.server.restart();
    assert_eq!(send(&world, &ann, APPROVE).status, 404);
    // Bob has an address, and is not in the group that is asked.
    let bob = send(&world, &bob, APPROVE);
    assert_eq!(bob.status, 403, "{}", bob.text());
    assert!(bob.text().contains("You are not asked"), "{}", bob.text());
}
