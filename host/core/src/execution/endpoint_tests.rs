//! What an endpoint carries out: it is called again only where that can do no harm, or where an
//! operator says so.

use super::tests::{person, received, request, tool_of};
use super::*;
use crate::json::Json;
use crate::tool::ToolKind;

fn permit(call: u64) -> Digest {
    Digest::of(call.to_string())
}

fn apply(execution: &Execution, event: Event) -> Result<Execution, Refused> {
    execution.apply(event).map(|transition| transition.next)
}

fn claim(execution: &Execution, call: u64, at_ms: u64) -> Result<Execution, Refused> {
    let permission = Permission {
        holder: person("host"),
        action: execution.digest,
        permit: permit(call),
        lease_until_ms: at_ms + 10_000,
    };
    apply(execution, Event::Claimed { permission, at_ms })
}

fn called(kind: ToolKind) -> Execution {
    let (decision, ruling, request) = ("d1".to_owned(), Ruling::Permitted, request(10));
    let decided =
        Event::Decided { policy_set: Digest::of("set"), decision, ruling, request, at_ms: 1_000 };
    let allowed = apply(&received().by_tool(tool_of(kind)), decided).unwrap();
    claim(&allowed, 1, 2_000).unwrap()
}

fn waits(call: u64, may_have_arrived: bool) -> Event {
    let awaits = Awaited::Time { at_ms: 5_000, error: "no answer".into(), may_have_arrived };
    Event::Suspended { permit: permit(call), awaits, at_ms: 3_000 }
}

fn lost(call: u64) -> Event {
    Event::Lost { permit: permit(call), error: "no answer".into(), at_ms: 4_000 }
}

fn cancel() -> Event {
    Event::Cancelled { by: person("op"), reason: None, at_ms: 4_000 }
}

fn send_again() -> Event {
    Event::SentAgain { by: person("op"), at_ms: 20_000 }
}

#[test]
fn a_call_that_nobody_heard_of_again_is_unknown_unless_it_can_be_repeated() {
    let once = called(ToolKind::Endpoint);
    assert_eq!((once.work_at_ms(), once.due_at_ms()), (None, Some(12_000)));
    assert_eq!(claim(&once, 2, 12_000).unwrap_err().code(), "not-now");
    let unknown = apply(&once, Event::Passed { at_ms: 12_000 }).unwrap();
    assert_eq!(unknown.status.name(), "unknown");
    assert_eq!(unknown.given_up().unwrap().calls, 1);

    let often = called(ToolKind::IdempotentEndpoint);
    assert_eq!((often.work_at_ms(), often.due_at_ms()), (Some(12_000), None));
    assert_eq!(claim(&often, 2, 12_000).unwrap().fence, 2);
}

#[test]
fn a_call_that_failed_is_made_again_at_its_time() {
    for kind in [ToolKind::Endpoint, ToolKind::IdempotentEndpoint] {
        let waiting = apply(&called(kind), waits(1, false)).unwrap();
        assert_eq!((waiting.status.name(), waiting.work_at_ms()), ("suspended", Some(5_000)));
        assert_eq!(claim(&waiting, 2, 4_999).unwrap_err().code(), "not-now");
        assert_eq!(claim(&waiting, 2, 5_000).unwrap().fence, 2);
    }
}

#[test]
fn what_may_have_arrived_is_not_called_off() {
    let waiting =
        |arrived| apply(&called(ToolKind::IdempotentEndpoint), waits(1, arrived)).unwrap();
    assert_eq!(apply(&waiting(true), cancel()), Err(Refused::MayHaveArrived));
    assert_eq!(apply(&waiting(false), cancel()).unwrap().status.name(), "cancelled");
}

#[test]
fn an_endpoint_that_is_another_now_is_given_up_where_a_call_may_have_arrived() {
    let changed = |kind, at_ms| Event::ToolChanged {
        tool: BoundTool { digest: Digest::of("another"), ..tool_of(kind) },
        by: person("finder"),
        permit: permit(9),
        at_ms,
    };
    let kind = ToolKind::IdempotentEndpoint;
    let waiting = |arrived| apply(&called(kind), waits(1, arrived)).unwrap();
    assert_eq!(apply(&waiting(true), changed(kind, 4_999)).unwrap_err().code(), "not-now");
    for (begun, at_ms, whose) in [(waiting(true), 5_000, "finder"), (called(kind), 12_000, "host")]
    {
        let unknown = apply(&begun, changed(kind, at_ms)).unwrap();
        let Status::Unknown { holder, .. } = &unknown.status else { panic!("{unknown:?}") };
        assert_eq!(*holder, person(whose));
        assert!(unknown.given_up().unwrap().error.contains("what was allowed is"));
        assert_eq!(unknown.work_at_ms(), None);
    }
    let denied = apply(&waiting(false), changed(kind, 5_000)).unwrap();
    assert_eq!(denied.status.name(), "denied", "it was never sent");
}

#[test]
fn only_an_operator_has_what_is_given_up_sent_again() {
    let given_up = apply(&called(ToolKind::Endpoint), lost(1)).unwrap();
    let GivenUp { tool, calls, error } = given_up.given_up().unwrap();
    assert_eq!((tool.as_str(), calls, error), ("payout", 1, "no answer"));
    assert_eq!((given_up.work_at_ms(), given_up.due_at_ms()), (None, None));
    assert_eq!(claim(&given_up, 2, 30_000).unwrap_err().code(), "not-now");

    let again = apply(&given_up, send_again()).unwrap();
    assert_eq!(again.given_up(), None);
    assert_eq!(again.work_at_ms(), Some(20_000));
    assert_eq!(apply(&again, cancel()), Err(Refused::MayHaveArrived));
    let report = Report::Succeeded(Json::empty_object());
    let late = Event::Reported { by: person("host"), permit: permit(1), report, at_ms: 21_000 };
    assert_eq!(apply(&again, late).unwrap_err().code(), "not-now", "its permit ended");
    assert_eq!(claim(&again, 2, 21_000).unwrap().fence, 2);
}

#[test]
fn what_no_endpoint_carries_out_is_not_sent_again() {
    let unknown = apply(&called(ToolKind::Component), lost(1)).unwrap();
    assert_eq!(unknown.given_up(), None);
    assert_eq!(apply(&unknown, send_again()).unwrap_err().code(), "not-now");
}
