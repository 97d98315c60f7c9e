use super::*;
use crate::approval::{Ballot, Choice};
use crate::json::Json;
use crate::requirement::{Disposition, Requirement, Stage};
use crate::{Action, Entity, ToolKind};

pub(super) fn person(text: &str) -> Person {
    text.parse().unwrap()
}

pub(super) fn request(amount: u64) -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::empty_object(),
    };
    let properties = Json::parse(&format!(r#"{{"amount":{amount}}}"#)).unwrap();
    Request {
        subject: entity("agent", "bot"),
        action: Action { name: "pay".into(), properties },
        resource: entity("account", "X"),
        context: Json::empty_object(),
    }
}

pub(super) fn received() -> Execution {
    let id = "e1".to_owned();
    Execution::received(id, Tenant::default(), person("app"), request(10), 300_000, 1_000)
}

pub(super) fn tool() -> BoundTool {
    tool_of(ToolKind::Component)
}

pub(super) fn tool_of(kind: ToolKind) -> BoundTool {
    BoundTool { name: "payout".parse().unwrap(), digest: Digest::of("component"), kind }
}

pub(super) fn asking(id: &str, approvers: &[&str], on_expiry: Disposition) -> Asking {
    let stage = |approver: &&str| Stage {
        approvers: vec![(*approver).to_owned()],
        quorum: 1,
        expires_after_seconds: 60,
        on_expiry,
    };
    let requirement = Requirement {
        title: "Pay 10 to X".into(),
        reason: String::new(),
        stages: approvers.iter().map(stage).collect(),
        allow_self_approval: false,
        reason_required: false,
    };
    Asking { approval: id.into(), binding: "review".parse().unwrap(), requirement }
}

fn decided(ruling: Ruling, at_ms: u64) -> Event {
    decided_about(10, ruling, at_ms)
}

/// What policies say, who have amended the amount.
fn decided_about(amount: u64, ruling: Ruling, at_ms: u64) -> Event {
    let (decision, request) = ("d1".into(), request(amount));
    Event::Decided { policy_set: Digest::of("set"), decision, ruling, request, at_ms }
}

fn vote(approval: &str, voter: &str, choice: Choice, at_ms: u64) -> Event {
    let ballot =
        Ballot { voter: person(voter), groups: Default::default(), choice, reason: None, at_ms };
    Event::Voted { approval: approval.into(), ballot }
}

fn claim(action: Digest, at_ms: u64) -> Event {
    let permission = Permission {
        holder: person("app"),
        action,
        permit: Digest::of("secret"),
        lease_until_ms: at_ms + 30_000,
    };
    Event::Claimed { permission, at_ms }
}

fn report(permit: &str) -> Event {
    let report = Report::Succeeded(Json::empty_object());
    Event::Reported { by: person("app"), permit: Digest::of(permit), report, at_ms: 9_000 }
}

/// Applies events one after the other; each must count.
fn after(events: impl IntoIterator<Item = Event>) -> Execution {
    events.into_iter().fold(received(), |execution, event| execution.apply(event).unwrap().next)
}

fn asked() -> Execution {
    after([decided(Ruling::Asked(vec![asking("a1", &["user:ann"], Disposition::Deny)]), 1_000)])
}

fn approved() -> Execution {
    asked().apply(vote("a1", "ann", Choice::Approve, 2_000)).unwrap().next
}

#[test]
fn what_is_permitted_runs_once() {
    let allowed = after([decided(Ruling::Permitted, 1_000)]);
    let running = allowed.apply(claim(allowed.digest, 2_000)).unwrap().next;
    assert_eq!((running.status.name(), running.fence, running.version), ("running", 1, 2));
    assert_eq!(running.apply(claim(allowed.digest, 2_001)).unwrap_err().code(), "not-now");
    assert_eq!(running.apply(report("guess")).unwrap_err(), Refused::WrongPermit);
    let done = running.apply(report("secret")).unwrap().next;
    assert_eq!(done.status.name(), "succeeded");
    assert_eq!(done.apply(report("secret")).unwrap_err().code(), "not-now");
}

#[test]
fn another_action_than_the_one_allowed_is_never_claimed() {
    let allowed = after([decided(Ruling::Permitted, 1_000)]);
    let other = action_digest(&Tenant::default(), &request(999_999));
    assert_eq!(allowed.apply(claim(other, 2_000)).unwrap_err().code(), "action-changed");
}

#[test]
fn what_people_approved_is_decided_again_before_it_begins() {
    let approved = approved();
    assert_eq!(approved.apply(claim(approved.digest, 3_000)).unwrap_err(), Refused::NotSettled);
    let same = Ruling::Asked(vec![asking("a2", &["user:Ann"], Disposition::Deny)]);
    let settled = approved.apply(decided(same, 3_000)).unwrap().next;
    assert_eq!(settled.approvals.len(), 1, "what was approved meets what is asked now");
    assert!(settled.apply(claim(settled.digest, 3_000)).is_ok());
}

#[test]
fn stricter_policies_ask_again() {
    let stricter = Ruling::Asked(vec![asking("a2", &["user:bob"], Disposition::Deny)]);
    let again = approved().apply(decided(stricter, 3_000)).unwrap().next;
    assert_eq!((again.status.name(), again.approvals.len()), ("awaiting-approval", 2));
    let allowed = again.apply(vote("a2", "bob", Choice::Approve, 4_000)).unwrap().next;
    assert_eq!(allowed.status.name(), "allowed");
}

#[test]
fn an_action_that_policies_amend_after_the_approval_does_not_begin() {
    let event = decided_about(11, Ruling::Permitted, 3_000);
    assert_eq!(approved().apply(event).unwrap_err().code(), "action-changed");
}

#[test]
fn what_is_denied_before_it_begins_is_denied_whatever_it_would_have_been() {
    let denied = Denied { code: "denied-by-policy".into(), reasons: Vec::new() };
    let event = decided_about(11, Ruling::Denied(denied), 3_000);
    assert_eq!(approved().apply(event).unwrap().next.status.name(), "denied");
}

#[test]
fn what_policies_amend_is_what_is_allowed() {
    let event = decided_about(7, Ruling::Permitted, 1_000);
    let allowed = received().apply(event).unwrap().next;
    assert_eq!(allowed.request, request(10), "what was asked stays");
    assert_eq!(*allowed.action(), request(7).action);
    let asked = action_digest(&Tenant::default(), &request(10));
    assert_eq!(allowed.apply(claim(asked, 2_000)).unwrap_err().code(), "action-changed");
    let amended = action_digest(&Tenant::default(), &request(7));
    assert!(allowed.apply(claim(amended, 2_000)).is_ok());
}

#[test]
fn who_asks_may_not_agree() {
    let own = Ruling::Asked(vec![asking("a1", &["user:bot", "user:app"], Disposition::Deny)]);
    let asked = after([decided(own, 1_000)]);
    let refused = asked.apply(vote("a1", "bot", Choice::Approve, 2_000)).unwrap_err();
    assert_eq!(refused.code(), "self-approval");
    for id in [" bot", "bot\u{0}", "b\u{200b}ot"] {
        let mut dressed = asked.clone();
        dressed.request.subject.id = id.into();
        let refused = dressed.apply(vote("a1", "bot", Choice::Approve, 2_000)).unwrap_err();
        assert_eq!(refused.code(), "self-approval", "{id:?}");
    }
}

#[test]
fn one_rejection_ends_every_approval() {
    let both = vec![
        asking("a1", &["user:ann"], Disposition::Deny),
        asking("a2", &["user:bob"], Disposition::Deny),
    ];
    let asked = after([decided(Ruling::Asked(both), 1_000)]);
    let rejected = asked.apply(vote("a1", "ann", Choice::Reject, 2_000)).unwrap();
    assert_eq!(rejected.next.status, Status::Rejected);
    assert_eq!(rejected.next.approvals[1].state.name(), "cancelled");
    let late = rejected.next.apply(vote("a2", "bob", Choice::Approve, 3_000)).unwrap_err();
    assert_eq!(late.code(), "approval-ended");
    assert_eq!(rejected.next.apply(Event::Passed { at_ms: u64::MAX }), Err(Refused::Nothing));
}

#[test]
fn a_lease_that_runs_out_is_unknown_and_can_still_be_told() {
    let allowed = after([decided(Ruling::Permitted, 1_000)]);
    let running = allowed.apply(claim(allowed.digest, 2_000)).unwrap().next;
    assert_eq!(running.due_at_ms(), Some(32_000));
    let unknown = running.apply(Event::Passed { at_ms: 32_000 }).unwrap().next;
    assert_eq!(unknown.status.name(), "unknown");
    assert_eq!(unknown.apply(claim(unknown.digest, 33_000)).unwrap_err().code(), "not-now");
    assert_eq!(unknown.apply(report("secret")).unwrap().next.status.name(), "succeeded");
    let by = person("op");
    let told = Event::Resolved { by, report: Report::Failed("no".into()), at_ms: 40_000 };
    assert_eq!(unknown.apply(told).unwrap().next.status.name(), "failed");
}

#[test]
fn what_nobody_begins_expires() {
    let allowed = after([decided(Ruling::Permitted, 1_000)]);
    assert_eq!(allowed.apply(claim(allowed.digest, 301_000)).unwrap_err(), Refused::TooLate);
    let expired = allowed.apply(Event::Passed { at_ms: 301_000 }).unwrap().next;
    assert_eq!(expired.status, Status::Expired);
}

#[test]
fn what_has_begun_cannot_be_called_off() {
    let cancel = || Event::Cancelled { by: person("op"), reason: None, at_ms: 5_000 };
    assert_eq!(asked().apply(cancel()).unwrap().next.status.name(), "cancelled");
    let allowed = after([decided(Ruling::Permitted, 1_000)]);
    let running = allowed.apply(claim(allowed.digest, 2_000)).unwrap().next;
    assert_eq!(running.apply(cancel()).unwrap_err().code(), "not-now");
}

#[test]
fn an_execution_reads_back_what_it_writes() {
    for execution in [received(), asked(), approved()] {
        let text = serde_json::to_string(&execution).unwrap();
        assert_eq!(serde_json::from_str::<Execution>(&text).unwrap(), execution);
    }
}

#[test]
fn what_came_to_nothing_may_be_retried_and_nothing_else() {
    let with = |status| Execution { status, ..received() };
    let failed = || Status::Failed { error: "in vain".into() };
    for status in [failed(), Status::Expired] {
        assert!(with(status).may_be_retried());
    }
    let (holder, permit) = (person("app"), Digest::of("permit"));
    let cancelled = Status::Cancelled { by: person("op"), reason: None };
    let denied = Status::Denied(Denied { code: "denied-by-policy".into(), reasons: Vec::new() });
    let done = Status::Succeeded { result: Json::empty_object() };
    for status in [
        Status::Received,
        Status::AwaitingApproval,
        Status::Rejected,
        Status::Unknown { holder, permit, error: None },
        cancelled,
        denied,
        done,
    ] {
        assert!(!with(status.clone()).may_be_retried(), "{status:?}");
    }
    let parent = Parent { execution: "e0".into(), depth: 0, retried_by: None };
    assert!(!with(failed()).called_by(parent).may_be_retried());
}

#[test]
fn who_wants_a_retry_does_not_decide_about_it() {
    let retry = Retry { of: "e0".into(), by: person("Op") };
    let retried = received().retrying(retry);
    assert_eq!(retried.themselves(), [person("bot"), person("app"), person("op")]);
    assert_eq!(retried.digest, received().digest, "it is the same action");
    let read: Execution = serde_json::from_str(&retried.canonical()).unwrap();
    assert_eq!(read, retried);
    assert!(!received().canonical().contains("retry"), "others are kept as they ever were");
}
