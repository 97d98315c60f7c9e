//! Values that change their seal.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use writ_core::Tenant;

use super::rows::text;
use super::text::kept;
use crate::reseal::{ResealFrom, ResealRow, Stale};
use crate::sealing::Sealed;

/// Rows behind a place whose value is not sealed as `mark` says, in order.
pub(super) async fn stale(
    connection: &mut PgConnection,
    tenant: &Tenant,
    from: &ResealFrom,
    mark: &str,
    limit: u32,
) -> Result<Vec<Stale>, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(select(from.column)))
        .bind(tenant.as_str())
        .bind(kept(&from.row))
        .bind(from.number)
        .bind(mark)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    let stale = |row: &PgRow| {
        Ok(Stale {
            row: text(row, "named")?,
            number: row.try_get("place")?,
            kept: row.try_get("kept")?,
        })
    };
    rows.iter().map(stale).collect()
}

/// Changes each row that is still as it was read.
pub(super) async fn keep(
    connection: &mut PgConnection,
    rows: Vec<ResealRow>,
) -> Result<(), sqlx::Error> {
    for row in rows {
        sqlx::query(AssertSqlSafe(update(row.column)))
            .bind(row.tenant.as_str())
            .bind(kept(&row.row))
            .bind(row.number)
            .bind(row.before)
            .bind(row.after)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

// Safe: all names are ours.
fn select(column: Sealed) -> String {
    let (table, column, row, number) = column.names();
    let (place, behind, order) = match number {
        Some(number) => {
            (number, format!("({row}, {number}) > ($2, $3)"), format!("{row}, {number}"))
        }
        None => ("0::bigint", format!("{row} > $2 AND $3::bigint = $3"), row.to_owned()),
    };
    format!(
        "SELECT {row} AS named, {place} AS place, {column} AS kept FROM {table}
         WHERE tenant = $1 AND {behind} AND left({column}, length($4)) <> $4
         ORDER BY {order} LIMIT $5"
    )
}

fn update(column: Sealed) -> String {
    let (table, column, row, number) = column.names();
    let number = number.map_or("$3::bigint = $3".to_owned(), |number| format!("{number} = $3"));
    format!(
        "UPDATE {table} SET {column} = $5
         WHERE tenant = $1 AND {row} = $2 AND {number} AND {column} = $4"
    )
}
