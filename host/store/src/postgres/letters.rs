//! Dead letters: one row each.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;

use super::backend::Postgres;
use super::rows::{integer, name, number, text};
use super::text::kept;
use crate::error::StoreError;
use crate::letters::{DeadLetter, Unsent};
use crate::row::{END, LetterChange};

const PUT: &str = "INSERT INTO dead_letters
        (tenant, id, channel, sequence, endpoint, attempts, error, at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FAILED: &str = "UPDATE dead_letters SET attempts = $3, error = $4, at_ms = $5
    WHERE tenant = $1 AND id = $2";
const REMOVE: &str = "DELETE FROM dead_letters WHERE tenant = $1 AND id = $2";
const PAGE: &str =
    "SELECT * FROM dead_letters WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const COUNT: &str = "SELECT count(*) AS count FROM dead_letters WHERE tenant = $1";
const ONE: &str = "SELECT * FROM dead_letters WHERE tenant = $1 AND id = $2";

impl Postgres {
    pub(crate) async fn dead_letters(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let query = sqlx::query(PAGE).bind(tenant.as_str());
        let query = query.bind(kept(before.unwrap_or(END))).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *view).await;
        let rows = rows.map_err(|error| self.inner.link.failed(error))?;
        let letters: Result<_, _> = rows.iter().map(letter).collect();
        Ok(letters.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn dead_letter(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let query = sqlx::query(ONE).bind(tenant.as_str()).bind(kept(id));
        let row = query.fetch_optional(&mut *view).await;
        let row = row.map_err(|error| self.inner.link.failed(error))?;
        let letter = row.as_ref().map(letter).transpose();
        Ok(letter.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn count_dead_letters(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let row = sqlx::query(COUNT).bind(tenant.as_str()).fetch_one(&mut *view).await;
        let count = row.and_then(|row| number(&row, "count"));
        Ok(count.map_err(|error| self.inner.link.failed(error))?)
    }
}

/// Makes what a step changed.
pub(super) async fn keep(
    connection: &mut PgConnection,
    change: &LetterChange,
) -> Result<(), sqlx::Error> {
    match change {
        LetterChange::Put(letter) => put(connection, letter).await,
        LetterChange::Remove { tenant, id } => remove(connection, tenant, id).await,
    }
}

pub(super) async fn put(
    connection: &mut PgConnection,
    letter: &DeadLetter,
) -> Result<(), sqlx::Error> {
    let (channel, sequence, endpoint) = match &letter.unsent {
        Unsent::Event { channel, sequence } => (Some(channel.as_str()), Some(*sequence), None),
        Unsent::Call { endpoint } => (None, None, Some(endpoint.as_str())),
    };
    sqlx::query(PUT)
        .bind(letter.tenant.as_str())
        .bind(kept(&letter.id))
        .bind(channel)
        .bind(sequence.map(integer))
        .bind(endpoint)
        .bind(integer(letter.attempts))
        .bind(kept(&letter.error))
        .bind(integer(letter.at_ms))
        .execute(connection)
        .await
        .map(drop)
}

/// Notes another attempt, where the letter is still there.
pub(super) async fn failed(
    connection: &mut PgConnection,
    letter: &DeadLetter,
) -> Result<(), sqlx::Error> {
    sqlx::query(FAILED)
        .bind(letter.tenant.as_str())
        .bind(kept(&letter.id))
        .bind(integer(letter.attempts))
        .bind(kept(&letter.error))
        .bind(integer(letter.at_ms))
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn remove(
    connection: &mut PgConnection,
    tenant: &Tenant,
    id: &str,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(REMOVE).bind(tenant.as_str()).bind(kept(id));
    query.execute(connection).await.map(drop)
}

fn letter(row: &PgRow) -> Result<DeadLetter, sqlx::Error> {
    let is_event = row.try_get::<Option<&str>, _>("channel")?.is_some();
    Ok(DeadLetter {
        id: text(row, "id")?,
        tenant: name(row, "tenant")?,
        unsent: match is_event {
            true => {
                Unsent::Event { channel: name(row, "channel")?, sequence: number(row, "sequence")? }
            }
            false => Unsent::Call { endpoint: name(row, "endpoint")? },
        },
        attempts: number(row, "attempts")?,
        error: text(row, "error")?,
        at_ms: number(row, "at_ms")?,
    })
}
