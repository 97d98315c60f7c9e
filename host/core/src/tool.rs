//! A tool as its host sees it: what it asks, what it is answered, and who answers.
//!
//! Every host call of a running tool whose answer may differ from run to run is a [`HostCall`] and
//! has one [`Answer`]: plain data, so that the answer can be recorded and given again
//! ([`crate::journal`]).

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::binding::BindingName;
use crate::canonical;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::files::FileError;
use crate::json::Json;
use crate::ledger::StorageError;
use crate::requirement::Requirement;

/// How long the error of a tool may be that callers read, in characters; what is longer is cut.
pub const ERROR_CHARS_MAX: usize = 2_000;
/// How deep calls of tools may nest, the first one counted.
pub const DEPTH_MAX: usize = 8;

/// The tool that an execution is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundTool {
    /// Its name in this host; also the name of its storage.
    pub name: BindingName,
    /// Digest of its component, or of what is registered of an endpoint.
    pub digest: Digest,
    /// What it is.
    #[serde(default, skip_serializing_if = "ToolKind::is_component")]
    pub kind: ToolKind,
}

/// What carries an action out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolKind {
    /// A component that the host runs. What it did is recorded, so it may be begun again.
    #[default]
    Component,
    /// An endpoint that the host calls. What became of a call that broke off, nobody knows.
    Endpoint,
    /// An endpoint that does the same thing once, however often it is called for one execution.
    IdempotentEndpoint,
}

impl ToolKind {
    /// Whether the host runs it itself.
    pub fn is_component(&self) -> bool {
        matches!(self, Self::Component)
    }

    /// Whether it may be begun again where nobody knows how far it came.
    pub fn is_repeatable(self) -> bool {
        match self {
            Self::Component | Self::IdempotentEndpoint => true,
            Self::Endpoint => false,
        }
    }
}

/// What a tool asks of its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub enum HostCall {
    /// `storage.get`.
    Get {
        /// Which key.
        key: String,
    },
    /// `storage.set`.
    Set {
        /// Which key.
        key: String,
        /// What it is to hold.
        value: Bytes,
        /// How long, in seconds.
        ttl: Option<u32>,
    },
    /// `storage.compare-and-set`.
    CompareAndSet {
        /// Which key.
        key: String,
        /// The version that it must have; none: it must be absent.
        expected: Option<u64>,
        /// What it is to hold.
        value: Bytes,
        /// How long, in seconds.
        ttl: Option<u32>,
    },
    /// `storage.increment`.
    Increment {
        /// Which counter.
        key: String,
        /// By how much. As text: it may be larger than JSON's exact integers.
        #[serde(with = "as_text")]
        delta: i64,
        /// How long it lives from its first increment, in seconds.
        ttl: Option<u32>,
    },
    /// `storage.delete`.
    Delete {
        /// Which key.
        key: String,
    },
    /// `storage.list-keys`.
    ListKeys {
        /// What the keys start with.
        prefix: String,
        /// The key after which the page starts.
        cursor: Option<String>,
    },
    /// `approvals.request`.
    Ask {
        /// What people must do; not checked yet.
        requirement: Requirement,
    },
    /// `tools.search`.
    Search {
        /// What name or description contain.
        query: String,
        /// How many at most.
        limit: u32,
    },
    /// `tools.call`.
    CallTool {
        /// Which tool.
        name: String,
        /// Its arguments, as the caller wrote them.
        arguments: String,
    },
    /// `files.read`.
    ReadFile {
        /// Which file.
        name: String,
    },
    /// `files.write`.
    WriteFile {
        /// Which file.
        name: String,
        /// What it is to hold.
        bytes: Bytes,
    },
    /// `files.list-names`.
    ListFiles {
        /// Which directory.
        directory: String,
    },
    /// `files.remove`.
    RemoveFile {
        /// Which file.
        name: String,
    },
}

impl HostCall {
    /// The call's name in the contract.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Get { .. } => "storage.get",
            Self::Set { .. } => "storage.set",
            Self::CompareAndSet { .. } => "storage.compare-and-set",
            Self::Increment { .. } => "storage.increment",
            Self::Delete { .. } => "storage.delete",
            Self::ListKeys { .. } => "storage.list-keys",
            Self::Ask { .. } => "approvals.request",
            Self::Search { .. } => "tools.search",
            Self::CallTool { .. } => "tools.call",
            Self::ReadFile { .. } => "files.read",
            Self::WriteFile { .. } => "files.write",
            Self::ListFiles { .. } => "files.list-names",
            Self::RemoveFile { .. } => "files.remove",
        }
    }

    /// Names the call with all its arguments.
    pub fn digest(&self) -> Digest {
        Digest::of(canonical::text(self))
    }
}

/// What a tool is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    /// What a key holds; none where it is absent.
    Entry {
        /// Its value and version.
        entry: Option<Entry>,
    },
    /// The version that a key has been given.
    Version {
        /// Which.
        version: u64,
    },
    /// A counter's new value.
    Count {
        /// As text: it may be larger than JSON's exact integers.
        #[serde(with = "as_text")]
        count: i64,
    },
    /// Whether a key was there.
    Deleted {
        /// It was.
        was_there: bool,
    },
    /// A page of keys.
    Keys {
        /// In byte order.
        keys: Vec<String>,
        /// Where the next page begins.
        next: Option<String>,
    },
    /// Storage did not do it.
    NotStored {
        /// Why.
        error: StorageError,
    },
    /// What people said; never pending.
    Approval {
        /// The approval, ended.
        approval: Box<Approval>,
    },
    /// Nobody was asked.
    NotAsked {
        /// Why.
        error: AskError,
    },
    /// Tools that were found.
    Tools {
        /// In the order of their names.
        tools: Vec<ToolInfo>,
    },
    /// What another tool gave.
    Result {
        /// Its result.
        result: Json,
    },
    /// Another tool gave nothing.
    NotCalled {
        /// Why.
        error: CallError,
    },
    /// What a file holds.
    File {
        /// All of it.
        bytes: Bytes,
    },
    /// A file has been written.
    Written,
    /// What a directory holds.
    Names {
        /// In byte order.
        names: Vec<String>,
    },
    /// Whether a file was there that is there no more.
    Removed {
        /// It was.
        was_there: bool,
    },
    /// A call for a file was not done.
    NotFiled {
        /// Why.
        error: FileError,
    },
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The bytes.
    pub value: Bytes,
    /// Their version.
    pub version: u64,
}

/// Why nobody was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code", content = "text")]
pub enum AskError {
    /// The requirement breaks a bound.
    Invalid(String),
    /// The execution may ask no more.
    Denied(String),
}

/// Why another tool gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code", content = "text")]
pub enum CallError {
    /// No tool of this name is granted.
    NotFound,
    /// Policies or people said no.
    Denied(String),
    /// It failed.
    Failed(String),
    /// Calls are nested too deep.
    LimitExceeded(String),
}

/// A tool that may be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolInfo {
    /// What it is called by.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input_schema: Json,
}

/// Why a running tool gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The host drops the call: it begins again later, or elsewhere, or never.
    Dropped,
    /// The call ends with a fault.
    Fault(Fault),
}

/// A future that a tool's host returns.
pub type HostFuture<'a> = Pin<Box<dyn Future<Output = Result<Answer, Halt>> + Send + 'a>>;

/// Answers the host calls of one running tool. It must not block the thread.
pub trait ToolHost: Send + Sync {
    /// Answers one call. A call is made once the one before is answered.
    fn answer<'a>(&'a self, call: HostCall) -> HostFuture<'a>;

    /// Whether the next answer was recorded in an earlier run.
    fn replays(&self) -> bool;
}

/// Bytes, in JSON as a string in base64 (RFC 4648, section 4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// Integers beyond 2^53, which JSON does not carry exactly everywhere.
mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn increment(delta: i64) -> HostCall {
        HostCall::Increment { key: "n".into(), delta, ttl: None }
    }

    #[test]
    fn every_argument_is_part_of_the_digest() {
        let set = |value: &[u8]| {
            let (key, value) = ("n".to_owned(), Bytes(value.to_vec()));
            HostCall::Set { key, value, ttl: None }
        };
        let calls = [
            increment(1),
            increment(i64::MAX),
            increment(i64::MAX - 1),
            set(&[0xff, 0]),
            set(&[0xff]),
            HostCall::Get { key: "n".into() },
            HostCall::Delete { key: "n".into() },
        ];
        let digests: std::collections::BTreeSet<_> = calls.iter().map(HostCall::digest).collect();
        assert_eq!(digests.len(), calls.len());
    }

    #[test]
    fn an_answer_reads_back_what_it_writes() {
        let answers = [
            Answer::Count { count: i64::MIN },
            Answer::Entry { entry: Some(Entry { value: Bytes(vec![0, 255]), version: 7 }) },
            Answer::NotStored { error: StorageError::QuotaExceeded("full".into()) },
            Answer::NotCalled { error: CallError::NotFound },
            Answer::Result { result: Json::empty_object() },
        ];
        for answer in answers {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer, "{text}");
        }
    }
}
