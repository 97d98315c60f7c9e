//! Whether what a commit claims of storage holds, and what it then changes there.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use writ_core::ledger::Stored;
use writ_core::ports::Namespace;

use super::namespaces::{self, Hold};
use super::storage;
use crate::account::Account;
use crate::claim::Claim;
use crate::points;
use crate::row::StorageRow;

/// What a transaction says of a commit's claims.
pub(super) enum Judgement {
    /// They hold, and what they want is written: this many keys.
    Kept(usize),
    /// What was seen of these namespaces is no longer so.
    Conflict(Vec<Arc<Namespace>>),
}

/// A claim, and what there is to judge it by.
struct Case {
    claim: Claim,
    account: Account,
    stored: HashMap<Arc<str>, Stored>,
}

/// Holds the namespaces of some claims until the transaction ends, and judges. Writes where all
/// hold; otherwise nothing.
pub(super) async fn keep(
    connection: &mut PgConnection,
    mut claims: Vec<Claim>,
) -> Result<Judgement, sqlx::Error> {
    // INVARIANT: in one order in every transaction, so that none wait for each other.
    claims.sort_by(|one, other| one.namespace.cmp(&other.namespace));
    let mut cases = Vec::with_capacity(claims.len());
    for claim in claims {
        cases.push(Case::open(connection, claim).await?);
        points::pass("postgres.namespaces.held");
    }
    let conflicts = conflicts(&cases);
    if !conflicts.is_empty() {
        return Ok(Judgement::Conflict(conflicts));
    }
    let mut writes = 0;
    for case in cases {
        writes += case.claim.writes.len();
        case.write(connection).await?;
    }
    Ok(Judgement::Kept(writes))
}

fn conflicts(cases: &[Case]) -> Vec<Arc<Namespace>> {
    let in_conflict = |(at, case): &(usize, &Case)| {
        // Two claims on one namespace could each hold, and not both. They stand together.
        let before = at.checked_sub(1).and_then(|before| cases.get(before));
        let repeated = before.is_some_and(|other| other.claim.namespace == case.claim.namespace);
        repeated || !case.holds()
    };
    let cases = cases.iter().enumerate().filter(in_conflict);
    cases.map(|(_, case)| case.claim.namespace.clone()).collect()
}

impl Case {
    async fn open(connection: &mut PgConnection, claim: Claim) -> Result<Self, sqlx::Error> {
        let hold = if claim.writes.is_empty() { Hold::ToRead } else { Hold::ToWrite };
        let account = namespaces::hold(connection, &claim.namespace, hold).await?;
        // Whoever wrote here before has ended, and nobody else will before this transaction ends.
        let keys = claim.keys().map(|key| &**key);
        let stored = storage::some(connection, &claim.namespace, keys).await?;
        Ok(Self { claim, account, stored })
    }

    fn stored(&self, key: &str) -> &Stored {
        const ABSENT: &Stored = &Stored::ABSENT;
        self.stored.get(key).unwrap_or(ABSENT)
    }

    /// Whether all that the claim saw is still so, and what it wants still fits.
    fn holds(&self) -> bool {
        let Self { claim, account, .. } = self;
        let follows = |row: &StorageRow| row.stored.version == self.stored(&row.key).version + 1;
        let writes = claim.writes.iter().map(|row| (row, self.stored(&row.key)));
        claim.reads.iter().all(|(key, seen)| self.stored(key).version == *seen)
            && claim.writes.iter().all(follows)
            && claim.generation.is_none_or(|seen| seen == account.generation)
            && account.grown(writes).fits(claim)
    }

    async fn write(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Claim { namespace, writes, .. } = &self.claim;
        if writes.is_empty() {
            return Ok(());
        }
        let mut account = self.account;
        for row in writes {
            if account.replace(&row.key, self.stored(&row.key), &row.stored) {
                account.generation += 1;
            }
        }
        storage::keep(connection, namespace, writes).await?;
        if account != self.account {
            namespaces::keep(connection, namespace, account).await?;
        }
        Ok(())
    }
}
