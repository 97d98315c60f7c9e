//! What a policy may ask of its host, one trait a capability.
//!
//! An evaluation that calls none of these is a pure function of its request, and the host may
//! remember its answer; so policies ask only where the answer decides. The traits are taken as
//! `&impl Host`, never as a trait object: a component then imports only what it calls.

use std::fmt;

/// Key-value storage, private to a tenant and a binding.
///
/// An evaluation sees its own writes at once. The host keeps them only if the combined decision
/// lets the action go on (or the binding says `commit = "always"`), and evaluates again if
/// anything that was read has changed meanwhile: [`get`](Storage::get) and then
/// [`set`](Storage::set) is safe without a lock.
pub trait Storage {
    /// None where the key was never set, was deleted, or has expired.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`], and [`StorageError::QuotaExceeded`] for a key that is
    /// empty or longer than 256 bytes.
    fn get(&self, key: &str) -> Result<Option<Entry>, StorageError>;

    /// Sets a value (at most 64 KiB) and returns its version. The time to live counts from
    /// [`Execution::received_at_ms`]; none: kept until deleted.
    ///
    /// # Errors
    /// [`StorageError::QuotaExceeded`] and [`StorageError::Unavailable`].
    fn set(&self, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<u64, StorageError>;

    /// Sets a value only if the stored version is `expected`; none: only if the key is absent.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] where it is not; else as [`set`](Storage::set).
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        ttl_seconds: Option<u32>,
    ) -> Result<u64, StorageError>;

    /// Adds to a counter and returns the new value; an absent counter is 0. The time to live
    /// starts with the first increment. A counter is stored as its decimal text.
    ///
    /// # Errors
    /// [`StorageError::NotACounter`]; else as [`set`](Storage::set).
    fn increment(
        &self,
        key: &str,
        delta: i64,
        ttl_seconds: Option<u32>,
    ) -> Result<i64, StorageError>;

    /// Deletes a key; whether it was there.
    ///
    /// # Errors
    /// As [`get`](Storage::get).
    fn delete(&self, key: &str) -> Result<bool, StorageError>;

    /// A page of the keys that start with `prefix`, in byte order, from the cursor of the page
    /// before.
    ///
    /// # Errors
    /// As [`get`](Storage::get).
    fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Keys, StorageError>;
}

/// The running evaluation: everything that is not in the request.
pub trait Execution {
    /// The id of this decision; where an execution is decided, that of the execution, the same each time.
    /// Unique in the host's store.
    fn id(&self) -> String;

    /// The tenant on whose behalf the host decides.
    fn tenant(&self) -> String;

    /// When the host received the request, in milliseconds since the Unix epoch; the same however
    /// often it is asked.
    fn received_at_ms(&self) -> u64;

    /// Whether the action was allowed before, with what policies stored then: the host asks again before
    /// a tool that waited goes on, before an endpoint is called once more, and before what was allowed at
    /// once begins, where the host has taken its policy set since. What is stored now is not kept.
    fn has_begun(&self) -> bool;
}

/// What people were asked before.
pub trait ApprovalHistory {
    /// Newest first, at most 100: approvals asked for from `within_seconds` before the request was received
    /// on, about the same tenant, subject, action name and resource. The state tells what became of each;
    /// one that time alone has approved has no votes.
    fn recent_approvals(&self, within_seconds: u32) -> Vec<Approval>;
}

/// Lines for the operator's log; they never reach the caller.
pub trait Log {
    /// Writes one line.
    fn log(&self, level: Level, message: &str);
}

/// All of it.
pub trait Host: Storage + Execution + ApprovalHistory + Log {}

impl<H: Storage + Execution + ApprovalHistory + Log> Host for H {}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The bytes, as they were set.
    pub value: Vec<u8>,
    /// Grows with each write of the key; never 0.
    pub version: u64,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// In byte order, at most 100.
    pub keys: Vec<String>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// Why storage did not do what was asked. A policy usually passes it on with `?`: that is a fault,
/// and denies the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageError {
    /// The key, the value or the namespace is over its limit; the text says which.
    QuotaExceeded(String),
    /// The stored version is not the expected one.
    Conflict,
    /// The value is not a counter, or the sum is out of range.
    NotACounter,
    /// The store cannot answer now.
    Unavailable(String),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QuotaExceeded(what) => write!(f, "storage quota exceeded: {what}"),
            Self::Conflict => f.write_str("the stored version is not the expected one"),
            Self::NotACounter => f.write_str("the stored value is not a counter within range"),
            Self::Unavailable(why) => write!(f, "storage is unavailable: {why}"),
        }
    }
}

impl std::error::Error for StorageError {}

/// Lets `?` turn a storage error into the text of a fault.
impl From<StorageError> for String {
    fn from(error: StorageError) -> Self {
        error.to_string()
    }
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided yet.
    Pending,
    /// Every stage agreed.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The question was taken back.
    Cancelled,
}

/// One person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// `user:ID`.
    pub approver: String,
    /// Yes or no.
    pub approved: bool,
    /// Why, where they said so.
    pub reason: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A question that was put to people, and what they said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Unique in the host's store.
    pub id: String,
    /// How it stands.
    pub state: ApprovalState,
    /// In the order in which they came.
    pub votes: Vec<Vote>,
}

/// How urgent a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever debugs the policy.
    Debug,
    /// For the record.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Something is broken.
    Error,
}
