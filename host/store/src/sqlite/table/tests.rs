//! The table against a disk that is a map, with every step of a load and of a commit apart.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use writ_core::ledger::Usage;

use super::*;
use crate::row::StorageRow;

fn space() -> Arc<Namespace> {
    Arc::new(Namespace { tenant: "t".parse().unwrap(), binding: "b".parse().unwrap() })
}

fn value(version: u64, value: &str) -> Stored {
    Stored { version, value: Some(value.into()), expires_at_ms: None }
}

/// Reads one key at some version, and sets it.
fn claim(key: &str, seen: u64, stored: Stored) -> Claim {
    Claim {
        reads: vec![(key.into(), seen)],
        generation: None,
        writes: vec![StorageRow::new(space(), key.into(), stored, 0)],
        quota: Usage { keys: 100, bytes: 100_000 },
        namespace: space(),
    }
}

/// A table that knows how much is used, and keeps nothing that it need not keep.
fn table() -> Table {
    let mut table = Table::new(0);
    table.offer_usage(&space(), 0, Usage::default());
    table
}

fn load(table: &mut Table, key: &str, stored: Stored) -> Option<Stored> {
    let stamp = table.stamp(&space(), key);
    table.offer_key(&space(), key, stamp, stored)
}

fn accept(table: &mut Table, key: &str, before: Stored, after: &str) -> u64 {
    let stamp = table.stamp(&space(), key);
    let claims = [claim(key, before.version, value(before.version + 1, after))];
    let keys = vec![(space(), key.into(), stamp, before)];
    match table.judge(&claims, Loaded { keys, ..Loaded::default() }) {
        Judgement::Accepted(sequence) => sequence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_durable_stays_and_what_is_durable_goes() {
    let mut table = table();
    let sequence = accept(&mut table, "k", Stored::ABSENT, "new");
    assert_eq!(table.key(&space(), "k"), Ok(value(1, "new")));
    assert!(table.is_ahead(&space()));
    table.note_durable(sequence);
    // Used since it was last considered, so it has had one more round.
    table.note_durable(sequence);
    assert!(table.key(&space(), "k").is_err());
    assert!(!table.is_ahead(&space()));
    assert_eq!(table.bytes(), 0);
}

#[test]
fn a_load_that_was_overtaken_is_refused() {
    let mut table = table();
    let slow = table.key(&space(), "k").unwrap_err();
    let sequence = accept(&mut table, "k", Stored::ABSENT, "new");
    table.note_durable(sequence);
    table.note_durable(sequence);
    assert_eq!(table.offer_key(&space(), "k", slow, Stored::ABSENT), None);
    assert_eq!(load(&mut table, "k", value(1, "new")), Some(value(1, "new")));
}

#[test]
fn a_load_that_was_overtaken_by_a_commit_gives_what_was_committed() {
    let mut table = table();
    let slow = table.key(&space(), "k").unwrap_err();
    accept(&mut table, "k", Stored::ABSENT, "new");
    assert_eq!(table.offer_key(&space(), "k", slow, Stored::ABSENT), Some(value(1, "new")));
}

#[test]
fn a_version_that_was_lost_does_not_come_again() {
    let mut table = table();
    accept(&mut table, "k", value(4, "old"), "lost");
    table.forget();
    table.offer_usage(&space(), 1, Usage { keys: 1, bytes: 4 });
    assert_eq!(load(&mut table, "k", value(4, "old")), Some(value(6, "old")));
    assert_eq!(load(&mut table, "other", value(9, "old")), Some(value(9, "old")));
    let stamp = table.stamp(&space(), "k");
    let keys = vec![(space(), "k".into(), stamp, value(4, "old"))];
    let saw_what_was_lost = [claim("k", 5, value(6, "built on it"))];
    let judgement = table.judge(&saw_what_was_lost, Loaded { keys, ..Loaded::default() });
    assert!(matches!(judgement, Judgement::Conflict(_)), "{judgement:?}");
}

#[test]
fn a_usage_from_before_a_failure_is_refused() {
    let mut table = Table::new(0);
    let epoch = table.account(&space()).unwrap_err();
    table.forget();
    table.offer_usage(&space(), epoch, Usage { keys: 7, bytes: 7 });
    assert!(table.account(&space()).is_err());
}

#[test]
fn a_key_in_use_outlives_one_that_is_not() {
    let mut table = Table::new(500);
    load(&mut table, "idle", value(1, ""));
    load(&mut table, "busy", value(1, ""));
    for key in ["a", "b", "c", "d"] {
        assert!(table.key(&space(), "busy").is_ok(), "{key}");
        load(&mut table, key, value(1, ""));
    }
    assert!(table.key(&space(), "idle").is_err());
    assert!(table.bytes() <= 500);
}

/// What may happen next.
#[derive(Clone, Debug)]
enum Step {
    /// An evaluation reads a key, from memory or by starting to load it.
    Read(usize),
    /// A load ends.
    Loaded(usize),
    /// An evaluation sets or deletes what it read.
    Commit(usize, bool),
    /// The oldest batch becomes durable.
    Durable,
    /// The oldest batch fails.
    Failed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Read),
        4 => (0..8_usize).prop_map(Step::Loaded),
        4 => (0..8_usize, any::<bool>()).prop_map(|(at, sets)| Step::Commit(at, sets)),
        3 => Just(Step::Durable),
        1 => Just(Step::Failed),
    ]
}

/// A table, a disk, and everything that is under way between them.
#[derive(Default)]
struct World {
    disk: BTreeMap<String, Stored>,
    /// What the last accepted commit made of each key: no value is ever written twice.
    truth: BTreeMap<String, Option<Vec<u8>>>,
    queue: VecDeque<(u64, String, Stored)>,
    loads: Vec<(String, Stamp, Stored)>,
    evaluations: Vec<(String, Stored)>,
    written: u64,
}

impl World {
    fn run(&mut self, table: &mut Table, step: Step) {
        match step {
            Step::Read(key) => self.read(table, format!("k{key}")),
            Step::Loaded(at) if at < self.loads.len() => {
                let (key, stamp, stored) = self.loads.swap_remove(at);
                let offered = table.offer_key(&space(), &key, stamp, stored);
                self.evaluations.extend(offered.map(|stored| (key, stored)));
            }
            Step::Commit(at, sets) if at < self.evaluations.len() => self.commit(table, at, sets),
            Step::Durable => {
                let Some((sequence, key, stored)) = self.queue.pop_front() else { return };
                self.disk.insert(key, stored);
                table.note_durable(sequence);
            }
            Step::Failed => self.fail(table),
            Step::Loaded(_) | Step::Commit(..) => {}
        }
    }

    fn on_disk(&self, key: &str) -> Stored {
        self.disk.get(key).cloned().unwrap_or(Stored::ABSENT)
    }

    fn read(&mut self, table: &mut Table, key: String) {
        match table.key(&space(), &key) {
            Ok(stored) => {
                let truth = self.truth.get(&key).cloned().flatten();
                assert_eq!(stored.value, truth, "resident {key}");
                self.evaluations.push((key, stored));
            }
            Err(stamp) => self.loads.push((key.clone(), stamp, self.on_disk(&key))),
        }
    }

    fn commit(&mut self, table: &mut Table, at: usize, sets: bool) {
        let (key, seen) = self.evaluations.swap_remove(at);
        self.written += 1;
        let version = seen.version + 1;
        let after = match sets {
            true => value(version, &self.written.to_string()),
            false => Stored { version, ..Stored::ABSENT },
        };
        let claims = [claim(&key, seen.version, after.clone())];
        let mut judgement = table.judge(&claims, Loaded::default());
        if let Judgement::Incomplete = judgement {
            let stamp = table.stamp(&space(), &key);
            let keys = vec![(space(), key.as_str().into(), stamp, self.on_disk(&key))];
            let epoch = table.account(&space()).err();
            let accounts = epoch.map(|epoch| (space(), epoch, self.usage())).into_iter().collect();
            judgement = table.judge(&claims, Loaded { keys, accounts });
        }
        match judgement {
            Judgement::Accepted(sequence) => {
                let truth = self.truth.get(&key).cloned().flatten();
                assert_eq!(seen.value, truth, "accepted on {key}");
                self.truth.insert(key.clone(), after.value.clone());
                self.queue.push_back((sequence, key, after));
            }
            Judgement::Conflict(_) => {}
            Judgement::Incomplete => panic!("all was offered"),
        }
    }

    fn usage(&self) -> Usage {
        let sizes = self.disk.iter().filter_map(|(key, stored)| {
            stored.value.as_ref().map(|value| (key.len() + value.len()) as u64)
        });
        let sizes: Vec<_> = sizes.collect();
        Usage { keys: sizes.len() as u64, bytes: sizes.iter().sum() }
    }

    fn fail(&mut self, table: &mut Table) {
        if self.queue.is_empty() {
            return;
        }
        self.queue.clear();
        table.forget();
        self.truth = self.disk.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is loaded late, evicted early or lost: an evaluation commits only if what it read
    /// is what the last accepted commit left, and usage is that of what was accepted.
    #[test]
    fn nothing_commits_on_what_is_not_so(
        steps in prop::collection::vec(step(), 1..120),
        bytes_max in prop_oneof![Just(0_usize), Just(450), Just(10_000)],
    ) {
        let (mut world, mut table) = (World::default(), Table::new(bytes_max));
        for step in steps {
            world.run(&mut table, step);
        }
        while !world.queue.is_empty() {
            world.run(&mut table, Step::Durable);
        }
        if let Ok(account) = table.account(&space()) {
            prop_assert_eq!(account.usage, world.usage());
        }
    }
}
