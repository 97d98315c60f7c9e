//! Values as columns hold them.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use writ_core::Digest;

use super::text;

/// PostgreSQL's integers are signed; times and versions never come near the end of their range.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time, count or version.
pub(super) fn number(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    Ok(number.cast_unsigned())
}

/// A time that there may be.
pub(super) fn time(row: &PgRow, column: &str) -> Result<Option<u64>, sqlx::Error> {
    let number: Option<i64> = row.try_get(column)?;
    Ok(number.map(i64::cast_unsigned))
}

/// A digest, stored as its 32 bytes.
pub(super) fn digest(row: &PgRow, column: &str) -> Result<Digest, sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    })?;
    Ok(bytes.into())
}

/// A text that a caller gave.
pub(super) fn text(row: &PgRow, column: &str) -> Result<String, sqlx::Error> {
    Ok(text::read(row.try_get(column)?))
}

/// A name of core's, as text.
pub(super) fn name<T>(row: &PgRow, column: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(decode)
}

pub(super) fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// One value of each row, as a parameter of `UNNEST`.
pub(super) fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
