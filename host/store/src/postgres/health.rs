//! Whether the database can be written to.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

/// Whether the database, which answers, takes writes at all.
pub(super) async fn is_writable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = "SELECT NOT pg_is_in_recovery() AS is_writable";
    sqlx::query(sql).fetch_one(connection).await?.try_get("is_writable")
}

/// Takes as much room as a decision does, and gives it back in the same transaction.
pub(super) async fn probe(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO probes (filler) VALUES (convert_to(repeat('x', 1024), 'UTF8'))";
    sqlx::query(sql).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM probes").execute(connection).await?;
    Ok(())
}
