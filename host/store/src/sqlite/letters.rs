//! Dead letters: one row each.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use writ_core::Tenant;

use crate::error::{Failure, StoreError};
use crate::letters::{DeadLetter, Unsent};
use crate::row::{END, LetterChange};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::rows::{integer, name, number};

impl Sqlite {
    pub(crate) async fn dead_letters(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let page = page(&self.inner.shared.readers, tenant, before, limit).await;
        Ok(page.map_err(Failure::from)?)
    }

    pub(crate) async fn dead_letter(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let found = one(&self.inner.shared.readers, tenant, id).await;
        Ok(found.map_err(Failure::from)?)
    }

    pub(crate) async fn count_dead_letters(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        let count = count(&self.inner.shared.readers, tenant).await;
        Ok(count.map_err(Failure::from)?)
    }
}

/// Makes what steps changed.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    changes: Vec<LetterChange>,
) -> Result<(), sqlx::Error> {
    for change in changes {
        match change {
            LetterChange::Put(letter) => put(connection, *letter).await?,
            LetterChange::Remove { tenant, id } => remove(connection, &tenant, &id).await?,
        }
    }
    Ok(())
}

async fn put(connection: &mut SqliteConnection, letter: DeadLetter) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO dead_letters
                   (tenant, id, channel, sequence, endpoint, attempts, error, at_ms)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let (channel, sequence, endpoint) = match &letter.unsent {
        Unsent::Event { channel, sequence } => (Some(channel.as_str()), Some(*sequence), None),
        Unsent::Call { endpoint } => (None, None, Some(endpoint.as_str())),
    };
    sqlx::query(sql)
        .bind(letter.tenant.as_str())
        .bind(letter.id)
        .bind(channel)
        .bind(sequence.map(integer))
        .bind(endpoint)
        .bind(integer(letter.attempts))
        .bind(letter.error)
        .bind(integer(letter.at_ms))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes another attempt, where the letter is still there.
pub(super) async fn failed(
    connection: &mut SqliteConnection,
    letter: DeadLetter,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE dead_letters SET attempts = ?, error = ?, at_ms = ?
               WHERE tenant = ? AND id = ?";
    sqlx::query(sql)
        .bind(integer(letter.attempts))
        .bind(letter.error)
        .bind(integer(letter.at_ms))
        .bind(letter.tenant.as_str())
        .bind(letter.id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &str,
) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM dead_letters WHERE tenant = ? AND id = ?";
    sqlx::query(sql).bind(tenant.as_str()).bind(id).execute(connection).await?;
    Ok(())
}

pub(super) const PAGE: &str = "SELECT * FROM dead_letters
    WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?";
pub(super) const COUNT: &str = "SELECT count(*) AS count FROM dead_letters WHERE tenant = ?";
pub(super) const ONE: &str = "SELECT * FROM dead_letters WHERE tenant = ? AND id = ?";

/// Dead letters, newest first.
async fn page(
    readers: &SqlitePool,
    tenant: &Tenant,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<DeadLetter>, sqlx::Error> {
    let query = sqlx::query(PAGE).bind(tenant.as_str()).bind(before.unwrap_or(END));
    query.bind(limit).fetch_all(readers).await?.iter().map(letter).collect()
}

async fn one(
    readers: &SqlitePool,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<DeadLetter>, sqlx::Error> {
    let query = sqlx::query(ONE).bind(tenant.as_str()).bind(id);
    query.fetch_optional(readers).await?.as_ref().map(letter).transpose()
}

async fn count(readers: &SqlitePool, tenant: &Tenant) -> Result<u64, sqlx::Error> {
    number(&sqlx::query(COUNT).bind(tenant.as_str()).fetch_one(readers).await?, "count")
}

fn letter(row: &SqliteRow) -> Result<DeadLetter, sqlx::Error> {
    let is_event = row.try_get::<Option<&str>, _>("channel")?.is_some();
    Ok(DeadLetter {
        id: row.try_get("id")?,
        tenant: name(row, "tenant")?,
        unsent: match is_event {
            true => {
                Unsent::Event { channel: name(row, "channel")?, sequence: number(row, "sequence")? }
            }
            false => Unsent::Call { endpoint: name(row, "endpoint")? },
        },
        attempts: number(row, "attempts")?,
        error: row.try_get("error")?,
        at_ms: number(row, "at_ms")?,
    })
}
