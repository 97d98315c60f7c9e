//! What a tool carries out: it asks, is dropped, goes on, and is taken over.

use super::tests::{asking, person, received, request, tool};
use super::*;
use crate::approval::{Ballot, Choice};
use crate::json::Json;
use crate::requirement::Disposition;

fn permit(run: u64) -> Digest {
    Digest::of(run.to_string())
}

fn claim(execution: &Execution, run: u64, at_ms: u64) -> Result<Execution, Refused> {
    let permission = Permission {
        holder: person("host"),
        action: execution.digest,
        permit: permit(run),
        lease_until_ms: at_ms + 10_000,
    };
    apply(execution, Event::Claimed { permission, at_ms })
}

fn apply(execution: &Execution, event: Event) -> Result<Execution, Refused> {
    execution.apply(event).map(|transition| transition.next)
}

fn running() -> Execution {
    let (decision, ruling, request) = ("d1".to_owned(), Ruling::Permitted, request(10));
    let decided =
        Event::Decided { policy_set: Digest::of("set"), decision, ruling, request, at_ms: 1_000 };
    let allowed = apply(&received().by_tool(tool()), decided).unwrap();
    assert_eq!(allowed.work_at_ms(), Some(0));
    claim(&allowed, 1, 2_000).unwrap()
}

fn asks(run: u64) -> Event {
    let asking = asking("a1", &["user:ann"], Disposition::Deny);
    Event::Asked { permit: permit(run), asking, at_ms: 3_000 }
}

fn suspends(run: u64) -> Event {
    let awaits = Awaited::Approval { id: "a1".into() };
    Event::Suspended { permit: permit(run), awaits, at_ms: 4_000 }
}

fn suspended() -> Execution {
    apply(&apply(&running(), asks(1)).unwrap(), suspends(1)).unwrap()
}

fn votes(execution: &Execution, choice: Choice) -> Execution {
    let (voter, groups) = (person("ann"), Default::default());
    let ballot = Ballot { voter, groups, choice, reason: None, at_ms: 5_000 };
    apply(execution, Event::Voted { approval: "a1".into(), ballot }).unwrap()
}

fn reports(run: u64) -> Event {
    let report = Report::Succeeded(Json::empty_object());
    Event::Reported { by: person("host"), permit: permit(run), report, at_ms: 9_000 }
}

#[test]
fn the_tool_is_part_of_what_is_allowed() {
    let (plain, by_tool) = (received(), received().by_tool(tool()));
    assert!(!plain.canonical().contains("tool"), "what has no tool is kept as it ever was");
    assert_ne!(plain.digest, by_tool.digest);
    let changed = BoundTool { digest: Digest::of("another"), ..tool() };
    assert_ne!(received().by_tool(changed).digest, by_tool.digest);
    let read: Execution = serde_json::from_str(&by_tool.canonical()).unwrap();
    assert_eq!(read, by_tool);
}

#[test]
fn a_suspended_tool_goes_on_once_it_is_answered_whatever_the_answer() {
    for choice in [Choice::Approve, Choice::Reject] {
        let suspended = suspended();
        assert_eq!((suspended.work_at_ms(), suspended.due_at_ms()), (None, Some(63_000)));
        assert_eq!(claim(&suspended, 2, 4_500).unwrap_err().code(), "not-now");
        let answered = votes(&suspended, choice);
        assert_eq!(answered.work_at_ms(), Some(0));
        let resumed = claim(&answered, 2, 6_000).unwrap();
        assert_eq!((resumed.status.name(), resumed.fence), ("running", 2));
        assert_eq!(apply(&resumed, reports(1)), Err(Refused::WrongPermit));
        assert_eq!(apply(&resumed, reports(2)).unwrap().status.name(), "succeeded");
    }
}

#[test]
fn a_question_that_nobody_answers_ends_and_the_tool_goes_on() {
    let expired = apply(&suspended(), Event::Passed { at_ms: 63_000 }).unwrap();
    assert_eq!(expired.status.name(), "suspended");
    assert_eq!(claim(&expired, 2, 64_000).unwrap().fence, 2);
}

#[test]
fn a_run_that_is_given_back_is_taken_over_at_once_and_by_nobody_else_given_back() {
    let running = running();
    let released = |run, at_ms| Event::Released { permit: permit(run), at_ms };
    assert_eq!(apply(&running, released(2, 3_000)), Err(Refused::WrongPermit));
    assert_eq!(claim(&running, 2, 3_000).unwrap_err().code(), "not-now");
    let given_back = apply(&running, released(1, 3_000)).unwrap();
    assert_eq!((given_back.status.name(), given_back.work_at_ms()), ("running", Some(3_000)));
    let taken_over = claim(&given_back, 2, 3_000).unwrap();
    assert_eq!(taken_over.fence, 2);
    assert_eq!(apply(&taken_over, released(1, 3_001)), Err(Refused::WrongPermit));
    // What was cut off too late keeps the end that its lease had.
    assert_eq!(apply(&running, released(1, 90_000)).unwrap().work_at_ms(), Some(12_000));
    assert_eq!(apply(&suspended(), released(1, 5_000)).unwrap_err().code(), "not-now");
}

#[test]
fn a_run_that_is_not_heard_of_is_taken_over_and_not_before() {
    let running = running();
    assert_eq!(apply(&running, Event::Passed { at_ms: 90_000 }), Err(Refused::Nothing));
    assert_eq!(claim(&running, 2, 11_999).unwrap_err().code(), "not-now");
    let taken_over = claim(&running, 2, 12_000).unwrap();
    for event in [asks(1), suspends(1), reports(1)] {
        assert_eq!(apply(&taken_over, event), Err(Refused::WrongPermit));
    }
}

#[test]
fn a_run_that_ends_every_time_before_it_is_done_is_given_up() {
    let mut execution = running();
    let mut at_ms = 2_000;
    while execution.work_at_ms().is_some() {
        at_ms += 10_000;
        execution = claim(&execution, execution.fence + 1, at_ms).unwrap();
    }
    assert_eq!(execution.fence, BEGINS_MAX);
    let given_up = apply(&execution, Event::Passed { at_ms: at_ms + 10_000 }).unwrap();
    assert_eq!(given_up.status.name(), "unknown");
}

#[test]
fn a_tool_that_waits_often_is_not_given_up_for_that() {
    let mut execution = running();
    for at in 1..=2 * BEGINS_MAX {
        let suspended = apply(&execution, suspends(execution.fence)).unwrap();
        assert_eq!(execution.fence, at);
        execution = claim(&suspended, at + 1, 100_000 * (at + 1)).unwrap();
    }
    assert!(execution.work_at_ms().is_some());
    let Status::Running { lease_until_ms, .. } = execution.status else { panic!("it runs") };
    let (at_ms, permit) = (lease_until_ms - 1, permit(execution.fence));
    let released = apply(&execution, Event::Released { permit, at_ms }).unwrap();
    assert_eq!(apply(&released, Event::Passed { at_ms }), Err(Refused::Nothing));
    assert_eq!(released.work_at_ms(), Some(at_ms));
}

#[test]
fn a_tool_that_ends_leaves_no_question_open() {
    let asked = apply(&running(), asks(1)).unwrap();
    let ended = apply(&asked, reports(1)).unwrap();
    assert_eq!(ended.approvals[0].state.name(), "cancelled");
    let cancelled = Event::Cancelled { by: person("op"), reason: None, at_ms: 5_000 };
    assert_eq!(apply(&asked, cancelled.clone()).unwrap_err().code(), "not-now");
    let cancelled = apply(&suspended(), cancelled).unwrap();
    assert_eq!(cancelled.approvals[0].state.name(), "cancelled");
}

#[test]
fn what_people_carry_out_cannot_ask_or_wait() {
    let decision = "d1".to_owned();
    let (ruling, request, at_ms) = (Ruling::Permitted, request(10), 1_000);
    let allowed = apply(
        &received(),
        Event::Decided { policy_set: Digest::of("set"), decision, ruling, request, at_ms },
    )
    .unwrap();
    let running = claim(&allowed, 1, 2_000).unwrap();
    assert_eq!(running.work_at_ms(), None);
    for event in [asks(1), suspends(1)] {
        assert_eq!(apply(&running, event).unwrap_err().code(), "not-now");
    }
}

#[test]
fn a_tool_that_waits_for_another_goes_on_once_that_has_ended() {
    let awaits = Awaited::Execution { id: "e2".into(), has_ended: false };
    let suspends = Event::Suspended { permit: permit(1), awaits, at_ms: 4_000 };
    let suspended = apply(&running(), suspends).unwrap();
    assert_eq!(suspended.work_at_ms(), None);
    let ends = |execution: &str| Event::CallEnded { execution: execution.into(), at_ms: 5_000 };
    assert_eq!(apply(&suspended, ends("e3")), Err(Refused::Nothing));
    let told = apply(&suspended, ends("e2")).unwrap();
    assert_eq!(told.work_at_ms(), Some(0));
    assert_eq!(apply(&told, ends("e2")), Err(Refused::Nothing));
    assert_eq!(claim(&told, 2, 6_000).unwrap().fence, 2);
}

#[test]
fn a_tool_that_does_not_know_what_it_has_begun_is_unknown_itself() {
    let lost = |run| Event::Lost { permit: permit(run), error: "gone".into(), at_ms: 4_000 };
    assert_eq!(apply(&running(), lost(2)), Err(Refused::WrongPermit));
    let unknown = apply(&running(), lost(1)).unwrap();
    assert_eq!((unknown.status.name(), unknown.work_at_ms()), ("unknown", None));
}

#[test]
fn a_call_is_one_deeper_than_its_caller() {
    let parent = |caller: &Execution| Parent {
        execution: "e1".into(),
        depth: caller.depth(),
        retried_by: None,
    };
    let called = received().called_by(parent(&received()));
    assert_eq!((received().depth(), called.depth()), (0, 1));
    assert_eq!(received().called_by(parent(&called)).depth(), 2);
    assert_eq!(received().digest, called.digest, "who calls is not what is done");
}

fn decides(ruling: Ruling, amount: u64, at_ms: u64) -> Event {
    Event::Decided {
        policy_set: Digest::of("set"),
        decision: "d2".to_owned(),
        ruling,
        request: request(amount),
        at_ms,
    }
}

fn code(execution: &Execution) -> &str {
    match &execution.status {
        Status::Denied(denied) => &denied.code,
        other => panic!("it is {}", other.name()),
    }
}

#[test]
fn policies_are_asked_again_before_a_tool_goes_on() {
    let answered = votes(&suspended(), Choice::Approve);
    assert_eq!(
        apply(&suspended(), decides(Ruling::Permitted, 10, 6_000)).unwrap_err().code(),
        "not-now"
    );
    let decided = answered.apply(decides(Ruling::Permitted, 10, 6_000)).unwrap();
    assert_eq!(decided.facts, [Fact::Decided { decision: "d2".into() }]);
    assert_eq!(decided.next.status, answered.status, "the claim comes next");
    assert_eq!(claim(&decided.next, 2, 6_000).unwrap().fence, 2);
    let denial = Denied { code: "denied-by-policy".into(), reasons: Vec::new() };
    let denied = apply(&answered, decides(Ruling::Denied(denial), 10, 6_000)).unwrap();
    assert_eq!((code(&denied), denied.work_at_ms()), ("denied-by-policy", None));
    assert_eq!(claim(&denied, 2, 6_000).unwrap_err().code(), "not-now");
}

#[test]
fn a_tool_goes_on_as_it_began_or_not_at_all() {
    let answered = votes(&suspended(), Choice::Approve);
    let amended = apply(&answered, decides(Ruling::Permitted, 11, 6_000)).unwrap();
    assert_eq!(code(&amended), "action-changed");
    // What ann has agreed to is what the tool asked her, and not what a policy asks.
    for approver in ["user:ann", "user:bob"] {
        let asks = Ruling::Asked(vec![asking("a2", &[approver], Disposition::Deny)]);
        let unmet = apply(&answered, decides(asks, 10, 6_000)).unwrap();
        assert_eq!(code(&unmet), "requirement-changed");
    }
}

#[test]
fn a_tool_goes_on_with_what_people_said_to_the_policy() {
    let asks = |id: &str, approver| Ruling::Asked(vec![asking(id, &[approver], Disposition::Deny)]);
    let asked = apply(&received().by_tool(tool()), decides(asks("a1", "user:ann"), 10, 1_000));
    let agreed = votes(&asked.unwrap(), Choice::Approve);
    let allowed = apply(&agreed, decides(asks("a2", "user:ann"), 10, 6_000)).unwrap();
    let awaits = Awaited::Execution { id: "e2".into(), has_ended: true };
    let suspends = Event::Suspended { permit: permit(1), awaits, at_ms: 7_000 };
    let waiting = apply(&claim(&allowed, 1, 6_000).unwrap(), suspends).unwrap();
    let met = apply(&waiting, decides(asks("a3", "user:ann"), 10, 8_000)).unwrap();
    assert_eq!(met.status, waiting.status);
    let unmet = apply(&waiting, decides(asks("a3", "user:bob"), 10, 8_000)).unwrap();
    assert_eq!(code(&unmet), "requirement-changed");
}

#[test]
fn a_run_that_is_taken_over_is_decided_again_and_leaves_no_question_open() {
    let asked = apply(&running(), asks(1)).unwrap();
    let denied = || Ruling::Denied(Denied { code: "denied-by-policy".into(), reasons: Vec::new() });
    assert_eq!(apply(&asked, decides(denied(), 10, 11_999)).unwrap_err().code(), "not-now");
    let denied = apply(&asked, decides(denied(), 10, 12_000)).unwrap();
    assert_eq!(code(&denied), "denied-by-policy");
    assert_eq!(denied.approvals[0].state.name(), "cancelled");
    assert_eq!(apply(&denied, reports(1)).unwrap_err().code(), "not-now");
}

#[test]
fn what_the_host_would_begin_otherwise_ends_and_does_not_wait_for_ever() {
    let (decision, request, at_ms) = ("d1".to_owned(), request(10), 1_000);
    let ruling = Ruling::Asked(vec![asking("a1", &["user:ann"], Disposition::Deny)]);
    let decided =
        Event::Decided { policy_set: Digest::of("set"), decision, ruling, request, at_ms };
    let allowed = votes(&apply(&received().by_tool(tool()), decided).unwrap(), Choice::Approve);
    let amended = apply(&allowed, decides(Ruling::Permitted, 11, 6_000)).unwrap();
    assert_eq!(code(&amended), "action-changed");
}

fn waiting_for(call: &str) -> Execution {
    let awaits = Awaited::Execution { id: call.into(), has_ended: false };
    let suspends = Event::Suspended { permit: permit(1), awaits, at_ms: 4_000 };
    apply(&running(), suspends).unwrap()
}

#[test]
fn the_end_of_a_call_is_told_to_who_called_whichever_comes_first() {
    let parent = Parent { execution: "e0".into(), depth: 0, retried_by: None };
    let called = running().called_by(parent);
    let tells = Errand::TellCaller { caller: "e0".into(), call: called.id.clone() };
    for event in [reports(1), Event::Lost { permit: permit(1), error: "gone".into(), at_ms: 4_000 }]
    {
        let ended = apply(&called, event).unwrap();
        assert!(Errand::of_transition(Some(&called), &ended).contains(&tells));
    }
    assert_eq!(Errand::of_transition(Some(&running()), &called), []);
    let waiting = waiting_for("e2");
    let looks = Errand::TellCaller { caller: waiting.id.clone(), call: "e2".into() };
    assert_eq!(Errand::of_transition(Some(&running()), &waiting), [looks]);
}

#[test]
fn who_ends_otherwise_than_well_calls_off_what_it_called() {
    let cancelled = Event::Cancelled { by: person("op"), reason: None, at_ms: 5_000 };
    let waiting = waiting_for("e2");
    let ended = apply(&waiting, cancelled.clone()).unwrap();
    let calls_off = [Errand::CallOff { caller: waiting.id.clone() }];
    assert_eq!(Errand::of_transition(Some(&waiting), &ended), calls_off);
    let lost =
        apply(&running(), Event::Lost { permit: permit(1), error: "gone".into(), at_ms: 4_000 })
            .unwrap();
    assert_eq!(Errand::of_transition(Some(&running()), &lost), calls_off);
    // What waits for people has seen the end of all that it called, and so has what succeeds.
    let ended = apply(&suspended(), cancelled).unwrap();
    assert_eq!(Errand::of_transition(Some(&suspended()), &ended), []);
    let succeeded = apply(&running(), reports(1)).unwrap();
    assert_eq!(Errand::of_transition(Some(&running()), &succeeded), []);
}

#[test]
fn a_tool_that_is_another_now_neither_begins_nor_goes_on() {
    let finds = |tool, at_ms| {
        let (by, permit) = (person("host"), Digest::of("nobody's"));
        Event::ToolChanged { tool, by, permit, at_ms }
    };
    let another = || BoundTool { digest: Digest::of("another"), ..tool() };
    let changes = |at_ms| finds(another(), at_ms);
    let answered = votes(&suspended(), Choice::Approve);
    for (waiting, at_ms) in [(answered, 6_000), (running(), 12_000)] {
        let refused = apply(&waiting, changes(at_ms)).unwrap();
        assert_eq!((code(&refused), refused.work_at_ms()), ("tool-changed", None));
    }
    assert_eq!(apply(&running(), changes(11_999)).unwrap_err().code(), "not-now");
    assert_eq!(apply(&suspended(), changes(6_000)).unwrap_err().code(), "not-now");
    assert_eq!(apply(&running(), finds(tool(), 12_000)), Err(Refused::Nothing));
}
