use super::*;
use crate::approval::Choice;
use proptest::prelude::*;

fn tenant() -> Tenant {
    Tenant::default()
}

fn fact() -> impl Strategy<Value = Fact> {
    let person = "[a-zA-Zäß0-9]{1,12}".prop_map(|name| name.parse().unwrap());
    prop_oneof![
        Just(Fact::AwaitingApproval),
        Just(Fact::Allowed { digest: Digest::of("action") }),
        "\\PC{1,20}".prop_map(|code| Fact::Denied { code }),
        person.clone().prop_map(|by| Fact::Succeeded { by }),
        person.prop_map(|by| Fact::Voted { approval: "a".into(), by, choice: Choice::Approve }),
    ]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let numbers = (0..1_u64 << 50, 0..9_u64, 0..9_u64);
    (fact(), numbers, any::<bool>()).prop_map(|(fact, (at_ms, execution, version), goes_on)| {
        Evidence {
            at_ms,
            execution: format!("e{execution}"),
            version,
            state: Digest::of(at_ms.to_string()),
            fact,
            goes_on,
        }
    })
}

fn chain() -> impl Strategy<Value = Vec<ChainedEvent>> {
    prop::collection::vec(evidence(), 2..12).prop_map(|all| {
        let mut head = Head::start(tenant());
        all.into_iter().map(|evidence| head.append(evidence)).collect()
    })
}

/// A chain and two different places in it, the earlier first.
fn chain_and_places() -> impl Strategy<Value = (Vec<ChainedEvent>, usize, usize)> {
    chain().prop_flat_map(|chain| {
        let last = chain.len() - 1;
        (Just(chain), 0..last)
            .prop_flat_map(move |(chain, first)| (Just(chain), Just(first), first + 1..=last))
    })
}

fn check(chain: &[ChainedEvent]) -> Result<Head, Break> {
    let mut verifier = Verifier::new(tenant());
    chain.iter().try_for_each(|event| verifier.take(event))?;
    Ok(verifier.head().clone())
}

fn broken(at: usize, breach: Breach) -> Result<Head, Break> {
    Err(Break { sequence: at as u64 + 1, breach })
}

/// As somebody would who knows how hashes are made.
fn hashed_anew(event: &ChainedEvent) -> ChainedEvent {
    ChainedEvent { hash: Digest::of(event.canonical()), ..event.clone() }
}

/// Changes one member, and nothing else.
fn changed(event: &ChainedEvent, which: usize) -> ChainedEvent {
    let mut event = event.clone();
    let other = Digest::of("other");
    match which {
        0 => event.tenant = "other".parse().unwrap(),
        1 => event.sequence += 1,
        2 => event.at_ms += 1,
        3 => event.execution.push('0'),
        4 => event.version += 1,
        5 => event.state = other,
        6 => event.fact = Fact::Rejected,
        7 => event.previous = other,
        8 => event.goes_on = !event.goes_on,
        _ => event.hash = other,
    }
    event
}

proptest! {
    #[test]
    fn a_chain_that_is_whole_holds(chain in chain()) {
        let head = check(&chain).unwrap();
        let last = chain.last().unwrap();
        prop_assert_eq!((head.sequence, head.hash), (chain.len() as u64, last.hash));
    }

    #[test]
    fn an_event_reads_back_what_it_writes(chain in chain()) {
        for event in chain {
            prop_assert_eq!(ChainedEvent::parse(&event.canonical(), event.hash).unwrap(), event);
        }
    }

    #[test]
    fn a_changed_event_is_found((mut chain, at, _) in chain_and_places(), which in 0_usize..10) {
        chain[at] = changed(&chain[at], which);
        prop_assert_eq!(check(&chain), broken(at, Breach::Changed));
    }

    #[test]
    fn a_changed_event_with_a_hash_of_its_own_is_found_at_the_next(
        (mut chain, at, _) in chain_and_places(), which in 2_usize..7,
    ) {
        chain[at] = hashed_anew(&changed(&chain[at], which));
        prop_assert_eq!(check(&chain), broken(at + 1, Breach::OutOfOrder));
    }

    #[test]
    fn a_missing_event_is_found((mut chain, at, _) in chain_and_places()) {
        chain.remove(at);
        prop_assert_eq!(check(&chain), broken(at, Breach::Missing));
    }

    #[test]
    fn two_events_in_each_others_place_are_found((mut chain, at, other) in chain_and_places()) {
        chain.swap(at, other);
        prop_assert_eq!(check(&chain), broken(at, Breach::Missing));
        // Renumbered, so that no place is empty.
        for place in [at, other] {
            chain[place].sequence = place as u64 + 1;
        }
        prop_assert_eq!(check(&chain), broken(at, Breach::Changed));
        for place in [at, other] {
            chain[place] = hashed_anew(&chain[place]);
        }
        prop_assert_eq!(check(&chain), broken(at, Breach::OutOfOrder));
    }

    #[test]
    fn an_event_that_comes_twice_is_found((mut chain, first, later) in chain_and_places()) {
        chain.insert(later + 1, chain[first].clone());
        prop_assert_eq!(check(&chain), broken(first, Breach::OutOfOrder));
    }

    #[test]
    fn an_inserted_event_is_found((mut chain, _, at) in chain_and_places(), evidence in evidence()) {
        // It follows what is before it, so what follows is found.
        let mut head = Head::start(tenant());
        (head.sequence, head.hash) = (at as u64, chain[at - 1].hash);
        chain.insert(at, head.append(evidence));
        prop_assert_eq!(check(&chain), broken(at, Breach::OutOfOrder));
    }
}

#[test]
fn an_event_of_another_tenant_is_out_of_order() {
    let evidence = Evidence {
        at_ms: 1,
        execution: "e".into(),
        version: 1,
        state: Digest::of("state"),
        fact: Fact::AwaitingApproval,
        goes_on: false,
    };
    let mut other = Head::start("other".parse().unwrap());
    let event = other.append(evidence);
    assert_eq!(check(std::slice::from_ref(&event)), broken(0, Breach::OutOfOrder));
    let start = Head { tenant: other.tenant, ..Head::start(tenant()) };
    let event = hashed_anew(&ChainedEvent { previous: start.hash, ..event });
    assert_eq!(check(&[event]), broken(0, Breach::OutOfOrder), "also where the hashes fit");
}

#[test]
fn what_is_hashed_stays_as_it_is() {
    let evidence = Evidence {
        at_ms: 1_700_000_000_000,
        execution: "e1".into(),
        version: 1,
        state: Digest::of("state"),
        fact: Fact::Succeeded { by: "Ann".parse().unwrap() },
        goes_on: false,
    };
    let event = Head::start(tenant()).append(evidence);
    let state = Digest::of("state");
    let start = Head::start(tenant()).hash;
    assert_eq!(
        event.canonical(),
        format!(
            "{{\"at_ms\":1700000000000,\"execution\":\"e1\",\
             \"fact\":{{\"by\":\"Ann\",\"kind\":\"execution.succeeded\"}},\
             \"previous\":\"{start}\",\"sequence\":1,\"state\":\"{state}\",\
             \"tenant\":\"default\",\"version\":1}}"
        )
    );
    assert_eq!(event.hash, Digest::of(event.canonical()));
    let event = ChainedEvent { goes_on: true, ..event };
    assert!(event.canonical().contains("\"goes_on\":true,\"previous\""));
}

#[test]
fn an_anchor_is_told_by_the_removal_that_led_to_it_alone() {
    let anchor = Anchor { head: Head { sequence: 7, ..Head::start(tenant()) }, until_ms: 9 };
    let swept = |to, hash, until_ms| Fact::Swept {
        until_ms,
        after: 3,
        to,
        hash,
        executions: 1,
        approvals: 0,
        events: 4,
        decisions: 2,
        dead_letters: 0,
        strands: Vec::new(),
    };
    let hash = anchor.head.hash;
    assert!(anchor.is_told_by(&swept(7, hash, 9)));
    for other in [swept(8, hash, 9), swept(7, Digest::of("other"), 9), swept(7, hash, 8)] {
        assert!(!anchor.is_told_by(&other));
    }
    assert!(!anchor.is_told_by(&Fact::Rejected));
}
