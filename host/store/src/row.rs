//! Rows as every database keeps them: what a commit writes, made where the commit was made and not
//! on a connection that writes; and what reads back, before it is understood.

mod approval;
mod batch;
mod decision;
mod errand;
mod evidence;
mod execution;
mod history;
mod idempotency;
mod journal;
mod kept_batch;
mod key;
mod letter;
mod note;
mod signing;
mod storage;
mod work;

pub(crate) use approval::{AnsweredRow, ApprovalRow, AskedRow, approver_key};
pub(crate) use batch::{BatchRow, Gathered, SPAN_MS, gather};
pub use decision::StoredDecision;
pub(crate) use decision::{DecisionRow, UnreadDecision};
pub(crate) use errand::{ErrandRow, errand};
pub(crate) use evidence::{KeptEvent, KeptExecution};
pub(crate) use execution::ExecutionRow;
pub(crate) use history::{HistoryRow, approvals_in};
pub(crate) use idempotency::IdempotencyRow;
pub(crate) use journal::JournalRow;
pub(crate) use kept_batch::{Flaw, KeptBatch};
pub(crate) use key::KeyChange;
pub(crate) use letter::LetterChange;
pub(crate) use note::WorkerNote;
pub(crate) use signing::SigningRow;
pub(crate) use storage::StorageRow;
pub(crate) use work::{Work, WorkRow};

/// Comes after every id: from where a listing starts that nobody has begun.
pub(crate) const END: &str = "\u{10ffff}";
