//! What holds after any events, in any order, duplicated or replayed.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::tests::{asking, person, received, request, tool, tool_of};
use super::*;
use crate::approval::{ApprovalState, Ballot, Choice};
use crate::json::Json;
use crate::requirement::Disposition;
use crate::tool::ToolKind;

const PEOPLE: &[&str] = &["ann", "ANN", "bob", "Bob", "cid", "bot", "app"];

fn dispositions() -> impl Strategy<Value = Disposition> {
    prop_oneof![Just(Disposition::Deny), Just(Disposition::Escalate), Just(Disposition::Approve)]
}

fn rulings() -> impl Strategy<Value = Ruling> {
    let denied = Denied { code: "denied-by-policy".into(), reasons: Vec::new() };
    let asked = (0..3u8, dispositions(), 1..3usize).prop_map(|(id, on_expiry, stages)| {
        let approvers = &["user:Ann", "user:bob"][..stages];
        Ruling::Asked(vec![asking(&format!("a{id}"), approvers, on_expiry)])
    });
    prop_oneof![1 => Just(Ruling::Denied(denied)), 3 => Just(Ruling::Permitted), 4 => asked]
}

fn events() -> impl Strategy<Value = Event> {
    let at = 1_000..400_000u64;
    let decided = (rulings(), prop_oneof![9 => Just(10), 1 => Just(11)], at.clone()).prop_map(
        |(ruling, n, at_ms)| {
            let decision = "d1".to_owned();
            Event::Decided {
                policy_set: Digest::of("set"),
                decision,
                ruling,
                request: request(n),
                at_ms,
            }
        },
    );
    let voted = (0..3u8, prop::sample::select(PEOPLE), any::<bool>(), at.clone()).prop_map(
        |(id, voter, yes, at_ms)| {
            let choice = if yes { Choice::Approve } else { Choice::Reject };
            let (voter, groups) = (person(voter), BTreeSet::new());
            let ballot = Ballot { voter, groups, choice, reason: None, at_ms };
            Event::Voted { approval: format!("a{id}"), ballot }
        },
    );
    let amounts = prop_oneof![9 => Just(10), 1 => Just(11)];
    let claimed = (amounts, any::<bool>(), 0..3u8, at.clone()).prop_map(
        |(amount, by_tool, permit, at_ms)| {
            let action = action_digest(&Tenant::default(), &request(amount));
            let permission = Permission {
                holder: person("app"),
                action: if by_tool { tool_digest(action, &tool()) } else { action },
                permit: Digest::of([permit]),
                lease_until_ms: at_ms + 30_000,
            };
            Event::Claimed { permission, at_ms }
        },
    );
    let tool_asked =
        (0..3u8, 0..3u8, dispositions(), at.clone()).prop_map(|(permit, id, on_expiry, at_ms)| {
            let asking = asking(&format!("a{id}"), &["user:Ann"], on_expiry);
            Event::Asked { permit: Digest::of([permit]), asking, at_ms }
        });
    let suspended = (0..3u8, 0..3u8, 0..3u8, at.clone()).prop_map(|(permit, id, kind, at_ms)| {
        let awaits = match kind {
            0 => Awaited::Execution { id: format!("e{id}"), has_ended: false },
            1 => Awaited::Approval { id: format!("a{id}") },
            _ => Awaited::Time {
                at_ms: at_ms + 1_000,
                error: String::new(),
                may_have_arrived: id == 0,
            },
        };
        Event::Suspended { permit: Digest::of([permit]), awaits, at_ms }
    });
    let call_ended = (0..3u8, at.clone())
        .prop_map(|(id, at_ms)| Event::CallEnded { execution: format!("e{id}"), at_ms });
    let tool_changed = (any::<bool>(), at.clone()).prop_map(|(is_other, at_ms)| {
        let digest = if is_other { Digest::of("another") } else { tool().digest };
        let (by, permit) = (person("host"), Digest::of("nobody's"));
        Event::ToolChanged { tool: BoundTool { digest, ..tool() }, by, permit, at_ms }
    });
    let released = (0..3u8, at.clone())
        .prop_map(|(permit, at_ms)| Event::Released { permit: Digest::of([permit]), at_ms });
    let lost = (0..3u8, at.clone()).prop_map(|(permit, at_ms)| {
        let error = "no answer".to_owned();
        Event::Lost { permit: Digest::of([permit]), error, at_ms }
    });
    let sent_again = at.clone().prop_map(|at_ms| Event::SentAgain { by: person("op"), at_ms });
    let report = || {
        any::<bool>().prop_map(|good| match good {
            true => Report::Succeeded(Json::empty_object()),
            false => Report::Failed("in vain".into()),
        })
    };
    let reported = (0..3u8, report(), at.clone()).prop_map(|(permit, report, at_ms)| {
        Event::Reported { by: person("app"), permit: Digest::of([permit]), report, at_ms }
    });
    let resolved = (report(), at.clone()).prop_map(|(report, at_ms)| Event::Resolved {
        by: person("op"),
        report,
        at_ms,
    });
    let cancelled = at.clone().prop_map(|at_ms| {
        let by = person("op");
        Event::Cancelled { by, reason: None, at_ms }
    });
    let passed = at.prop_map(|at_ms| Event::Passed { at_ms });
    prop_oneof![3 => decided, 6 => voted, 6 => claimed, 3 => tool_asked, 2 => suspended,
        2 => call_ended, 1 => lost, 2 => released, 1 => tool_changed, 1 => sent_again, 2 => reported,
        1 => resolved, 1 => cancelled, 2 => passed]
}

/// Who carries it out; none where whoever claims it does.
fn kinds() -> impl Strategy<Value = Option<ToolKind>> {
    let kinds = [ToolKind::Component, ToolKind::Endpoint, ToolKind::IdempotentEndpoint];
    prop::option::weighted(0.75, prop::sample::select(kinds.to_vec()))
}

/// Some history: events, some of them again later.
fn histories() -> impl Strategy<Value = Vec<Event>> {
    (
        prop::collection::vec(events(), 1..40),
        prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    )
        .prop_map(|(events, again)| {
            let replayed: Vec<_> = again.iter().map(|index| index.get(&events).clone()).collect();
            events.into_iter().chain(replayed).collect()
        })
}

fn check(before: &Execution, transition: &Transition) {
    let Transition { next, facts } = transition;
    assert_eq!(Status::FINAL_NAMES.contains(&next.status.name()), next.status.is_final());
    assert!(!before.status.is_final(), "what is final stays: {before:?}");
    assert_eq!(next.version, before.version + 1);
    assert!(!facts.is_empty(), "nothing changes untold");
    let count = |is: fn(&Fact) -> bool| facts.iter().filter(|fact| is(fact)).count() as u64;
    let starts = count(|fact| matches!(fact, Fact::Claimed { .. }));
    let resumptions = count(|fact| matches!(fact, Fact::Resumed { .. }));
    assert_eq!(next.fence, before.fence + starts + resumptions, "one start, one fencing token");
    if starts == 1 {
        assert_eq!(before.fence, 0, "what has begun never begins anew");
        assert!(matches!(before.status, Status::Allowed { settled: true, .. }));
    }
    if resumptions == 1 {
        assert!(before.tool.is_some() && next.retaken < BEGINS_MAX);
        let is_repeatable = before.tool.as_ref().is_some_and(|tool| tool.kind.is_repeatable());
        match before.status {
            Status::Running { .. } => {
                assert!(is_repeatable, "what may have been done is not redone")
            }
            _ => assert!(matches!(before.status, Status::Suspended { .. })),
        }
    }
    if let Status::Unknown { .. } = before.status {
        let by_operator = count(|fact| matches!(fact, Fact::SentAgain { .. }));
        assert!(next.status.is_final() || by_operator == 1, "nobody repeats it unasked");
    }
    if starts + resumptions == 1 {
        assert_eq!(before.digest, next.digest, "what begins is what was allowed");
    }
    if matches!(next.status, Status::Denied(_)) && before.fence > 0 {
        assert!(before.tool.is_some() && before.work_at_ms().is_some(), "it was about to go on");
    }
    if let (Status::Running { lease_until_ms: was, .. }, Status::Running { lease_until_ms: is, .. }) =
        (&before.status, &next.status)
        && before.fence == next.fence
    {
        assert!(is <= was, "a lease never moves later");
    }
    let waits = next.approvals.iter().any(|approval| approval.expires_at_ms().is_some());
    assert!(!waits || next.due_at_ms().is_some(), "what people are asked ends");
    assert!(!waits || !next.status.is_final(), "nobody is asked about what has ended");
    if let (Status::Allowed { start_by_ms: was, .. }, Status::Allowed { start_by_ms: is, .. }) =
        (&before.status, &next.status)
    {
        assert_eq!(was, is, "the time to begin never moves");
    }
    for (was, is) in before.approvals.iter().zip(&next.approvals) {
        check_approval(was, is);
    }
}

fn check_approval(was: &Approval, is: &Approval) {
    match (was.state, is.state) {
        (
            ApprovalState::Pending { stage, expires_at_ms },
            ApprovalState::Pending { stage: later, expires_at_ms: end },
        ) => assert!(later > stage || end == expires_at_ms, "the end of a stage never moves"),
        (ApprovalState::Pending { .. }, _) => {}
        (_, _) => assert_eq!(was, is, "what has ended stays"),
    }
    for stage in 0..is.requirement.stages.len() {
        let approvals = is.votes.iter().filter(|v| v.stage == stage && v.choice == Choice::Approve);
        let voters: Vec<_> = approvals.map(|vote| vote.approver.clone()).collect();
        let distinct: BTreeSet<_> = voters.iter().cloned().collect();
        assert_eq!(distinct.len(), voters.len(), "one person, one vote");
        assert!(!voters.contains(&person("bot")) && !voters.contains(&person("app")));
    }
    assert!(is.votes.starts_with(&was.votes), "votes are only added");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_history_keeps_the_invariants(history in histories(), kind in kinds()) {
        let mut execution = match kind {
            Some(kind) => received().by_tool(tool_of(kind)),
            None => received(),
        };
        for event in history {
            if let Ok(transition) = execution.apply(event) {
                check(&execution, &transition);
                execution = transition.next;
            }
        }
    }
}
