//! What a running tool was answered, so that it can be run again as if nothing had happened.
//!
//! A [`Journal`] is what an execution recorded so far, and a place in it. A run that begins again
//! asks the same questions in the same order ([`Journal::next`]) and is given the recorded outcomes,
//! until it passes the last; from there on, what it is answered is recorded. A question that differs
//! from the recorded one is the fault `nondeterminism`, with the first entry that differs.

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::digest::Digest;
use crate::fault::{Fault, FaultCode};
use crate::tool::{Answer, HostCall};

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
    /// How many calls the run has made.
    made: usize,
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
        Ok(Self { bounds, entries, made: 0, bytes })
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
            return match (self.made as u64) < self.bounds.entries_max {
                true => Ok(Next::New),
                false => Err(full(format!("more than {} host calls", self.bounds.entries_max))),
            };
        };
        if entry.call != call.digest() {
            let (number, was, is) = (entry.number, &entry.name, call.name());
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
            Some(Entry { number, name, .. }) => {
                Err(departed(format!("host call {number} was `{name}`, and is not made now")))
            }
        }
    }
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
