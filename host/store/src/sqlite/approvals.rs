//! Approvals and whom they ask: only what finds them; an approval itself is in its execution's row.

use std::collections::BTreeSet;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::{Approval, Execution, Tenant};

use crate::error::{Failure, StoreError};
use crate::execution::ApprovalFilter;
use crate::page::{Filling, Page};
use crate::row::{AnsweredRow, ApprovalRow, AskedRow, END, approver_key};
use crate::sealing::Opener;
use crate::sqlite::executions::{execution, sized};
use crate::sqlite::rows::{RowsStatement, bind, integer};

/// Writes approvals and whom they ask.
#[derive(Debug)]
pub(crate) struct Apply {
    upsert: RowsStatement,
    ask: RowsStatement,
    ask_no_more: RowsStatement,
    answer: RowsStatement,
}

impl Apply {
    pub(crate) fn new() -> Self {
        let upsert = RowsStatement::new(
            "INSERT INTO approvals (tenant, id, execution, state, opened_at_ms) VALUES",
            "(?,?,?,?,?)",
            " ON CONFLICT DO UPDATE SET state = excluded.state",
        );
        let ask = RowsStatement::new(
            "INSERT INTO asked (tenant, approver, approval) VALUES",
            "(?,?,?)",
            " ON CONFLICT DO NOTHING",
        );
        let ask_no_more = RowsStatement::new(
            "DELETE FROM asked WHERE (tenant, approver, approval) IN (VALUES",
            "(?,?,?)",
            ")",
        );
        let answer = RowsStatement::new(
            "INSERT INTO answered (tenant, approver, approval, execution) VALUES",
            "(?,?,?,?)",
            // Somebody may have answered an earlier stage as well.
            " ON CONFLICT DO NOTHING",
        );
        Self { upsert, ask, ask_no_more, answer }
    }

    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        approvals: Vec<ApprovalRow>,
        asked: Vec<AskedRow>,
        unasked: Vec<AskedRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_approval = |arguments: &mut SqliteArguments, row: ApprovalRow| {
            let opened_at_ms = integer(row.opened_at_ms);
            bind!(arguments, row.tenant.as_str(), row.id, row.execution, row.state, opened_at_ms)
        };
        let bind_asked = |arguments: &mut SqliteArguments, row: AskedRow| {
            bind!(arguments, row.tenant.as_str(), row.approver, row.approval)
        };
        self.upsert.execute(connection, approvals, bind_approval).await?;
        self.ask_no_more.execute(connection, unasked, bind_asked).await?;
        self.ask.execute(connection, asked, bind_asked).await
    }

    /// Writes who has answered.
    pub(crate) async fn answer(
        &mut self,
        connection: &mut SqliteConnection,
        answered: Vec<AnsweredRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: AnsweredRow| {
            let AnsweredRow { tenant, approver, approval, execution } = row;
            bind!(arguments, tenant.as_str(), approver, approval, execution)
        };
        self.answer.execute(connection, answered, bind_row).await
    }
}

pub(super) const EXECUTION_OF: &str = "SELECT executions.id, executions.body FROM approvals
    CROSS JOIN executions ON executions.tenant = ?1 AND executions.id = approvals.execution
    WHERE approvals.tenant = ?1 AND approvals.id = ?2";
pub(super) const PENDING: &str = "SELECT id FROM approvals
    WHERE tenant = ?1 AND state = 'pending' AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(super) const ENDED: &str = "SELECT id FROM approvals INDEXED BY approvals_ended
    WHERE tenant = ?1 AND state <> 'pending' AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(super) const ASKING: &str = "SELECT approval FROM asked
    WHERE tenant = ?1 AND approver = ?4 AND approval < ?2 ORDER BY approval DESC LIMIT ?3";

pub(super) const ANSWERED: &str = "SELECT approval FROM answered
    WHERE tenant = ?1 AND approver = ?4 AND approval < ?2 ORDER BY approval DESC LIMIT ?3";

/// The execution that an approval belongs to.
pub(crate) async fn execution_of(
    connection: &mut SqliteConnection,
    opener: Opener<'_>,
    approval: &str,
) -> Result<Option<Execution>, StoreError> {
    let row = row_of(connection, opener.tenant, approval).await.map_err(Failure::from)?;
    row.as_ref().map(|row| execution(opener, row)).transpose()
}

/// A tenant's approvals with their executions, newest first, those before an id.
pub(crate) async fn page(
    readers: &SqlitePool,
    opener: Opener<'_>,
    filter: &ApprovalFilter,
    before: Option<&str>,
    limit: u32,
) -> Result<Page<(Execution, Approval)>, StoreError> {
    // One view of it all: what is listed is also what is loaded.
    let mut view = readers.begin().await.map_err(Failure::from)?;
    let part = Part { tenant: opener.tenant, before: before.unwrap_or(END), limit };
    let ids = part.ids(&mut view, filter).await.map_err(Failure::from)?;
    let mut page = Filling::new(limit);
    for id in ids {
        if page.is_full() {
            break;
        }
        let row = row_of(&mut view, opener.tenant, &id).await.map_err(Failure::from)?;
        page.add_approval(id, row.map(|row| sized(opener, &row)).transpose()?)?;
    }
    Ok(page.finish())
}

async fn row_of(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    approval: &str,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    let query = sqlx::query(EXECUTION_OF).bind(tenant.as_str()).bind(approval);
    query.fetch_optional(connection).await
}

struct Part<'a> {
    tenant: &'a Tenant,
    before: &'a str,
    limit: u32,
}

impl Part<'_> {
    /// Ids, newest first.
    async fn ids(
        &self,
        connection: &mut SqliteConnection,
        filter: &ApprovalFilter,
    ) -> Result<Vec<String>, sqlx::Error> {
        let (person, groups) = match filter {
            ApprovalFilter::Pending => return self.fetch(connection, PENDING, None).await,
            ApprovalFilter::Ended => return self.fetch(connection, ENDED, None).await,
            ApprovalFilter::AnsweredBy(person) => {
                let approver = person.folded().to_owned();
                return self.fetch(connection, ANSWERED, Some(approver)).await;
            }
            ApprovalFilter::Asking { person, groups } => (person, groups),
        };
        let groups = groups.iter().map(|group| approver_key("group", group.folded()));
        let approvers = groups.chain([approver_key("user", person.folded())]);
        // A page of each and then the newest of them: one query for all would sort all of them.
        let mut ids = BTreeSet::new();
        for approver in approvers {
            ids.extend(self.fetch(connection, ASKING, Some(approver)).await?);
        }
        Ok(ids.into_iter().rev().take(self.limit as usize).collect())
    }

    async fn fetch(
        &self,
        connection: &mut SqliteConnection,
        sql: &'static str,
        approver: Option<String>,
    ) -> Result<Vec<String>, sqlx::Error> {
        let query = sqlx::query(sql).bind(self.tenant.as_str()).bind(self.before).bind(self.limit);
        let query = approver.into_iter().fold(query, |query, approver| query.bind(approver));
        let rows = query.fetch_all(connection).await?;
        rows.iter().map(|row: &SqliteRow| row.try_get(0)).collect()
    }
}
