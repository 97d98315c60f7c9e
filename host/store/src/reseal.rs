//! Sealing everything that is kept with the active key, a batch at a time, while hosts serve.
//!
//! A batch changes a row only if it is still as it was read: what a host writes meanwhile stays. So
//! it can be stopped anywhere and begun again: what is sealed already is passed over.

use writ_core::Tenant;

use crate::error::StoreError;
use crate::port::on;
use crate::sealing::{Opener, Sealed};
use crate::store::Store;

/// What a batch has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// How many values were sealed anew.
    pub values: u64,
    /// Where the next batch begins; none where this was the last one.
    pub next: Option<ResealFrom>,
}

/// Where a batch begins: behind a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealFrom {
    pub(crate) column: Sealed,
    pub(crate) row: String,
    /// The row's number; -1 before the first one.
    pub(crate) number: i64,
}

/// A row that is sealed otherwise than it is to be.
#[derive(Debug)]
pub(crate) struct Stale {
    pub(crate) row: String,
    pub(crate) number: i64,
    pub(crate) kept: String,
}

/// A row whose value changes its seal.
#[derive(Debug)]
pub(crate) struct ResealRow {
    pub(crate) tenant: Tenant,
    pub(crate) column: Sealed,
    pub(crate) row: String,
    pub(crate) number: i64,
    /// What must still be there.
    pub(crate) before: String,
    pub(crate) after: String,
}

impl ResealFrom {
    /// Before everything.
    pub fn start() -> Self {
        Self { column: Sealed::ALL[0], row: String::new(), number: -1 }
    }

    /// The place that a text names; none where it names none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let (table, number, row) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let column = Sealed::ALL.into_iter().find(|column| column.names().0 == table)?;
        Some(Self { column, row: row.to_owned(), number })
    }

    /// The table in which the next batch looks.
    pub fn table(&self) -> &'static str {
        self.column.names().0
    }

    fn next_table(&self) -> Option<Self> {
        let mut later = Sealed::ALL.into_iter().skip_while(|column| *column != self.column);
        later.nth(1).map(|column| Self { column, ..Self::start() })
    }
}

/// A text that [`ResealFrom::parse`] reads.
impl std::fmt::Display for ResealFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.table(), self.number, self.row)
    }
}

impl ResealRow {
    fn new(opener: Opener<'_>, column: Sealed, stale: Stale) -> Result<Self, StoreError> {
        let Stale { row, number, kept } = stale;
        let place = (row.as_str(), number.cast_unsigned());
        let value = opener.open(column, place, &kept)?.into_owned();
        let after = opener.sealing.seal(opener.tenant, column, place, value);
        Ok(Self { tenant: opener.tenant.clone(), column, row, number, before: kept, after })
    }
}

impl Store {
    /// The id of the key with which this store seals; none where it seals nothing.
    pub fn sealing_key(&self) -> Option<String> {
        on!(self, backend => backend.sealing()).active().map(str::to_owned)
    }

    /// Seals a tenant's values with the active key: at most `limit` (and
    /// [`crate::PAGE_MAX`], or 16 batches of decisions) of those from a place on, of one table. Durable when this returns. Values that a host changes meanwhile it
    /// leaves to that host.
    ///
    /// # Errors
    /// [`StoreError::NotSealing`] where there is no active key; [`StoreError::Sealed`] with the first
    /// value that does not open; [`StoreError::Unavailable`].
    pub async fn reseal(
        &self,
        tenant: &Tenant,
        from: &ResealFrom,
        limit: u32,
    ) -> Result<Resealed, StoreError> {
        let sealing = on!(self, backend => backend.sealing()).clone();
        let mark = sealing.active_mark().ok_or(StoreError::NotSealing)?;
        let limit = limit.clamp(1, from.column.rows_max());
        let stale = on!(self, backend => backend.stale(tenant, from, &mark, limit).await)?;
        let next = match stale.last() {
            Some(last) if stale.len() == limit as usize => {
                Some(ResealFrom { column: from.column, row: last.row.clone(), number: last.number })
            }
            Some(_) | None => from.next_table(),
        };
        let opener = sealing.of(tenant);
        let rows = stale.into_iter().map(|stale| ResealRow::new(opener, from.column, stale));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let values = rows.len() as u64;
        if !rows.is_empty() {
            on!(self, backend => backend.keep_resealed(tenant, rows).await)?;
        }
        Ok(Resealed { values, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_nothing_else_does() {
        let mut from = Some(ResealFrom::start());
        let mut tables = Vec::new();
        while let Some(place) = from {
            assert_eq!(ResealFrom::parse(&place.to_string()), Some(place.clone()));
            tables.push(place.table());
            from = place.next_table();
        }
        assert_eq!(
            tables,
            [
                "executions",
                "decisions",
                "decision_batches",
                "journal",
                "signing_keys",
                "policy_sets"
            ]
        );
        for text in ["", "events/0/a", "executions/x/a", "executions/1"] {
            assert_eq!(ResealFrom::parse(text), None, "{text}");
        }
    }
}
