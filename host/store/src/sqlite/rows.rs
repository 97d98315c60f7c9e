//! Statements that take many rows at once.
//!
//! One statement with a row for each decision costs a third of what rows as JSON cost, and one
//! statement is one message to the connection's thread. Each number of rows is its own text, so a
//! statement takes at most [`ROWS_MAX`]: the connection prepares each text once and keeps it.

use std::collections::HashMap;
use std::fmt::Write;

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, SqlStr};
use writ_core::Digest;

/// How many rows one statement takes at most.
pub(crate) const ROWS_MAX: usize = 64;

/// A statement of any number of rows: a head, a group of parameters for each row, and a tail.
#[derive(Debug)]
pub(crate) struct RowsStatement {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
    texts: HashMap<usize, SqlStr>,
}

impl RowsStatement {
    pub(crate) fn new(head: &'static str, row: &'static str, tail: &'static str) -> Self {
        Self { head, row, tail, texts: HashMap::new() }
    }

    /// Executes it for some rows. `bind` adds a row's values in the order of its parameters.
    pub(crate) async fn execute<T>(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<T>,
        bind: impl Fn(&mut SqliteArguments, T) -> Result<(), sqlx::Error>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let (text, arguments) = self.next(&mut rows, &bind)?;
            sqlx::query_with(text, arguments).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// As [`RowsStatement::execute`], and returns what the statement gives.
    pub(crate) async fn fetch<T>(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<T>,
        bind: impl Fn(&mut SqliteArguments, T) -> Result<(), sqlx::Error>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut fetched = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let (text, arguments) = self.next(&mut rows, &bind)?;
            fetched.extend(sqlx::query_with(text, arguments).fetch_all(&mut *connection).await?);
        }
        Ok(fetched)
    }

    /// The statement for the next rows, as many as it takes.
    fn next<T>(
        &mut self,
        rows: &mut std::vec::IntoIter<T>,
        bind: impl Fn(&mut SqliteArguments, T) -> Result<(), sqlx::Error>,
    ) -> Result<(SqlStr, SqliteArguments), sqlx::Error> {
        let count = rows.len().min(ROWS_MAX);
        let mut arguments = SqliteArguments::default();
        rows.take(count).try_for_each(|row| bind(&mut arguments, row))?;
        Ok((self.text(count), arguments))
    }

    fn text(&mut self, rows: usize) -> SqlStr {
        let Self { head, row, tail, texts } = self;
        let text = texts.entry(rows).or_insert_with(|| {
            let mut text = format!("{head} {row}");
            for _ in 1..rows {
                write!(text, ",{row}").expect("writing to a string cannot fail");
            }
            AssertSqlSafe(text + tail).into_sql_str()
        });
        text.clone()
    }
}

/// Adds values in order.
macro_rules! bind {
    ($arguments:expr, $($value:expr),+ $(,)?) => {{
        use sqlx::Arguments as _;
        $($arguments.add($value).map_err(sqlx::Error::Encode)?;)+
        Ok(())
    }};
}
pub(crate) use bind;

/// SQLite's integers are signed; times and versions never come near the end of their range.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A digest, stored as its 32 bytes.
pub(crate) fn digest(row: &SqliteRow, column: &str) -> Result<Digest, sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    })?;
    Ok(bytes.into())
}

/// A time, count or version.
pub(crate) fn number(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    Ok(number.cast_unsigned())
}

/// A name of core's, as text.
pub(crate) fn name<T>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
