//! What must be so in the end, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::plan::Plan;
use crate::receiver::Seen;
use crate::told::{Answered, Told};
use crate::world::{Who, World, text};

/// Looks at all that was told, and at the evidence as a whole. Returns how many are unknown.
pub(crate) fn check(world: &World, told: &[Told]) -> usize {
    let executions = told.iter().filter(|told| told.plan != Plan::Question);
    let ended: Vec<_> = executions.map(|told| (told, one(world, told))).collect();
    payouts(&ended);
    calls(world, &ended);
    let verified = world.get(Who::Operator, "/v1/events/verification");
    assert!(verified.get("broken").is_none(), "{verified}");
    heard(world, verified["events"].as_u64().unwrap());
    ended.iter().filter(|(_, kept)| kept["status"] == "unknown").count()
}

/// One execution, as it is in the end.
fn one(world: &World, told: &Told) -> Value {
    let Told { plan, origin, id, permits, effects, .. } = told;
    let kept = world.get(Who::Agent, &format!("/v1/executions/{id}"));
    assert!(*permits <= 1 && effects == permits, "{origin}: {permits} permits for one approval");
    let later = Answered::of(&kept);
    for answered in &told.answers {
        let is_lost = !answered.holds_in(&later);
        assert!(!is_lost, "{origin}: it was answered {answered:?}, and is now {kept:#}");
    }
    let is_lost = match plan {
        Plan::Carried(_) => *permits == 0,
        Plan::Called { repeatable } => was_lost(world, id, *repeatable),
        _ => false,
    };
    assert_eq!(later.status, plan.end(is_lost), "{origin}: {kept:#}");
    let events = world.get(Who::Agent, &format!("/v1/executions/{id}/events?limit=100"));
    let count = |kind: &str| {
        let events = events["items"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).count()
    };
    assert_eq!(count("execution.received"), 1, "{origin}: {events:#}");
    assert!(count("execution.claimed") <= 1, "{origin}: begun twice: {events:#}");
    assert!(count("execution.claimed") >= *permits, "{origin}: {events:#}");
    let ends = ["denied", "rejected", "expired", "cancelled", "succeeded", "failed"];
    let ends: usize = ends.iter().map(|end| count(&format!("execution.{end}"))).sum();
    assert_eq!(ends, usize::from(later.status != "unknown"), "{origin}: {events:#}");
    assert_eq!(count("approval.voted"), later.votes.len(), "{origin}: {events:#}");
    asked_again(world, told);
    kept
}

/// Whether nobody can know what became of a call: its host died, and an endpoint that may not be called
/// again was called at most once.
fn was_lost(world: &World, id: &str, repeatable: bool) -> bool {
    let seen = world.called.wait(|_| true);
    let calls = seen.iter().filter(|seen| seen.header("webhook-id") == id).count();
    let events = world.get(Who::Agent, &format!("/v1/executions/{id}/events?limit=100"));
    let mut kinds = events["items"].as_array().unwrap().iter().map(|event| &event["kind"]);
    let is_lost = kinds.any(|kind| kind == "execution.unknown");
    match repeatable {
        true => assert!(calls >= 1 && !is_lost, "{id}: {calls} calls: {events:#}"),
        false if is_lost => assert!(calls <= 1, "{id}: {calls} calls: {events:#}"),
        false => assert_eq!(calls, 1, "{id}: {events:#}"),
    }
    is_lost
}

/// The same key still stands for it, also where nobody was told that it was made.
fn asked_again(world: &World, told: &Told) {
    let headers = [("Idempotency-Key", told.key.as_str())];
    let again = world
        .send(Who::Agent, |client| client.post_with("/v1/executions", &headers, &told.question));
    assert_eq!(again.json()["id"], json!(told.id), "{}", told.origin);
}

/// Each payout has counted once: what it has stored is as if no host had ever died.
fn payouts(ended: &[(&Told, Value)]) {
    let (mut numbers, mut released) = (BTreeSet::new(), BTreeSet::new());
    let payouts = ended.iter().filter(|(told, _)| matches!(told.plan, Plan::Payout { .. }));
    for (told, kept) in payouts {
        let origin = &told.origin;
        let number = match kept["result"]["number"].as_u64() {
            Some(number) => {
                let agreed = json!(["user:tess", "user:dora"]);
                assert_eq!(kept["result"]["agreed"], agreed, "{origin}: {kept:#}");
                let count = kept["result"]["released"].as_u64().unwrap();
                assert!(released.insert(count), "{origin}: {count} was released twice");
                number
            }
            None => number_in(&text(&kept["error"])),
        };
        assert!(numbers.insert(number), "{origin}: two payouts have the number {number}");
    }
    for counted in [numbers, released] {
        let last = counted.last().copied().unwrap_or(0);
        assert_eq!(last, counted.len() as u64, "something was counted twice: {counted:?}");
    }
}

/// Of `payout 3 is not released: somebody said no`.
fn number_in(error: &str) -> u64 {
    let number = error.strip_prefix("payout ").and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{error}"))
}

/// The receiver of the channel has heard of every event, of each for the first time in order. There may
/// be another by now: a host tells every minute how far its decisions have come.
fn heard(world: &World, events: u64) {
    let place = |seen: &Seen| seen.json()["data"]["sequence"].as_u64().unwrap();
    let seen = world.receiver.wait(|seen| seen.last().map_or(0, place) >= events);
    let mut last = 0;
    for place in seen.iter().map(place) {
        assert!(place <= last + 1, "event {place} was told before {}", last + 1);
        last = last.max(place);
    }
}

/// No call of a tool has made two executions.
fn calls(world: &World, ended: &[(&Told, Value)]) {
    let mut children: BTreeMap<String, String> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = format!("/v1/executions?limit=100{cursor}");
        let page = world.get(Who::Operator, &page);
        let items = page["items"].as_array().unwrap();
        for child in items.iter().filter(|item| item["parent"].is_string()) {
            let before = children.insert(text(&child["parent"]), text(&child["id"]));
            assert_eq!(before, None, "one call made two executions: {child:#}");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let nested = ended.iter().filter(|(told, _)| told.plan == Plan::Nested).count();
    assert_eq!(children.len(), 7 * nested, "each calls seven deep");
}
