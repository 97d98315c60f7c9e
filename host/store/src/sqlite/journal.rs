//! What running tools were answered: one row a host call.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::journal::Entry;

use crate::error::{Failure, StoreError};
use crate::row::JournalRow;
use crate::sealing::Opener;
use crate::sqlite::rows::{RowsStatement, bind, integer, number};

/// Appends entries.
#[derive(Debug)]
pub(crate) struct Insert(RowsStatement);

impl Insert {
    pub(crate) fn new() -> Self {
        let into = "INSERT INTO journal (tenant, execution, number, body) VALUES";
        Self(RowsStatement::new(into, "(?,?,?,?)", ""))
    }

    /// No entry may be there already.
    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<JournalRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: JournalRow| {
            bind!(arguments, row.tenant.as_str(), row.execution, integer(row.number), row.body)
        };
        self.0.execute(connection, rows, bind_row).await
    }
}

pub(super) const ALL: &str =
    "SELECT number, body FROM journal WHERE tenant = ? AND execution = ? ORDER BY number";

/// All entries of an execution, in order.
pub(crate) async fn all(
    readers: &SqlitePool,
    opener: Opener<'_>,
    execution: &str,
) -> Result<Vec<Entry>, StoreError> {
    let query = sqlx::query(ALL).bind(opener.tenant.as_str()).bind(execution);
    let rows = query.fetch_all(readers).await.map_err(Failure::from)?;
    let entry = |row: &SqliteRow| {
        let at = number(row, "number").map_err(Failure::from)?;
        let body: &str = row.try_get("body").map_err(Failure::from)?;
        JournalRow::entry(opener, execution, at, body)
    };
    rows.iter().map(entry).collect()
}
