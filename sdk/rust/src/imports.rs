//! The host as a Wasm guest sees it: each call is an import.

use crate::bindings::writ::host::{approval_history, execution, log, storage, types};
use crate::host::{
    Approval, ApprovalHistory, ApprovalState, Entry, Execution, Keys, Level, Log, Storage,
    StorageError, Vote,
};

/// The imports of the contract. Natively they cannot be called.
pub(crate) struct Imports;

impl Storage for Imports {
    fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        let entry = storage::get(key)?;
        Ok(entry.map(|entry| Entry { value: entry.value, version: entry.version }))
    }

    fn set(&self, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<u64, StorageError> {
        Ok(storage::set(key, value, ttl_seconds)?)
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        ttl_seconds: Option<u32>,
    ) -> Result<u64, StorageError> {
        Ok(storage::compare_and_set(key, expected, value, ttl_seconds)?)
    }

    fn increment(
        &self,
        key: &str,
        delta: i64,
        ttl_seconds: Option<u32>,
    ) -> Result<i64, StorageError> {
        Ok(storage::increment(key, delta, ttl_seconds)?)
    }

    fn delete(&self, key: &str) -> Result<bool, StorageError> {
        Ok(storage::delete(key)?)
    }

    fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Keys, StorageError> {
        let (keys, next) = storage::list_keys(prefix, cursor)?;
        Ok(Keys { keys, next })
    }
}

impl Execution for Imports {
    fn id(&self) -> String {
        execution::id()
    }

    fn tenant(&self) -> String {
        execution::tenant()
    }

    fn received_at_ms(&self) -> u64 {
        execution::received_at()
    }

    fn has_begun(&self) -> bool {
        execution::has_begun()
    }
}

impl ApprovalHistory for Imports {
    fn recent_approvals(&self, within_seconds: u32) -> Vec<Approval> {
        approval_history::recent(within_seconds).into_iter().map(Into::into).collect()
    }
}

impl Log for Imports {
    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::log(level, message);
    }
}

impl From<storage::Error> for StorageError {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::QuotaExceeded(what) => Self::QuotaExceeded(what),
            storage::Error::Conflict => Self::Conflict,
            storage::Error::NotACounter => Self::NotACounter,
            storage::Error::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<types::Approval> for Approval {
    fn from(approval: types::Approval) -> Self {
        Self {
            id: approval.id,
            state: match approval.state {
                types::ApprovalState::Pending => ApprovalState::Pending,
                types::ApprovalState::Approved => ApprovalState::Approved,
                types::ApprovalState::Rejected => ApprovalState::Rejected,
                types::ApprovalState::Expired => ApprovalState::Expired,
                types::ApprovalState::Cancelled => ApprovalState::Cancelled,
            },
            votes: approval.votes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<types::Vote> for Vote {
    fn from(vote: types::Vote) -> Self {
        Self {
            approver: vote.approver,
            approved: vote.approved,
            reason: vote.reason,
            at_ms: vote.at,
        }
    }
}
