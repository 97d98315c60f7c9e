//! Whose presses count for nothing, and how they are told.

use serde_json::json;

use crate::receiver::{Receiver, Seen};
use crate::site::{
    ANN, CID, SECRET, STRANGER, form, now_s, posted, press, send, send_signed, signature, votes,
    world,
};
use crate::world::{problem, text};

/// What was said about a press, to whoever pressed.
fn reply(slack: &Receiver) -> Seen {
    let is_reply = |seen: &&Seen| seen.path == "/actions/T1/1/x";
    let seen = slack.wait(|seen| seen.iter().any(|seen| is_reply(&seen)));
    seen.iter().find(is_reply).unwrap().clone()
}

#[test]
fn whoever_is_not_known_or_not_asked_or_gives_no_reason_is_told_so() {
    for (user, reason, words) in [
        (STRANGER, "seen", "does not know who you are"),
        (CID, "seen", "You are not asked"),
        (ANN, "", "must give a reason"),
        (ANN, "  ", "must give a reason"),
    ] {
        let slack = Receiver::content();
        let world = world(&slack);
        let asked = world.ask("pay", 500);
        let message = posted(&slack, 0);
        assert_eq!(send(&world, &press(&slack, &message, user, "approve", reason)).status, 200);
        let reply = reply(&slack).json();
        assert!(reply.to_string().contains(words), "{user}: {reply:#}");
        assert_eq!(reply["response_type"], "ephemeral");
        assert_eq!(reply["replace_original"], false);
        assert_eq!(votes(&world, &asked), json!([]), "{user}");
    }
}

#[test]
fn what_slack_has_not_signed_just_now_for_this_channel_is_refused_in_the_same_words() {
    let slack = Receiver::content();
    let world = world(&slack);
    let asked = world.ask("pay", 500);
    let body = press(&slack, &posted(&slack, 0), ANN, "approve", "seen");
    let now = now_s();
    let good = signature(SECRET, now, &body);
    let other = body.replace("U1ANN", "U2BOB");
    let forged = signature("another secret, as long as it", now, &body);
    let [old, new] = [now - 400, now + 400].map(|at| (at, signature(SECRET, at, &body)));
    let refused = [
        send_signed(&world, "payments", now, &forged, &body),
        send_signed(&world, "payments", now, &good, &other),
        send_signed(&world, "payments", now - 1, &good, &body),
        send_signed(&world, "payments", old.0, &old.1, &body),
        send_signed(&world, "payments", new.0, &new.1, &body),
        send_signed(&world, "payments", now, "", &body),
        send_signed(&world, "others", now, &good, &body),
        send_signed(&world, "No-Name!", now, &good, &body),
    ];
    let mut texts: Vec<_> = refused.iter().map(|reply| (reply.status, reply.text())).collect();
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    assert_eq!(problem(&refused[0]), (401, "unauthenticated".into()));
    assert_eq!(votes(&world, &asked), json!([]));
    assert_eq!(slack.count(), 1, "nothing is said about it");
    // It was refused for that alone.
    assert_eq!(send_signed(&world, "payments", now, &good, &body).status, 200);
    assert_eq!(votes(&world, &asked).as_array().unwrap().len(), 1);
}

#[test]
fn what_is_signed_and_no_press_is_refused() {
    let slack = Receiver::content();
    let world = world(&slack);
    for body in ["", "payload=1", &form(&json!({"type": "view_submission", "user": {"id": ANN}}))] {
        assert_eq!(problem(&send(&world, body)), (400, "invalid-request".into()), "{body}");
    }
    let large = format!("payload={}", "x".repeat(300 << 10));
    assert_eq!(problem(&send(&world, &large)), (413, "body-too-large".into()));
}

#[test]
fn nothing_is_sent_to_another_host_than_the_webhooks() {
    let (slack, elsewhere) = (Receiver::content(), Receiver::content());
    let world = world(&slack);
    let asked = world.ask("pay", 500);
    let body = press(&elsewhere, &posted(&slack, 0), ANN, "approve", "seen");
    assert_eq!(send(&world, &body).status, 200);
    assert_eq!(text(&votes(&world, &asked)[0][0]), "user:ann");
    assert_eq!(elsewhere.count(), 0);
}
