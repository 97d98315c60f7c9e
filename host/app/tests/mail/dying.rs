//! Hosts that die, as by `kill -9`, at every point of a letter's way.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mailin::response;
use writ_testkit::wait;

use crate::answering::votes;
use crate::relay::Relay;
use crate::site::{open, send, world};

/// A host dies at a point of the first letter, Ann's; then it is asked who got how many letters.
fn check(point: &str, to_ann: usize) {
    let takes = Arc::new(AtomicBool::new(false));
    let answers = takes.clone();
    let relay = Relay::start(move |_, _| match answers.load(Ordering::SeqCst) {
        true => response::OK,
        false => response::NO_SERVICE,
    });
    let mut world = world(&relay);
    let asked = world.ask("pay", 500);
    relay.wait_for_offers(1);
    world.server.kill();
    takes.store(true, Ordering::SeqCst);
    world.server.restart_with(&[("WRIT_FAILPOINT", point)]);
    let ended = wait::until(Duration::from_secs(60), || {
        world.server.ended().ok_or_else(|| format!("it never passes `{point}`"))
    });
    assert_eq!(ended.signal(), Some(9), "{point}: {ended}");
    world.server.restart();

    let letters = relay.wait_for(to_ann + 1);
    let receivers: Vec<_> = letters.iter().map(|letter| letter.to.as_str()).collect();
    let mut expected = vec!["ann@example.com"; to_ann];
    expected.push("bob@example.com");
    assert_eq!(receivers, expected, "{point}");
    // Every letter is good, and all of one person are one vote.
    for letter in &letters {
        assert_eq!(open(&world, &letter.link()).status, 200, "{point}");
    }
    let answers = letters[..to_ann].iter();
    let answers = answers.map(|ann| send(&world, &ann.link(), "decision=approve&reason=seen"));
    let answers: Vec<_> = answers.map(|page| page.status).collect();
    assert_eq!(answers[0], 200, "{point}");
    assert!(answers[1..].iter().all(|status| *status == 410), "{point}: {answers:?}");
    assert_eq!(votes(&world, &asked).as_array().unwrap().len(), 1, "{point}");
}

#[test]
fn a_link_that_is_kept_and_not_sent_is_followed_by_another() {
    check("mail.link-kept", 1);
}

#[test]
fn a_letter_that_was_taken_and_not_noted_comes_twice_and_is_one_vote() {
    check("mail.taken-unrecorded", 2);
}

#[test]
fn a_letter_that_was_noted_comes_once() {
    check("mail.taken", 1);
}
