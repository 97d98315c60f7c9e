//! Namespaces of storage: one row each, which says how much is in it, and is the lock on all of it.

use sqlx::postgres::{PgConnection, PgRow};
use writ_core::ledger::Usage;
use writ_core::ports::Namespace;

use super::rows::{integer, number};
use crate::account::Account;

const HOLD: &str = "SELECT keys, bytes, generation FROM namespaces
    WHERE tenant = $1 AND binding = $2 FOR UPDATE";
const HOLD_WITH_OTHERS: &str = "SELECT keys, bytes, generation FROM namespaces
    WHERE tenant = $1 AND binding = $2 FOR SHARE";
const ONE: &str = "SELECT keys, bytes, generation FROM namespaces
    WHERE tenant = $1 AND binding = $2";
const CREATE: &str = "INSERT INTO namespaces (tenant, binding, keys, bytes, generation)
    VALUES ($1, $2, 0, 0, 0) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE namespaces SET keys = $3, bytes = $4, generation = $5
    WHERE tenant = $1 AND binding = $2";

/// What for a namespace is held until the transaction ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hold {
    /// To write in it: nobody else holds it.
    ToWrite,
    /// So that nobody writes in it.
    ToRead,
}

/// Holds a namespace, whether or not there was anything in it before.
pub(super) async fn hold(
    connection: &mut PgConnection,
    namespace: &Namespace,
    hold: Hold,
) -> Result<Account, sqlx::Error> {
    let sql = match hold {
        Hold::ToWrite => HOLD,
        Hold::ToRead => HOLD_WITH_OTHERS,
    };
    loop {
        if let Some(account) = fetch(connection, sql, namespace).await? {
            return Ok(account);
        }
        let Namespace { tenant, binding } = namespace;
        let query = sqlx::query(CREATE).bind(tenant.as_str()).bind(binding.as_str());
        query.execute(&mut *connection).await?;
    }
}

/// How much is in a namespace now.
pub(super) async fn one(
    connection: &mut PgConnection,
    namespace: &Namespace,
) -> Result<Account, sqlx::Error> {
    let nothing = Account { usage: Usage::default(), generation: 0 };
    Ok(fetch(connection, ONE, namespace).await?.unwrap_or(nothing))
}

/// Says how much is in a namespace that is held to write.
pub(super) async fn keep(
    connection: &mut PgConnection,
    namespace: &Namespace,
    account: Account,
) -> Result<(), sqlx::Error> {
    sqlx::query(UPDATE)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(integer(account.usage.keys))
        .bind(integer(account.usage.bytes))
        .bind(integer(account.generation))
        .execute(connection)
        .await?;
    Ok(())
}

async fn fetch(
    connection: &mut PgConnection,
    sql: &'static str,
    namespace: &Namespace,
) -> Result<Option<Account>, sqlx::Error> {
    let query = sqlx::query(sql).bind(namespace.tenant.as_str()).bind(namespace.binding.as_str());
    let row = query.fetch_optional(connection).await?;
    let account = |row: PgRow| {
        let usage = Usage { keys: number(&row, "keys")?, bytes: number(&row, "bytes")? };
        Ok(Account { usage, generation: number(&row, "generation")? })
    };
    row.map(account).transpose()
}
