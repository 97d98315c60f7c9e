//! What the store was asked while a policy was evaluated, and what it answered: with the request, all
//! that the evaluation rested on.
//!
//! Nothing else reaches a policy that differs from one evaluation to the next: time is when the
//! request was received, and random comes from the request's digest.

use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::ledger::{Listing, Stored, Usage};
use crate::ports::{Page, Unavailable, Window};
use crate::tool::Bytes;

/// One question, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// What was asked.
    pub asked: Question,
    /// What was answered.
    pub answered: Reply,
}

/// What is asked of the store. Whose storage it is, and about which request people were asked, is
/// the same in a whole evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Question {
    /// A key of storage.
    Key {
        /// Which.
        key: String,
    },
    /// How much is in storage.
    Usage,
    /// Which keys there are.
    Keys {
        /// What they start with.
        prefix: String,
        /// Only those after this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// What people were asked about the same.
    Approvals {
        /// None that was first asked before this, in milliseconds since the Unix epoch.
        since_ms: u64,
        /// How many at most.
        limit: usize,
    },
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reply {
    /// A key's value.
    Stored {
        /// Its version.
        version: u64,
        /// None where it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Bytes>,
        /// When it ends, in milliseconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<u64>,
    },
    /// How much is in storage.
    Usage {
        /// Keys with a value.
        keys: u64,
        /// Bytes of those keys and their values.
        bytes: u64,
    },
    /// Keys, in byte order.
    Listing {
        /// Which.
        keys: Vec<String>,
        /// Grows whenever the listing could have changed.
        generation: u64,
    },
    /// What people were asked, newest first.
    Approvals {
        /// Which approvals.
        approvals: Vec<Approval>,
    },
    /// The store could not answer.
    Unavailable,
}

impl Question {
    /// A page of keys.
    pub fn page(page: &Page<'_>) -> Self {
        let after = page.after.map(str::to_owned);
        Self::Keys { prefix: page.prefix.to_owned(), after, limit: page.limit }
    }

    /// Approvals within a window.
    pub fn approvals(Window { since_ms, limit }: Window) -> Self {
        Self::Approvals { since_ms, limit }
    }
}

impl Reply {
    /// What the store answered, or that it did not.
    pub fn of<T: Answer>(answer: &Result<T, Unavailable>) -> Self {
        answer.as_ref().map_or(Self::Unavailable, |answer| answer.clone().reply())
    }

    /// What the store answered, taken back; none where it did not.
    ///
    /// # Errors
    /// Where it is the answer to another kind of question.
    pub fn answer<T: Answer>(self) -> Result<Option<T>, OtherKind> {
        match self {
            Self::Unavailable => Ok(None),
            reply => T::taken_back(reply).map(Some).ok_or(OtherKind),
        }
    }
}

/// A reply is not of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer is recorded that answers another kind of question")]
pub struct OtherKind;

/// What a port of the store answers.
pub trait Answer: Clone {
    /// As it is recorded.
    fn reply(self) -> Reply;

    /// As it was; none where the reply is of another kind.
    fn taken_back(reply: Reply) -> Option<Self>;
}

impl Answer for Stored {
    fn reply(self) -> Reply {
        let Self { version, value, expires_at_ms } = self;
        Reply::Stored { version, value: value.map(Bytes), expires_at_ms }
    }

    fn taken_back(reply: Reply) -> Option<Self> {
        let Reply::Stored { version, value, expires_at_ms } = reply else { return None };
        Some(Self { version, value: value.map(|Bytes(value)| value), expires_at_ms })
    }
}

impl Answer for Usage {
    fn reply(self) -> Reply {
        let Self { keys, bytes } = self;
        Reply::Usage { keys, bytes }
    }

    fn taken_back(reply: Reply) -> Option<Self> {
        let Reply::Usage { keys, bytes } = reply else { return None };
        Some(Self { keys, bytes })
    }
}

impl Answer for Listing {
    fn reply(self) -> Reply {
        let Self { keys, generation } = self;
        Reply::Listing { keys, generation }
    }

    fn taken_back(reply: Reply) -> Option<Self> {
        let Reply::Listing { keys, generation } = reply else { return None };
        Some(Self { keys, generation })
    }
}

impl Answer for Vec<Approval> {
    fn reply(self) -> Reply {
        Reply::Approvals { approvals: self }
    }

    fn taken_back(reply: Reply) -> Option<Self> {
        let Reply::Approvals { approvals } = reply else { return None };
        Some(approvals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(answer: Result<T, Unavailable>, json: &str)
    where
        T: Answer + PartialEq + std::fmt::Debug,
    {
        let reply = Reply::of(&answer);
        assert_eq!(serde_json::to_string(&reply).unwrap(), json);
        let read: Reply = serde_json::from_str(json).unwrap();
        assert_eq!(read.answer::<T>(), Ok(answer.ok()));
    }

    #[test]
    fn what_is_answered_reads_back_as_it_was() {
        let value = Some(vec![0, 255]);
        let stored = Stored { version: 3, value, expires_at_ms: Some(9) };
        check(Ok(stored), r#"{"kind":"stored","version":3,"value":"AP8=","expires_at_ms":9}"#);
        check(Ok(Stored::ABSENT), r#"{"kind":"stored","version":0}"#);
        check(Ok(Usage { keys: 1, bytes: 2 }), r#"{"kind":"usage","keys":1,"bytes":2}"#);
        let listing = Listing { keys: vec!["a".into()], generation: 4 };
        check(Ok(listing), r#"{"kind":"listing","keys":["a"],"generation":4}"#);
        check(Ok(Vec::<Approval>::new()), r#"{"kind":"approvals","approvals":[]}"#);
        let down = Err::<Usage, _>(Unavailable("down".into()));
        check(down, r#"{"kind":"unavailable"}"#);
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let usage = Usage { keys: 1, bytes: 2 }.reply();
        assert_eq!(usage.answer::<Stored>(), Err(OtherKind));
    }
}
