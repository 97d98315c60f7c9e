//! What messages ask, and what their buttons do.

use std::thread;

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::site::{ANN, BOB, buttons, posted, press, send, votes, world};
use crate::world::text;

#[test]
fn a_question_is_posted_with_buttons_and_without_arguments() {
    let slack = Receiver::content();
    let world = world(&slack);
    let asked = world.ask("pay", 500);
    let seen = slack.wait_for(1).remove(0);
    assert_eq!(seen.path, "/services/T1/B1/secret");
    assert_eq!(seen.header("content-type"), "application/json");
    let message = seen.json();
    let blocks = message["blocks"].as_array().unwrap();
    assert!(text(&blocks[0]["text"]["text"]).starts_with("> Pay\n> "), "{message:#}");
    let about = text(&blocks[1]["elements"][0]["text"]);
    assert!(about.contains("user:Ann, group:finance"), "{about}");
    assert!(about.contains(&text(&asked["id"])), "{about}");
    let approval = text(&asked["approvals"][0]["id"]);
    let value = format!("{approval} 0");
    let expected = [("approve".to_owned(), value.clone()), ("reject".to_owned(), value)];
    assert_eq!(buttons(&message), expected);
    let reason = blocks.iter().find(|block| block["type"] == "input").unwrap();
    assert_eq!(reason["optional"], false);
    // Nothing of it is a mention or a link, and a notification holds nothing that others wrote.
    let is_plain = |text: &Value| text["type"] == "plain_text";
    assert!(is_plain(&blocks[0]["text"]) && is_plain(&blocks[1]["elements"][0]));
    assert!(!text(&message["text"]).contains("Pay"), "{message:#}");
    assert!(!message.to_string().contains("properties\""), "{message:#}");
}

#[test]
fn a_press_answers_as_who_the_configuration_says_and_the_message_is_replaced() {
    let slack = Receiver::content();
    let world = world(&slack);
    let asked = world.ask("pay", 500);
    let message = posted(&slack, 0);
    let counted = send(&world, &press(&slack, &message, BOB, "approve", "known payee"));
    assert_eq!((counted.status, counted.text()), (200, ""));
    assert_eq!(votes(&world, &asked), json!([["user:bob", "approve", "known payee"]]));
    assert_eq!(world.status(&asked), "allowed");
    let seen = slack.wait(|seen| seen.iter().any(|seen| seen.path == "/actions/T1/1/x"));
    let reply = seen.iter().find(|seen| seen.path == "/actions/T1/1/x").unwrap().json();
    assert_eq!(reply["replace_original"], true);
    assert_eq!(buttons(&reply), []);
    let reply = reply.to_string();
    assert!(reply.contains("bob approves") && reply.contains("It is approved."), "{reply}");
    assert!(!reply.contains("known payee"), "what somebody said is not told: {reply}");
    // What happens then is told, too.
    let told =
        slack.wait(|seen| seen.iter().filter(|seen| seen.path != "/actions/T1/1/x").count() >= 3);
    assert!(told.iter().any(|seen| text(&seen.json()["text"]).starts_with("approval.ended")));
}

#[test]
fn presses_at_once_are_one_vote_and_the_first_stands() {
    let slack = Receiver::content();
    let world = world(&slack);
    let asked = world.ask("pay", 500);
    let message = posted(&slack, 0);
    let [yes, no] =
        ["approve", "reject"].map(|action| press(&slack, &message, ANN, action, "seen"));
    let statuses: Vec<_> = thread::scope(|scope| {
        let send = |body| {
            let world = &world;
            scope.spawn(move || send(world, body).status)
        };
        let sent: Vec<_> = [&yes, &no, &yes, &no].map(|body| send(body.as_str())).into();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 4]);
    assert_eq!(votes(&world, &asked).as_array().unwrap().len(), 1);
    let is_late = |reply: &Value| reply.to_string().contains("answered this question already");
    let late = slack.wait(|seen| seen.iter().filter(|seen| is_late(&seen.json())).count() == 3);
    let late: Vec<_> = late.iter().map(|seen| seen.json()).filter(is_late).collect();
    assert!(late.iter().all(|reply| reply["response_type"] == "ephemeral"), "{late:#?}");
}

#[test]
fn a_press_after_the_end_is_told_so_and_takes_the_buttons_away() {
    let slack = Receiver::content();
    let world = world(&slack);
    let asked = world.ask("pay", 500);
    let message = posted(&slack, 0);
    world.approve(&asked);
    assert_eq!(send(&world, &press(&slack, &message, BOB, "reject", "no")).status, 200);
    let replies =
        slack.wait(|seen| seen.iter().filter(|seen| seen.path == "/actions/T1/1/x").count() == 2);
    let replies: Vec<_> = replies.iter().filter(|seen| seen.path == "/actions/T1/1/x").collect();
    assert!(replies[0].json().to_string().contains("no longer asked"), "{replies:#?}");
    assert_eq!(replies[1].json()["replace_original"], true);
    assert_eq!(buttons(&replies[1].json()), []);
    assert_eq!(votes(&world, &asked).as_array().unwrap().len(), 1);
}
