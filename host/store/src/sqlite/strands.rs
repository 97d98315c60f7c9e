//! Where each tenant's strand of decisions begins and ends. Files have one strand a tenant, which goes
//! on whenever they are opened again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use writ_core::Tenant;
use writ_core::strand::StrandPlace;

use crate::row::{BatchRow, DecisionRow, gather};
use crate::sealing::Sealing;
use crate::sqlite::rows::{digest, integer, number};
use crate::step::TenantEvent;
use crate::strand;

/// How many tenants' ends are kept in memory, before all are read again.
const ENDS_MAX: usize = 10_000;

pub(super) const STARTS: &str = "SELECT strand, number, hash, until_ms FROM decision_strands
    WHERE tenant = ? ORDER BY strand";
const BEGIN: &str = "INSERT INTO decision_strands (tenant, strand, number, hash, until_ms)
    VALUES (?, ?, 0, ?, 0)";
pub(super) const LAST: &str = "SELECT strand, number, hash, until_ms FROM decision_batches
    WHERE tenant = ? AND strand = ? ORDER BY number DESC LIMIT 1";
const MOVE_START: &str = "UPDATE decision_strands SET number = ?3, hash = ?4, until_ms = ?5
    WHERE tenant = ?1 AND strand = ?2";
pub(super) const REMOVE: &str = "DELETE FROM decision_batches
    WHERE tenant = ?1 AND strand = ?2 AND number <= ?3 RETURNING decisions";
pub(super) const STRAY: &str = "SELECT strand, number FROM decision_batches AS batch
    WHERE tenant = ?1 AND NOT EXISTS (SELECT 1 FROM decision_strands
        WHERE tenant = ?1 AND strand = batch.strand)
    ORDER BY strand, number LIMIT 1";

/// Ends, for the writer, which is the only one to go on.
///
/// INVARIANT: between transactions, an end that is here is behind the last durable batch.
#[derive(Debug, Default)]
pub(crate) struct Strands(HashMap<Tenant, End>);

#[derive(Debug)]
struct End {
    place: StrandPlace,
    /// Up to which batch an event has told of it; none where that is not known.
    told: Option<u64>,
}

impl Strands {
    /// Gives decisions their places, in their order. Forget it all where the transaction then fails.
    pub(crate) async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        sealing: &Sealing,
        decisions: Vec<DecisionRow>,
    ) -> Result<Vec<BatchRow>, sqlx::Error> {
        // Before any place is given that is not durable yet. Each that goes may have grown since it
        // was told of; the next who loads it tells of it.
        if self.0.len() > ENDS_MAX {
            self.forget();
        }
        let mut rows = Vec::new();
        for gathered in gather(decisions) {
            let end = self.end(connection, &gathered.tenant).await?;
            rows.push(gathered.place(&mut end.place, sealing));
        }
        Ok(rows)
    }

    /// What tells of every strand that has grown since it was told of. Forget it all where that does
    /// not become durable.
    pub(crate) fn tell(&mut self, at_ms: u64) -> Vec<TenantEvent> {
        let mut events = Vec::new();
        for (tenant, end) in &mut self.0 {
            if end.told != Some(end.place.number) {
                end.told = Some(end.place.number);
                events.push(strand::anchored(tenant, vec![end.place.clone()], at_ms));
            }
        }
        events
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    async fn end(
        &mut self,
        connection: &mut SqliteConnection,
        tenant: &Tenant,
    ) -> Result<&mut End, sqlx::Error> {
        Ok(match self.0.entry(tenant.clone()) {
            Entry::Occupied(end) => end.into_mut(),
            Entry::Vacant(vacant) => {
                let place = load(connection, tenant).await?;
                vacant.insert(End { place, told: None })
            }
        })
    }
}

/// The end of a tenant's strand, which is begun where there is none.
async fn load(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<StrandPlace, sqlx::Error> {
    let Some(start) = starts(connection, tenant).await?.into_iter().next() else {
        let start = StrandPlace::start(tenant, strand::new_name()?);
        let begin = sqlx::query(BEGIN).bind(tenant.as_str()).bind(&start.strand);
        begin.bind(&start.hash.as_bytes()[..]).execute(connection).await?;
        return Ok(start);
    };
    let query = sqlx::query(LAST).bind(tenant.as_str()).bind(&start.strand);
    let last = query.fetch_optional(connection).await?;
    last.map_or(Ok(start), |row| place(&row))
}

/// Where a tenant's strands begin.
pub(super) async fn starts(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Vec<StrandPlace>, sqlx::Error> {
    let rows = sqlx::query(STARTS).bind(tenant.as_str()).fetch_all(connection).await?;
    rows.iter().map(place).collect()
}

/// Removes all batches up to a place, from which the strand then begins. Returns how many decisions
/// that were.
pub(super) async fn cut(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    to: &StrandPlace,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(REMOVE).bind(tenant.as_str()).bind(&to.strand);
    let removed = query.bind(integer(to.number)).fetch_all(&mut *connection).await?;
    let query = sqlx::query(MOVE_START).bind(tenant.as_str()).bind(&to.strand);
    let query = query.bind(integer(to.number)).bind(&to.hash.as_bytes()[..]);
    query.bind(integer(to.until_ms)).execute(connection).await?;
    removed.iter().map(|row| number(row, "decisions")).sum()
}

/// A batch of a strand that is not there.
pub(super) async fn stray(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Option<(String, u64)>, sqlx::Error> {
    let row = sqlx::query(STRAY).bind(tenant.as_str()).fetch_optional(connection).await?;
    row.map(|row| Ok((row.try_get("strand")?, number(&row, "number")?))).transpose()
}

fn place(row: &SqliteRow) -> Result<StrandPlace, sqlx::Error> {
    Ok(StrandPlace {
        strand: row.try_get("strand")?,
        number: number(row, "number")?,
        hash: digest(row, "hash")?,
        until_ms: number(row, "until_ms")?,
    })
}
