//! Links by which people answer from a letter: one row each.

use sqlx::postgres::{PgConnection, PgRow};
use writ_core::{Digest, Person, Tenant};

use super::backend::Postgres;
use super::rows::{digest, integer, name, number, text};
use super::text::kept;
use crate::answer_links::{AnswerLink, AskedOf};
use crate::channels::ChannelId;
use crate::error::StoreError;

const KEEP: &str = "INSERT INTO answer_links
        (tenant, token, channel, execution, approval, stage, person, is_sent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, false)";
const SENT: &str = "UPDATE answer_links SET is_sent = true WHERE tenant = $1 AND token = $2";
const ONE: &str = "SELECT * FROM answer_links WHERE tenant = $1 AND token = $2";
const SENT_TO: &str = "SELECT person FROM answer_links
    WHERE tenant = $1 AND execution = $2 AND channel = $3 AND approval = $4 AND stage = $5
        AND is_sent";

impl Postgres {
    pub(crate) async fn answer_link(
        &self,
        tenant: &Tenant,
        token: &Digest,
    ) -> Result<Option<AnswerLink>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let query = sqlx::query(ONE).bind(tenant.as_str()).bind(&token.as_bytes()[..]);
        let row = query.fetch_optional(&mut *view).await;
        let row = row.map_err(|error| self.inner.link.failed(error))?;
        let link = row.as_ref().map(link).transpose();
        Ok(link.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn sent_answer_links(
        &self,
        channel: &ChannelId,
        asked: &AskedOf,
    ) -> Result<Vec<Person>, StoreError> {
        let mut view = self.inner.link.read(&channel.tenant).await?;
        let query = sqlx::query(SENT_TO).bind(channel.tenant.as_str());
        let query = query.bind(kept(&asked.execution)).bind(channel.name.as_str());
        let query = query.bind(kept(&asked.approval)).bind(integer(asked.stage as u64));
        let rows = query.fetch_all(&mut *view).await;
        let rows = rows.map_err(|error| self.inner.link.failed(error))?;
        let people: Result<_, _> = rows.iter().map(|row| name(row, "person")).collect();
        Ok(people.map_err(|error| self.inner.link.failed(error))?)
    }
}

pub(super) async fn keep(
    connection: &mut PgConnection,
    link: &AnswerLink,
) -> Result<(), sqlx::Error> {
    let AnswerLink { token, channel, asked, person } = link;
    sqlx::query(KEEP)
        .bind(channel.tenant.as_str())
        .bind(&token.as_bytes()[..])
        .bind(channel.name.as_str())
        .bind(kept(&asked.execution))
        .bind(kept(&asked.approval))
        .bind(integer(asked.stage as u64))
        .bind(person.as_str())
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn sent(
    connection: &mut PgConnection,
    tenant: &Tenant,
    token: &Digest,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(SENT).bind(tenant.as_str()).bind(&token.as_bytes()[..]);
    query.execute(connection).await.map(drop)
}

fn link(row: &PgRow) -> Result<AnswerLink, sqlx::Error> {
    Ok(AnswerLink {
        token: digest(row, "token")?,
        channel: ChannelId { tenant: name(row, "tenant")?, name: name(row, "channel")? },
        asked: AskedOf {
            execution: text(row, "execution")?,
            approval: text(row, "approval")?,
            stage: number(row, "stage")? as usize,
        },
        person: name(row, "person")?,
    })
}
