//! Approvals and whom they ask: only what finds them; an approval itself is in its execution's row.

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnection, PgRow};
use writ_core::{Approval, Execution};

use super::executions::{self, sized};
use super::rows::{column, integer, text};
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::execution::ApprovalFilter;
use crate::page::{Filling, Page};
use crate::row::{AnsweredRow, ApprovalRow, AskedRow, approver_key};
use crate::sealing::Opener;

const UPSERT: &str = "INSERT INTO approvals (tenant, id, execution, state, opened_at_ms)
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    ON CONFLICT (tenant, id) DO UPDATE SET state = excluded.state";
const ASK: &str = "INSERT INTO asked (tenant, approver, approval)
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING";
const ASK_NO_MORE: &str = "DELETE FROM asked WHERE (tenant, approver, approval)
    IN (SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[]))";

const ANSWER: &str = "INSERT INTO answered (tenant, approver, approval, execution)
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING";

const EXECUTION_OF: &str = "SELECT executions.id, executions.body FROM approvals
    JOIN executions ON executions.tenant = $1 AND executions.id = approvals.execution
    WHERE approvals.tenant = $1 AND approvals.id = $2";
const PENDING: &str = "SELECT id AS approval FROM approvals
    WHERE tenant = $1 AND state = 'pending' AND id < $2 ORDER BY id DESC LIMIT $3";
const ENDED: &str = "SELECT id AS approval FROM approvals
    WHERE tenant = $1 AND state <> 'pending' AND id < $2 ORDER BY id DESC LIMIT $3";
const ASKING: &str = "SELECT approval FROM asked
    WHERE tenant = $1 AND approver = $4 AND approval < $2 ORDER BY approval DESC LIMIT $3";
const ANSWERED: &str = "SELECT approval FROM answered
    WHERE tenant = $1 AND approver = $4 AND approval < $2 ORDER BY approval DESC LIMIT $3";

/// Writes approvals that are new or in another state.
pub(super) async fn keep(
    connection: &mut PgConnection,
    rows: &[ApprovalRow],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(UPSERT)
        .bind(column(rows, |row| row.tenant.as_str()))
        .bind(column(rows, |row| kept(&row.id)))
        .bind(column(rows, |row| kept(&row.execution)))
        .bind(column(rows, |row| row.state))
        .bind(column(rows, |row| integer(row.opened_at_ms)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes who is asked from now on, and who no more.
pub(super) async fn ask(
    connection: &mut PgConnection,
    asked: &[AskedRow],
    unasked: &[AskedRow],
) -> Result<(), sqlx::Error> {
    for (sql, rows) in [(ASK_NO_MORE, unasked), (ASK, asked)] {
        if rows.is_empty() {
            continue;
        }
        sqlx::query(sql)
            .bind(column(rows, |row| row.tenant.as_str()))
            .bind(column(rows, |row| kept(&row.approver)))
            .bind(column(rows, |row| kept(&row.approval)))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Writes who has answered; somebody may have answered an earlier stage as well.
pub(super) async fn answer(
    connection: &mut PgConnection,
    rows: &[AnsweredRow],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(ANSWER)
        .bind(column(rows, |row| row.tenant.as_str()))
        .bind(column(rows, |row| kept(&row.approver)))
        .bind(column(rows, |row| kept(&row.approval)))
        .bind(column(rows, |row| kept(&row.execution)))
        .execute(connection)
        .await?;
    Ok(())
}

/// The execution that an approval belongs to.
pub(super) async fn execution_of(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    approval: &str,
) -> Result<Option<Execution>, StoreError> {
    executions::fetch(connection, EXECUTION_OF, opener, approval).await
}

/// A part of a tenant's approvals.
pub(super) struct Part<'a> {
    pub(super) opener: Opener<'a>,
    /// The id before which it begins.
    pub(super) before: &'a str,
    pub(super) limit: u32,
}

impl Part<'_> {
    /// Approvals with their executions, newest first.
    pub(super) async fn read(
        &self,
        connection: &mut PgConnection,
        filter: &ApprovalFilter,
    ) -> Result<Page<(Execution, Approval)>, StoreError> {
        let ids = self.ids(connection, filter).await.map_err(Failure::from)?;
        let mut page = Filling::new(self.limit);
        for id in ids {
            if page.is_full() {
                break;
            }
            let row = executions::row(connection, EXECUTION_OF, self.opener.tenant, &id).await;
            let row = row.map_err(Failure::from)?;
            page.add_approval(id, row.map(|row| sized(self.opener, &row)).transpose()?)?;
        }
        Ok(page.finish())
    }

    /// Ids, newest first.
    async fn ids(
        &self,
        connection: &mut PgConnection,
        filter: &ApprovalFilter,
    ) -> Result<Vec<String>, sqlx::Error> {
        let (person, groups) = match filter {
            ApprovalFilter::Pending => return self.fetch(connection, PENDING, None).await,
            ApprovalFilter::Ended => return self.fetch(connection, ENDED, None).await,
            ApprovalFilter::AnsweredBy(person) => {
                return self.fetch(connection, ANSWERED, Some(person.folded())).await;
            }
            ApprovalFilter::Asking { person, groups } => (person, groups),
        };
        let groups = groups.iter().map(|group| approver_key("group", group.folded()));
        let approvers = groups.chain([approver_key("user", person.folded())]);
        // A page of each and then the newest of them: one query for all would sort all of them.
        let mut ids = BTreeSet::new();
        for approver in approvers {
            ids.extend(self.fetch(connection, ASKING, Some(&approver)).await?);
        }
        Ok(ids.into_iter().rev().take(self.limit as usize).collect())
    }

    async fn fetch(
        &self,
        connection: &mut PgConnection,
        sql: &'static str,
        approver: Option<&str>,
    ) -> Result<Vec<String>, sqlx::Error> {
        let query = sqlx::query(sql).bind(self.opener.tenant.as_str()).bind(kept(self.before));
        let query = query.bind(i64::from(self.limit));
        let query = approver.into_iter().fold(query, |query, approver| query.bind(kept(approver)));
        let rows = query.fetch_all(connection).await?;
        rows.iter().map(|row: &PgRow| text(row, "approval")).collect()
    }
}
