//! `approval-history`: a policy sees what people said about the same, as far as its limits go.

use std::sync::Arc;

use writ_core::approval::{Approval, ApprovalState, Choice, Vote};
use writ_core::ports::{About, ApprovalReader, PortFuture, Unavailable, Window};
use writ_core::{FaultCode, Json, Limits, Requirement, Tenant, Verdict};
use writ_engine::{Evaluation, Image};

use crate::guests::Guest;
use crate::{ANSWERS, NOW_MS, Nothing, engine, evaluate_with, request};

/// Asks for what was asked within a second, and denies with all that it was told: each approval's
/// id, the number of its state, and of each vote the approver, `1` for yes, the reason, and the
/// instant as a letter.
const TELLS: &str = r#"
    (data (i32.const 2000) "{}")
    (global $end (mut i32) (i32.const 8192))
    (func $put (param $from i32) (param $bytes i32)
        (memory.copy (global.get $end) (local.get $from) (local.get $bytes))
        (global.set $end (i32.add (global.get $end) (local.get $bytes))))
    (func $put_letter (param $letter i32)
        (i32.store8 (global.get $end) (local.get $letter))
        (global.set $end (i32.add (global.get $end) (i32.const 1))))
    (func $put_vote (param $vote i32)
        (call $put_letter (i32.const 32))
        (call $put (i32.load (local.get $vote)) (i32.load offset=4 (local.get $vote)))
        (call $put_letter (i32.add (i32.const 48) (i32.load8_u offset=8 (local.get $vote))))
        (if (i32.load8_u offset=12 (local.get $vote)) (then
            (call $put (i32.load offset=16 (local.get $vote))
                (i32.load offset=20 (local.get $vote)))))
        (call $put_letter (i32.wrap_i64 (i64.load offset=24 (local.get $vote)))))
    (func $put_approval (param $approval i32)
        (local $vote i32) (local $end i32)
        (call $put_letter (i32.const 35))
        (call $put (i32.load (local.get $approval)) (i32.load offset=4 (local.get $approval)))
        (call $put_letter (i32.add (i32.const 48) (i32.load8_u offset=8 (local.get $approval))))
        (local.set $vote (i32.load offset=12 (local.get $approval)))
        (local.set $end (i32.add (local.get $vote)
            (i32.mul (i32.const 32) (i32.load offset=16 (local.get $approval)))))
        (block $done (loop $next
            (br_if $done (i32.eq (local.get $vote) (local.get $end)))
            (call $put_vote (local.get $vote))
            (local.set $vote (i32.add (local.get $vote) (i32.const 32)))
            (br $next))))"#;
const EVALUATE: &str = r#"
    (local $approval i32) (local $end i32)
    (call $recent (i32.const 1) (i32.const 1904))
    (local.set $approval (i32.load (i32.const 1904)))
    (local.set $end (i32.add (local.get $approval)
        (i32.mul (i32.const 20) (i32.load (i32.const 1908)))))
    (call $put_letter (i32.const 58))
    (block $done (loop $next
        (br_if $done (i32.eq (local.get $approval) (local.get $end)))
        (call $put_approval (local.get $approval))
        (local.set $approval (i32.add (local.get $approval) (i32.const 20)))
        (br $next)))
    (i32.store8 (i32.const 2052) (i32.const 3))
    (i32.store (i32.const 2056) (i32.const 8192))
    (i32.store (i32.const 2060) (i32.sub (global.get $end) (i32.const 8192)))
    (i32.store (i32.const 2084) (i32.const 2000))
    (i32.store (i32.const 2088) (i32.const 2))
    (i32.const 2048)"#;

async fn image(limits: Limits) -> Arc<Image> {
    let guest = Guest {
        imports: r#"(import "writ:host/approval-history@0.1.0" "recent"
            (func $recent (param i32 i32)))"#,
        world: "import writ:host/approval-history@0.1.0;",
        more: TELLS.into(),
        evaluate: EVALUATE,
        ..Guest::default()
    };
    engine(|_| ()).load(&guest.build(), &Json::empty_object(), &limits).await.unwrap()
}

/// Approvals, newest first, each about something.
struct History(Vec<(About, Approval)>);

impl ApprovalReader for History {
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        let is_meant = |(of, approval): &&(About, Approval)| {
            of == about && approval.opened_at_ms >= window.since_ms
        };
        let found = self.0.iter().filter(is_meant).take(window.limit);
        let found = found.map(|(_, approval)| approval.clone()).collect();
        Box::pin(async { Ok(found) })
    }
}

/// What the request that is evaluated is about.
fn about() -> About {
    About::of(&Tenant::default(), &request("x"))
}

fn approval(id: &str, state: ApprovalState, votes: &[Vote]) -> Approval {
    let requirement = Requirement {
        title: "Read it".into(),
        reason: String::new(),
        stages: Vec::new(),
        allow_self_approval: false,
        reason_required: false,
    };
    Approval {
        by_tool: false,
        id: id.into(),
        binding: "review".parse().unwrap(),
        requirement,
        opened_at_ms: NOW_MS,
        state,
        votes: votes.to_vec(),
    }
}

fn vote(approver: &str, choice: Choice, reason: Option<&str>, at: char) -> Vote {
    Vote {
        approver: approver.parse().unwrap(),
        groups: Default::default(),
        stage: 0,
        choice,
        reason: reason.map(str::to_owned),
        at_ms: u64::from(at),
    }
}

/// Evaluates a request over a history of approvals about the same.
async fn over(image: &Image, approvals: impl IntoIterator<Item = Approval>) -> Evaluation {
    let history = approvals.into_iter().map(|approval| (about(), approval)).collect();
    evaluate_with(image, &request("x"), ANSWERS, History(history)).await
}

#[track_caller]
fn told(evaluation: Evaluation) -> String {
    match evaluation.result.unwrap().verdict {
        Verdict::Deny { reason } => reason,
        other => panic!("the guest always denies: {other:?}"),
    }
}

#[tokio::test]
async fn a_policy_is_told_states_and_votes() {
    let pending = ApprovalState::Pending { stage: 0, expires_at_ms: NOW_MS + 1 };
    let yes = vote("Ann", Choice::Approve, None, 'A');
    let no = vote("bob", Choice::Reject, Some(" because é "), 'B');
    let history = [
        approval("e", pending, &[]),
        approval("d", ApprovalState::Approved, std::slice::from_ref(&yes)),
        approval("c", ApprovalState::Rejected, &[yes, no]),
        approval("b", ApprovalState::Expired, &[]),
        approval("a", ApprovalState::Cancelled, &[]),
    ];
    let image = image(Limits::default()).await;
    let expected = ":#e0#d1 user:Ann1A#c2 user:Ann1A user:bob0 because é B#b3#a4";
    assert_eq!(told(over(&image, history).await), expected);
    assert_eq!(told(over(&image, []).await), ":");
}

#[tokio::test]
async fn a_policy_is_told_what_was_asked_about_the_same_in_time() {
    let at = |id: &str, opened_at_ms| Approval {
        opened_at_ms,
        ..approval(id, ApprovalState::Approved, &[])
    };
    let mut history = vec![
        (about(), at("now", NOW_MS)),
        (about(), at("just", NOW_MS - 1_000)),
        (about(), at("late", NOW_MS - 1_001)),
    ];
    let others = [
        About { tenant: "other".parse().unwrap(), ..about() },
        About { subject: ("user".into(), "a1".into()), ..about() },
        About { subject: ("agent".into(), "a2".into()), ..about() },
        About { action: "write_file".into(), ..about() },
        About { resource: ("folder".into(), "f1".into()), ..about() },
        About { resource: ("file".into(), "f2".into()), ..about() },
    ];
    history.extend(others.map(|other| (other, at("other", NOW_MS))));
    let image = image(Limits::default()).await;
    // Arguments do not count.
    let evaluation = evaluate_with(&image, &request("y"), ANSWERS, History(history)).await;
    assert_eq!(told(evaluation), ":#now1#just1");
}

#[tokio::test]
async fn a_policy_is_told_100_at_most() {
    let history = (0..101).map(|n| approval(&n.to_string(), ApprovalState::Approved, &[]));
    let image = image(Limits::default()).await;
    let told = told(over(&image, history).await);
    assert_eq!(told.matches('#').count(), 100);
    assert!(told.ends_with("#991"), "{told}");
}

#[tokio::test]
async fn who_asked_is_asked_again() {
    let image = image(Limits::default()).await;
    for (state, expected) in [(ApprovalState::Rejected, ":#a2"), (ApprovalState::Approved, ":#a1")]
    {
        let evaluation = over(&image, [approval("a", state, &[])]).await;
        assert_eq!((evaluation.memoised, evaluation.host_calls), (false, 1));
        assert_eq!(told(evaluation), expected);
    }
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_not_the_policys_fault() {
    let image = image(Limits::default()).await;
    let away = Nothing { answers: false };
    let evaluation = evaluate_with(&image, &request("x"), ANSWERS, away).await;
    assert_eq!(evaluation.result.unwrap_err().code, FaultCode::StorageUnavailable);
}

#[tokio::test]
async fn waiting_for_a_history_has_its_time_out() {
    struct Never;

    impl ApprovalReader for Never {
        fn recent<'a>(&'a self, _: &'a About, _: Window) -> PortFuture<'a, Vec<Approval>> {
            Box::pin(std::future::pending())
        }
    }

    let image = image(Limits { timeout_ms: 1, ..Limits::default() }).await;
    let evaluation = evaluate_with(&image, &request("x"), ANSWERS, Never).await;
    assert_eq!(evaluation.result.unwrap_err().code, FaultCode::Timeout);
}

#[tokio::test]
async fn a_host_call_too_many_reads_nothing() {
    struct Forbidden;

    impl ApprovalReader for Forbidden {
        fn recent<'a>(&'a self, _: &'a About, _: Window) -> PortFuture<'a, Vec<Approval>> {
            Box::pin(async { Err(Unavailable("it was read".into())) })
        }
    }

    let image = image(Limits { host_calls_max: 0, ..Limits::default() }).await;
    let evaluation = evaluate_with(&image, &request("x"), ANSWERS, Forbidden).await;
    assert_eq!(evaluation.result.unwrap_err().code, FaultCode::HostCallLimit);
}

#[tokio::test]
async fn a_history_counts_with_every_byte_that_it_takes_in_the_guest() {
    let votes =
        [vote("ann", Choice::Approve, None, 'A'), vote("b", Choice::Reject, Some("no"), 'B')];
    let history = || [approval("id", ApprovalState::Rejected, &votes)];
    let bytes = (20 + "id".len()) + (32 + "user:ann".len()) + (32 + "user:bno".len());
    let limits = |bytes| Limits { host_call_bytes_max: bytes, ..Limits::default() };
    let fits = image(limits(bytes)).await;
    assert_eq!(told(over(&fits, history()).await), ":#id2 user:ann1A user:b0noB");
    let short = image(limits(bytes - 1)).await;
    let fault = over(&short, history()).await.result.unwrap_err();
    assert_eq!(fault.code, FaultCode::HostCallBytesLimit);
}

#[tokio::test]
async fn a_history_of_long_reasons_is_not_copied() {
    let reason = "x".repeat(2_000);
    let votes = ["a", "b", "c", "d", "e", "f"]
        .map(|approver| vote(approver, Choice::Approve, Some(&reason), 'A'));
    let history = |count: usize| {
        let id = |n: usize| approval(&n.to_string(), ApprovalState::Approved, &votes);
        (0..count).map(id).collect::<Vec<_>>()
    };
    let image = image(Limits::default()).await;
    let evaluation = over(&image, history(100)).await;
    let fault = evaluation.result.unwrap_err();
    assert_eq!(fault.code, FaultCode::HostCallBytesLimit, "{fault:?}");
    // The guest's memory has no room for a tenth of it: had it been copied, that would have failed.
    assert_eq!(evaluation.memory_peak_bytes, 2 << 16);
}
