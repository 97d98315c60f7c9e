//! A write that only tells whether writing works.

use sqlx::sqlite::SqliteConnection;

/// Takes as much room as many decisions do, and gives it back in the same transaction.
pub(crate) async fn probe(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO probes (filler) VALUES (randomblob(65536)); DELETE FROM probes";
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}
