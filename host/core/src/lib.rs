//! The pure part of Writ: what a request, a verdict and a limit are, how verdicts combine, and how
//! executions and approvals move.
//!
//! Everything here is a function from data to data. There is no I/O, no clock, no random, no async
//! runtime, no Wasm and no SQL in this crate, and no dependency on another crate of the workspace:
//! the engine, the store and the service all speak these types and never each other's.

pub mod approval;
pub mod binding;
mod canonical;
pub mod chain;
pub mod combine;
pub mod decision;
pub mod digest;
pub mod execution;
pub mod fault;
pub mod files;
pub mod inquiry;
pub mod journal;
pub mod json;
pub mod key;
pub mod ledger;
pub mod limits;
pub mod person;
pub mod ports;
pub mod principal;
pub mod receipt;
pub mod request;
pub mod requirement;
pub mod rollout;
pub mod sensitive;
pub mod strand;
pub mod strict;
pub mod text;
pub mod tool;
pub mod verbatim;
pub mod verdict;

pub use approval::Approval;
pub use binding::{Binding, BindingName, ChannelName, Commit, Matcher, Mode, Tenant};
pub use chain::{ChainedEvent, Verifier};
pub use combine::{Outcome, Verdicts};
pub use decision::{Basis, DecisionRecord, PolicyRecord, Whole};
pub use digest::Digest;
pub use execution::Execution;
pub use fault::{Fault, FaultCode, Party};
pub use journal::Journal;
pub use json::Json;
pub use key::{Key, KeyId};
pub use ledger::Ledger;
pub use limits::{Limits, LoadLimits, ToolLimits};
pub use person::Person;
pub use principal::{Principal, Role};
pub use request::{Action, Entity, Request};
pub use requirement::{Disposition, Requirement, Stage};
pub use sensitive::Sensitive;
pub use tool::{BoundTool, ToolHost, ToolKind};
pub use verbatim::Verbatim;
pub use verdict::{PolicyDecision, Verdict};
