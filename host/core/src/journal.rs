//! What a running tool was answered, so that it can be run again as if nothing had happened.
//!
//! A [`Journal`] is what an execution recorded so far, and a place in it. A run that begins again
//! asks the same questions in the same order ([`Journal::next`]) and is given the recorded outcomes,
//! until it passes the last; from there on, what it is answered is recorded. A question that differs
//! from the recorded one is the fault `nondeterminism`, with the first entry that differs.
//!
//! The first entry is no host call: it holds what the tool's random comes from, drawn anew for each
//! execution ([`Journal::seed`]), so that nobody can guess it who has not read the journal.

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::digest::Digest;
use crate::fault::{Fault, FaultCode};
use crate::tool::{Answer, Bytes, HostCall};

/// How much a journal may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many entries.
    pub entries_max: u64,
    /// The sum of their texts, in bytes.
    pub bytes_max: u64,
}

/// One host call, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the execution, from 0 and without a gap.
    pub number: u64,
    /// The call's name in the contract.
    pub name: String,
    /// Digest of the call with its arguments.
    pub call: Digest,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a host call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    /// The tool has begun. The first entry, and no host call.
    Begun {
        /// What its random comes from: [`SEED_BYTES`] that nobody knows.
        seed: Bytes,
    },
    /// This was answered.
    Answered(Answer),
    /// People were asked: the answer is the approval's end.
    Asked {
        /// The approval's id in this execution.
        approval: String,
    },
    /// Another tool was called: the answer is what became of its execution.
    Called {
        /// That execution's id.
        execution: String,
    },
}

/// How many bytes a tool's random comes from.
pub const SEED_BYTES: usize = 32;

/// What a run is told of its next call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was made before.
    Recorded(Outcome),
    /// It is new.
    New,
}

/// What an execution recorded, and how far a run has come in it.
#[derive(Clone, Debug)]
pub struct Journal {
    bounds: Bounds,
    entries: Vec<Entry>,
    /// How many entries the run has passed.
    made: usize,
    /// How many of them are no host calls.
    begun: usize,
    bytes: u64,
}

/// A record does not read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {number} of the journal is {found}")]
pub struct Damaged {
    number: u64,
    found: String,
}

impl Entry {
    /// The entry's text: canonical JSON (RFC 8785).
    pub fn text(&self) -> String {
        canonical::text(self)
    }

    /// An entry that was kept as its text.
    ///
    /// # Errors
    /// Where the text is none.
    pub fn parse(number: u64, text: &str) -> Result<Self, Damaged> {
        serde_json::from_str(text).map_err(|error| Damaged { number, found: error.to_string() })
    }
}

impl Journal {
    /// What was recorded, at the start of a run.
    ///
    /// # Errors
    /// Where an entry is missing or out of its place.
    pub fn new(entries: Vec<Entry>, bounds: Bounds) -> Result<Self, Damaged> {
        let misplaced = (0..).zip(&entries).find(|(number, entry)| entry.number != *number);
        if let Some((number, entry)) = misplaced {
            return Err(Damaged { number, found: format!("number {}", entry.number) });
        }
        let bytes = entries.iter().map(|entry| entry.text().len() as u64).sum();
        let has_begun =
            matches!(entries.first(), Some(Entry { outcome: Outcome::Begun { .. }, .. }));
        let begun = usize::from(has_begun);
        Ok(Self { bounds, entries, made: begun, begun, bytes })
    }

    /// What the tool's random comes from. Where nothing is recorded yet it is what is given, with the
    /// entry that is to be kept before any other.
    ///
    /// # Errors
    /// Where something is recorded, and this is not, or is damaged.
    pub fn seed(
        &mut self,
        fresh: [u8; SEED_BYTES],
    ) -> Result<([u8; SEED_BYTES], Option<Entry>), Damaged> {
        let damaged = |found: &str| Damaged { number: 0, found: found.to_owned() };
        match self.entries.first() {
            None => {
                let entry = begun(fresh);
                self.record(entry.clone());
                self.begun = 1;
                Ok((fresh, Some(entry)))
            }
            Some(Entry { outcome: Outcome::Begun { seed: Bytes(seed) }, .. }) => {
                let seed = seed.as_slice().try_into();
                Ok((seed.map_err(|_| damaged("a seed of another length"))?, None))
            }
            Some(_) => Err(damaged("no beginning")),
        }
    }

    /// Whether the run's next call was made before.
    pub fn replays(&self) -> bool {
        self.made < self.entries.len()
    }

    /// The run makes a call. Where it is new, [`Journal::draft`] and [`Journal::record`] come next.
    ///
    /// # Errors
    /// `nondeterminism` where another call was made at this place; `journal-limit` where there is no
    /// room for another entry.
    pub fn next(&mut self, call: &HostCall) -> Result<Next, Fault> {
        let Some(entry) = self.entries.get(self.made) else {
            return match ((self.made - self.begun) as u64) < self.bounds.entries_max {
                true => Ok(Next::New),
                false => Err(full(format!("more than {} host calls", self.bounds.entries_max))),
            };
        };
        if entry.call != call.digest() {
            let (number, was, is) = (self.made - self.begun, &entry.name, call.name());
            let differs = if was == is { ", with other arguments" } else { "" };
            return Err(departed(format!(
                "host call {number} was `{was}`, and is `{is}` now{differs}"
            )));
        }
        self.made += 1;
        Ok(Next::Recorded(entry.outcome.clone()))
    }

    /// The entry that a new call would be.
    ///
    /// # Errors
    /// `journal-limit` where there is no room for it.
    pub fn draft(&self, call: &HostCall, outcome: Outcome) -> Result<Entry, Fault> {
        let (name, digest) = (call.name().to_owned(), call.digest());
        let entry = Entry { number: self.entries.len() as u64, name, call: digest, outcome };
        match self.bytes + entry.text().len() as u64 <= self.bounds.bytes_max {
            true => Ok(entry),
            false => Err(full(format!("more than {} bytes", self.bounds.bytes_max))),
        }
    }

    /// The call of an entry that was drafted last has been made.
    pub fn record(&mut self, entry: Entry) {
        self.bytes += entry.text().len() as u64;
        self.entries.push(entry);
        self.made = self.entries.len();
    }

    /// The run has ended by itself.
    ///
    /// # Errors
    /// `nondeterminism` where calls were recorded that it has not made.
    pub fn ended(&self) -> Result<(), Fault> {
        match self.entries.get(self.made) {
            None => Ok(()),
            Some(Entry { name, .. }) => {
                let number = self.made - self.begun;
                Err(departed(format!("host call {number} was `{name}`, and is not made now")))
            }
        }
    }
}

fn begun(seed: [u8; SEED_BYTES]) -> Entry {
    let outcome = Outcome::Begun { seed: Bytes(seed.to_vec()) };
    Entry { number: 0, name: "begin".into(), call: Digest::of("writ begin 1"), outcome }
}

fn departed(what: String) -> Fault {
    Fault::new(FaultCode::Nondeterminism, format!("the tool departs from its journal: {what}"))
}

fn full(what: String) -> Fault {
    Fault::new(FaultCode::JournalLimit, format!("the tool's journal would hold {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { entries_max: 3, bytes_max: 2_000 };

    fn get(key: &str) -> HostCall {
        HostCall::Get { key: key.into() }
    }

    fn absent() -> Outcome {
        Outcome::Answered(Answer::Entry { entry: None })
    }

    /// A journal of some reads, at the start of a run.
    fn journal(keys: &[&str]) -> Journal {
        let mut journal = Journal::new(Vec::new(), BOUNDS).unwrap();
        for key in keys {
            assert_eq!(journal.next(&get(key)), Ok(Next::New));
            let entry = journal.draft(&get(key), absent()).unwrap();
            journal.record(entry);
        }
        Journal::new(journal.entries, BOUNDS).unwrap()
    }

    #[test]
    fn a_run_is_answered_as_before_and_goes_on_from_there() {
        let mut journal = journal(&["a", "b"]);
        assert!(journal.replays());
        assert_eq!(journal.next(&get("a")), Ok(Next::Recorded(absent())));
        assert_eq!(journal.next(&get("b")), Ok(Next::Recorded(absent())));
        assert!(!journal.replays());
        assert_eq!(journal.next(&get("c")), Ok(Next::New));
        let asked = Outcome::Asked { approval: "a1".into() };
        let entry = journal.draft(&get("c"), asked).unwrap();
        assert_eq!(entry.number, 2);
        journal.record(entry);
        assert_eq!(journal.ended(), Ok(()));
    }

    #[test]
    fn a_run_that_departs_is_told_where() {
        let fault = journal(&["a", "b"]).next(&get("b")).unwrap_err();
        assert_eq!(fault.code, FaultCode::Nondeterminism);
        assert!(
            fault.message.ends_with(
                "call 0 was `storage.get`, and is `storage.get` now, with other arguments"
            )
        );
        let delete = HostCall::Delete { key: "a".into() };
        let fault = journal(&["a"]).next(&delete).unwrap_err();
        assert!(fault.message.ends_with("was `storage.get`, and is `storage.delete` now"));
        let mut short = journal(&["a", "b"]);
        short.next(&get("a")).unwrap();
        let fault = short.ended().unwrap_err();
        assert!(fault.message.ends_with("host call 1 was `storage.get`, and is not made now"));
    }

    #[test]
    fn a_seed_is_drawn_once_and_is_no_call() {
        let mut first = Journal::new(Vec::new(), BOUNDS).unwrap();
        let (seed, entry) = first.seed([7; SEED_BYTES]).unwrap();
        let begun = entry.unwrap();
        assert_eq!((seed, begun.number), ([7; SEED_BYTES], 0));
        assert_eq!(Entry::parse(0, &begun.text()).as_ref(), Ok(&begun));
        assert!(!first.replays());
        let entry = first.draft(&get("a"), absent()).unwrap();
        assert_eq!(entry.number, 1);
        let mut again = Journal::new(vec![begun, entry], BOUNDS).unwrap();
        assert_eq!(again.seed([8; SEED_BYTES]), Ok(([7; SEED_BYTES], None)));
        let fault = again.next(&get("b")).unwrap_err();
        assert!(fault.message.contains("host call 0 was"), "{}", fault.message);
        assert_eq!(again.next(&get("a")), Ok(Next::Recorded(absent())));
        assert_eq!(again.ended(), Ok(()));
        assert!(journal(&["a"]).seed([7; SEED_BYTES]).is_err(), "what has none cannot go on");
    }

    #[test]
    fn a_journal_is_bounded() {
        let mut full = journal(&["a", "b", "c"]);
        (0..3).zip(["a", "b", "c"]).for_each(|(_, key)| drop(full.next(&get(key)).unwrap()));
        assert_eq!(full.next(&get("d")).unwrap_err().code, FaultCode::JournalLimit);
        let journal = journal(&[]);
        let large = Outcome::Asked { approval: "x".repeat(2_000) };
        assert_eq!(journal.draft(&get("a"), large).unwrap_err().code, FaultCode::JournalLimit);
    }

    #[test]
    fn an_entry_reads_back_and_a_gap_is_found() {
        let entries = journal(&["a", "b"]).entries;
        for entry in &entries {
            assert_eq!(Entry::parse(entry.number, &entry.text()).as_ref(), Ok(entry));
        }
        assert!(Entry::parse(0, "{}").is_err());
        assert!(Journal::new(entries[1..].to_vec(), BOUNDS).is_err());
    }
}
