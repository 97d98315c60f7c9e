//! What was decided is decided again from its record alone, to the same verdicts and the same fuel; and
//! what is not as it was is named.

use writ::policy_set::Snapshot;
use writ::service::Recording;
use writ::service::replay::{Again, Difference, Unrepeatable};
use writ_core::Tenant;
use writ_core::inquiry::Reply;
use writ_core::tool::Bytes;
use writ_engine::Order;
use writ_store::StoredDecision;

use crate::world::{World, set};

async fn again(snapshot: &Snapshot, recorded: &StoredDecision) -> Option<Difference> {
    let again = Again::decide(snapshot, &Tenant::default(), recorded, Order::Recorded).await;
    again.unwrap().difference(recorded)
}

#[tokio::test]
async fn what_was_decided_is_decided_again() {
    let world = World::new().await;
    let (snapshot, stored) = world.decided(4, Recording::Whole).await;
    let outcomes: Vec<_> = stored.iter().map(|decision| decision.outcome.as_str()).collect();
    assert_eq!(outcomes[..3], ["allowed", "allowed", "denied-by-policy"]);
    for recorded in &stored {
        let whole = recorded.whole.as_ref().unwrap();
        assert_eq!(whole.request.as_ref().unwrap().digest(), recorded.request_digest);
        assert!(!whole.bases[0].inquiries.is_empty());
        assert_eq!(again(&snapshot, recorded).await, None);
    }
}

#[tokio::test]
async fn another_answer_makes_another_decision() {
    let world = World::new().await;
    let (snapshot, mut stored) = world.decided(3, Recording::Whole).await;
    let mut denied = stored.pop().unwrap();
    let basis = &mut denied.whole.as_mut().unwrap().bases[0];
    let values = basis.inquiries.iter_mut().filter_map(|inquiry| match &mut inquiry.answered {
        Reply::Stored { value: Some(value), .. } => Some(value),
        _ => None,
    });
    values.for_each(|value| *value = Bytes(b"0".to_vec()));
    let difference = again(&snapshot, &denied).await;
    let is_told = matches!(
        difference,
        Some(Difference::Verdict { .. } | Difference::Departed { .. } | Difference::Fuel { .. })
    );
    assert!(is_told, "{difference:?}");
}

#[tokio::test]
async fn the_first_question_that_differs_is_named() {
    let world = World::new().await;
    let (snapshot, mut stored) = world.decided(1, Recording::Whole).await;
    let mut allowed = stored.pop().unwrap();
    allowed.whole.as_mut().unwrap().bases[0].inquiries.remove(0);
    let Some(Difference::Departed { binding, departure }) = again(&snapshot, &allowed).await else {
        panic!("nothing differs")
    };
    assert_eq!((binding.as_str(), departure.place), ("rate", 0));
}

#[tokio::test]
async fn a_candidate_decides_what_was_recorded() {
    let world = World::new().await;
    let (_, stored) = world.decided(2, Recording::Whole).await;
    let (_, stricter) = world.snapshot(&set(1)).await;
    let mut outcomes = Vec::new();
    for recorded in &stored {
        let again = Again::decide(&stricter, &Tenant::default(), recorded, Order::Any).await;
        let again = again.unwrap();
        assert_eq!(again.policies[0].departure, None);
        outcomes.push(again.outcome.code());
    }
    assert_eq!(outcomes, ["allowed", "denied-by-policy"]);
}

#[tokio::test]
async fn what_is_not_recorded_cannot_be_decided_again() {
    let world = World::new().await;
    let (snapshot, stored) = world.decided(1, Recording::Digest).await;
    let tenant = Tenant::default();
    let refused = Again::decide(&snapshot, &tenant, &stored[0], Order::Recorded).await;
    assert_eq!(refused.unwrap_err(), Unrepeatable::Request);
    assert_eq!(stored[0].whole, None);
}

#[tokio::test]
async fn how_much_is_kept_is_configured() {
    let world = World::new().await;
    let digest = "[decisions]\nrecord = \"digest\"\n";
    for (text, expected) in [("", Recording::Whole), (digest, Recording::Digest)] {
        let (config, _) = world.snapshot(text).await;
        assert_eq!(config.recording, expected);
    }
}
