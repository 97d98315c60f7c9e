use super::*;
use crate::requirement::Stage;

fn person(text: &str) -> Person {
    text.parse().unwrap()
}

fn stage(approvers: &[&str], quorum: u32, on_expiry: Disposition) -> Stage {
    let approvers = approvers.iter().map(|name| (*name).to_owned()).collect();
    Stage { approvers, quorum, expires_after_seconds: 60, on_expiry }
}

fn requirement(stages: Vec<Stage>) -> Requirement {
    Requirement {
        title: "Pay 10 to X".into(),
        reason: "new payee".into(),
        stages,
        allow_self_approval: false,
        reason_required: false,
    }
}

fn opened(requirement: Requirement) -> Approval {
    Approval::open("a1".into(), "review".parse().unwrap(), requirement, 1_000)
}

fn ballot(voter: &str, choice: Choice, at_ms: u64) -> Ballot {
    Ballot { voter: person(voter), groups: BTreeSet::new(), choice, reason: None, at_ms }
}

fn two_of_three() -> Approval {
    opened(requirement(vec![stage(&["user:ann", "user:bob", "user:cid"], 2, Disposition::Deny)]))
}

#[test]
fn a_quorum_of_distinct_people_approves() {
    let one = two_of_three().vote(&ballot("ann", Choice::Approve, 1_001), &[]).unwrap();
    let again = one.vote(&ballot("ANN", Choice::Approve, 1_002), &[]).unwrap();
    assert_eq!(again, one, "one person has one vote, however spelled");
    let both = one.vote(&ballot("bob", Choice::Approve, 1_003), &[]).unwrap();
    assert_eq!(both.state, ApprovalState::Approved);
}

#[test]
fn one_rejection_ends_it_for_good() {
    let one = two_of_three().vote(&ballot("ann", Choice::Approve, 1_001), &[]).unwrap();
    let rejected = one.vote(&ballot("ann", Choice::Reject, 1_002), &[]).unwrap();
    assert_eq!(rejected.state, ApprovalState::Rejected);
    let late = rejected.vote(&ballot("bob", Choice::Approve, 1_003), &[]).unwrap_err();
    assert_eq!(late, VoteRefused::Ended("rejected"));
    assert_eq!(rejected.at(u64::MAX), None, "what was rejected does not expire");
}

#[test]
fn a_vote_at_the_end_is_late() {
    let approval = two_of_three();
    assert!(approval.vote(&ballot("ann", Choice::Approve, 60_999), &[]).is_ok());
    let late = approval.vote(&ballot("ann", Choice::Approve, 61_000), &[]).unwrap_err();
    assert_eq!(late, VoteRefused::Ended("expired"));
}

#[test]
fn refuses_who_is_not_asked_and_who_asks_themselves() {
    let refused = two_of_three().vote(&ballot("dan", Choice::Approve, 1_001), &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`dan` is not asked\nhint: asked are user:ann, user:bob, user:cid"
    );
    let themselves = [person("Ann")];
    let refused = two_of_three().vote(&ballot("ann", Choice::Reject, 1_001), &themselves);
    assert_eq!(refused.unwrap_err().code(), "self-approval");
    let mut allowed = two_of_three();
    allowed.requirement.allow_self_approval = true;
    assert!(allowed.vote(&ballot("ann", Choice::Approve, 1_001), &themselves).is_ok());
}

#[test]
fn a_required_reason_must_say_something() {
    let mut approval = two_of_three();
    approval.requirement.reason_required = true;
    let with = |reason: Option<&str>| Ballot {
        reason: reason.map(str::to_owned),
        ..ballot("ann", Choice::Approve, 1_001)
    };
    for reason in [None, Some(""), Some(" \n")] {
        assert_eq!(approval.vote(&with(reason), &[]), Err(VoteRefused::ReasonRequired));
    }
    assert!(approval.vote(&with(Some("seen the invoice")), &[]).is_ok());
    let long = "x".repeat(2_001);
    assert_eq!(approval.vote(&with(Some(&long)), &[]), Err(VoteRefused::ReasonTooLong(2_001)));
}

#[test]
fn a_group_is_asked_through_its_members() {
    let approval = opened(requirement(vec![stage(&["group:finance"], 1, Disposition::Deny)]));
    let member = Ballot {
        groups: [person("Finance"), person("staff")].into(),
        ..ballot("dan", Choice::Approve, 1_001)
    };
    let approved = approval.vote(&member, &[]).unwrap();
    assert_eq!(approved.state, ApprovalState::Approved);
    assert_eq!(approved.votes[0].groups, [person("finance")].into(), "only what was asked");
    // A user who is called as the group is not in it.
    assert!(approval.vote(&ballot("finance", Choice::Approve, 1_001), &[]).is_err());
}

#[test]
fn stages_follow_each_other() {
    let stages = vec![
        stage(&["user:ann"], 1, Disposition::Deny),
        stage(&["user:bob"], 1, Disposition::Deny),
    ];
    let approval = opened(requirement(stages));
    assert!(approval.vote(&ballot("bob", Choice::Approve, 1_001), &[]).is_err(), "not yet");
    let second = approval.vote(&ballot("ann", Choice::Approve, 5_000), &[]).unwrap();
    assert_eq!(second.state, ApprovalState::Pending { stage: 1, expires_at_ms: 65_000 });
    let done = second.vote(&ballot("bob", Choice::Approve, 6_000), &[]).unwrap();
    assert_eq!(done.state, ApprovalState::Approved);
}

#[test]
fn the_end_of_a_stage_does_what_the_policy_said() {
    let check = |first, second, at: u64| {
        let stages = vec![stage(&["user:ann"], 1, first), stage(&["user:bob"], 1, second)];
        opened(requirement(stages)).at(at).map(|approval| approval.state)
    };
    let next = |at: u64| Some(ApprovalState::Pending { stage: 1, expires_at_ms: at + 60_000 });
    use Disposition::{Approve, Deny, Escalate};
    assert_eq!(check(Deny, Deny, 60_999), None);
    assert_eq!(check(Deny, Deny, 61_000), Some(ApprovalState::Expired));
    assert_eq!(check(Escalate, Deny, 61_000), next(61_000));
    assert_eq!(check(Approve, Deny, 90_000), next(90_000));
    let last = |on_expiry| {
        opened(requirement(vec![stage(&["user:ann"], 1, on_expiry)])).at(61_000).unwrap().state
    };
    assert_eq!(last(Escalate), ApprovalState::Expired);
    assert_eq!(last(Approve), ApprovalState::Approved);
}

fn meets(approval: &Approval, later: &Requirement, themselves: &[Person]) -> bool {
    approval.meets(&approval.binding, later, themselves)
}

#[test]
fn an_approval_counts_for_the_policy_that_asked_and_stage_by_stage() {
    let stages = || vec![stage(&["user:ann"], 1, Disposition::Deny)];
    let one = opened(requirement(stages()));
    let approved = one.vote(&ballot("ann", Choice::Approve, 1_001), &[]).unwrap();
    assert!(meets(&approved, &approved.requirement, &[]));
    assert!(!approved.meets(&"another".parse().unwrap(), &approved.requirement, &[]));
    assert!(!meets(&approved.clone().by_tool(), &approved.requirement, &[]), "no policy asked");
    let other_words = Requirement { reason: "more is spent".into(), ..requirement(stages()) };
    let by_nobody = opened(requirement(vec![stage(&["user:ann"], 1, Disposition::Approve)]));
    let by_nobody = by_nobody.at(61_000).unwrap();
    let later = Requirement { reason: other_words.reason.clone(), ..by_nobody.requirement.clone() };
    assert!(meets(&approved, &other_words, &[]) && meets(&by_nobody, &later, &[]));
    let twice = requirement([stages(), stages()].concat());
    assert!(!meets(&approved, &twice, &[]), "nobody was asked the second question");
}

#[test]
fn an_answer_that_comes_again_is_told_from_one_to_the_next_stage() {
    let stages = |second: &str| {
        vec![stage(&["user:ann"], 1, Disposition::Deny), stage(&[second], 1, Disposition::Deny)]
    };
    let yes = |at_ms| ballot("ann", Choice::Approve, at_ms);
    let voted = |second| opened(requirement(stages(second))).vote(&yes(1_001), &[]).unwrap();
    let of_another = voted("user:bob");
    assert!(of_another.has_said(&yes(1_002)) && !of_another.asks(&yes(1_002)));
    let of_the_same = voted("user:ann");
    assert!(of_the_same.has_said(&yes(1_002)) && of_the_same.asks(&yes(1_002)));
    assert!(!of_the_same.asks(&yes(61_001)), "its time is over");
    assert!(!of_the_same.has_said(&ballot("ann", Choice::Reject, 1_002)));
}

#[test]
fn what_nobody_sees_is_no_reason() {
    let asked = Requirement { reason_required: true, ..two_of_three().requirement };
    for reason in ["", " ", "\u{200b}", " \u{feff}\n"] {
        let mut silent = ballot("ann", Choice::Approve, 1_001);
        silent.reason = Some(reason.into());
        let refused = opened(asked.clone()).vote(&silent, &[]).unwrap_err();
        assert_eq!(refused, VoteRefused::ReasonRequired, "{reason:?}");
    }
}

#[test]
fn an_approval_counts_later_if_the_same_people_would_do() {
    let approved = two_of_three()
        .vote(&ballot("ann", Choice::Approve, 1_001), &[])
        .and_then(|a| a.vote(&ballot("bob", Choice::Approve, 1_002), &[]))
        .unwrap();
    let later =
        |approvers: &[&str], quorum| requirement(vec![stage(approvers, quorum, Disposition::Deny)]);
    assert!(meets(&approved, &later(&["user:Bob"], 1), &[]));
    assert!(meets(&approved, &later(&["user:ann", "user:bob"], 2), &[]));
    assert!(!meets(&approved, &later(&["user:cid"], 1), &[]));
    assert!(!meets(&approved, &later(&["user:ann", "user:bob", "user:cid"], 3), &[]));
    assert!(
        !meets(&approved, &later(&["user:bob"], 1), &[person("bob")]),
        "nobody decides on theirs"
    );
    let mut reasoned = later(&["user:bob"], 1);
    reasoned.reason_required = true;
    assert!(!meets(&approved, &reasoned, &[]));
    assert!(!meets(&two_of_three(), &two_of_three().requirement, &[]), "pending meets nothing");
}

#[test]
fn a_question_is_open_to_one_person_until_they_answer_or_it_is_past() {
    let stages = vec![
        stage(&["user:ann", "user:bob"], 2, Disposition::Deny),
        stage(&["user:ann"], 1, Disposition::Deny),
    ];
    let asked = opened(requirement(stages));
    let open = Standing::Open { expires_at_ms: 61_000 };
    assert_eq!(asked.standing(&person("ann"), 0, 60_999), open);
    assert_eq!(asked.standing(&person("ann"), 0, 61_000), Standing::Over);
    assert_eq!(asked.standing(&person("ann"), 1, 1_001), Standing::Over);
    let half = asked.vote(&ballot("ANN", Choice::Approve, 1_001), &[]).unwrap();
    assert_eq!(half.standing(&person("ann"), 0, 1_002), Standing::Answered(&half.votes[0]));
    assert_eq!(half.standing(&person("bob"), 0, 1_002), open);
    let second = half.vote(&ballot("bob", Choice::Approve, 5_000), &[]).unwrap();
    assert_eq!(second.standing(&person("cid"), 0, 5_001), Standing::Over);
    let asked_again = Standing::Open { expires_at_ms: 65_000 };
    assert_eq!(second.standing(&person("ann"), 1, 5_001), asked_again);
    let rejected = half.vote(&ballot("bob", Choice::Reject, 5_000), &[]).unwrap();
    assert_eq!(rejected.standing(&person("cid"), 0, 5_001), Standing::Over);
}
