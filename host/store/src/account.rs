//! How much a namespace holds, kept up to date with each write.

use std::sync::Arc;

use writ_core::ledger::{Stored, Usage};

use crate::claim::Claim;
use crate::row::StorageRow;

/// Usage and generation of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) usage: Usage,
    /// Changes whenever a listing, at any time, could have changed.
    pub(crate) generation: u64,
}

/// A usage and how it came from another.
pub(crate) struct Grown {
    before: Usage,
    after: Usage,
}

impl Account {
    /// Counts a write. Returns whether a listing could have changed: a key came, went, or lives to
    /// another time.
    pub(crate) fn replace(&mut self, key: &Arc<str>, before: &Stored, after: &Stored) -> bool {
        replace(&mut self.usage, key, before, after);
        before.value.is_some() != after.value.is_some()
            || before.expires_at_ms != after.expires_at_ms
    }

    /// What usage would be after some writes over what is stored.
    pub(crate) fn grown<'a>(
        &self,
        writes: impl Iterator<Item = (&'a StorageRow, &'a Stored)>,
    ) -> Grown {
        let mut after = self.usage;
        for (row, stored) in writes {
            replace(&mut after, &row.key, stored, &row.stored);
        }
        Grown { before: self.usage, after }
    }
}

impl Grown {
    /// Whether a claim stays within its quota. Each ledger was held to its quota when it staged
    /// its writes, against the usage of that time. If others have filled the namespace since, the
    /// claim is in conflict; evaluated again, the policy itself is told that its quota is used up.
    pub(crate) fn fits(&self, claim: &Claim) -> bool {
        let Self { before, after } = self;
        // Only what grows can go over: a namespace over its (lowered) quota may shrink.
        (after.keys <= before.keys || after.keys <= claim.quota.keys)
            && (after.bytes <= before.bytes || after.bytes <= claim.quota.bytes)
    }
}

fn replace(usage: &mut Usage, key: &Arc<str>, before: &Stored, after: &Stored) {
    let size =
        |stored: &Stored| stored.value.as_ref().map(|value| (key.len() + value.len()) as u64);
    if let Some(bytes) = size(before) {
        usage.keys = usage.keys.saturating_sub(1);
        usage.bytes = usage.bytes.saturating_sub(bytes);
    }
    if let Some(bytes) = size(after) {
        usage.keys += 1;
        usage.bytes += bytes;
    }
}
