//! Links by which people answer from a letter: one row each.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use writ_core::{Digest, Person, Tenant};

use crate::answer_links::{AnswerLink, AskedOf};
use crate::channels::ChannelId;
use crate::error::{Failure, StoreError};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::rows::{digest, integer, name, number};

impl Sqlite {
    pub(crate) async fn answer_link(
        &self,
        tenant: &Tenant,
        token: &Digest,
    ) -> Result<Option<AnswerLink>, StoreError> {
        let found = one(&self.inner.shared.readers, tenant, token).await;
        Ok(found.map_err(Failure::from)?)
    }

    pub(crate) async fn sent_answer_links(
        &self,
        channel: &ChannelId,
        asked: &AskedOf,
    ) -> Result<Vec<Person>, StoreError> {
        let found = sent_to(&self.inner.shared.readers, channel, asked).await;
        Ok(found.map_err(Failure::from)?)
    }
}

pub(super) async fn keep(
    connection: &mut SqliteConnection,
    link: AnswerLink,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO answer_links
                   (tenant, token, channel, execution, approval, stage, person, is_sent)
               VALUES (?, ?, ?, ?, ?, ?, ?, 0)";
    let AnswerLink { token, channel, asked, person } = link;
    sqlx::query(sql)
        .bind(channel.tenant.as_str())
        .bind(&token.as_bytes()[..])
        .bind(channel.name.as_str())
        .bind(asked.execution)
        .bind(asked.approval)
        .bind(integer(asked.stage as u64))
        .bind(person.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn sent(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    token: &Digest,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE answer_links SET is_sent = 1 WHERE tenant = ? AND token = ?";
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(&token.as_bytes()[..]);
    query.execute(connection).await?;
    Ok(())
}

pub(super) const ONE: &str = "SELECT * FROM answer_links WHERE tenant = ? AND token = ?";
/// Left to itself, SQLite would look at all links of a tenant.
pub(super) const SENT_TO: &str = "SELECT person FROM answer_links INDEXED BY answer_links_by_execution
    WHERE tenant = ? AND execution = ? AND channel = ? AND approval = ? AND stage = ? AND is_sent = 1";

async fn one(
    readers: &SqlitePool,
    tenant: &Tenant,
    token: &Digest,
) -> Result<Option<AnswerLink>, sqlx::Error> {
    let query = sqlx::query(ONE).bind(tenant.as_str()).bind(&token.as_bytes()[..]);
    query.fetch_optional(readers).await?.as_ref().map(link).transpose()
}

async fn sent_to(
    readers: &SqlitePool,
    channel: &ChannelId,
    asked: &AskedOf,
) -> Result<Vec<Person>, sqlx::Error> {
    let query = sqlx::query(SENT_TO).bind(channel.tenant.as_str()).bind(&asked.execution);
    let query = query.bind(channel.name.as_str()).bind(&asked.approval);
    let rows = query.bind(integer(asked.stage as u64)).fetch_all(readers).await?;
    rows.iter().map(|row| name(row, "person")).collect()
}

fn link(row: &SqliteRow) -> Result<AnswerLink, sqlx::Error> {
    Ok(AnswerLink {
        token: digest(row, "token")?,
        channel: ChannelId { tenant: name(row, "tenant")?, name: name(row, "channel")? },
        asked: AskedOf {
            execution: row.try_get("execution")?,
            approval: row.try_get("approval")?,
            stage: number(row, "stage")? as usize,
        },
        person: name(row, "person")?,
    })
}
