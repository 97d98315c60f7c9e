//! Strands of decisions: as many as a host has transactions at once, so that none waits for another's
//! place, nor for another host's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;
use writ_core::strand::StrandPlace;

use super::batches;
use super::rows::{digest, integer, number};
use crate::row::{DecisionRow, Gathered, gather};
use crate::sealing::Sealing;
use crate::strand::{KeptStrand, new_name};

const STRANDS: &str = "SELECT strand, number, hash, until_ms, end_number, end_hash, end_until_ms
    FROM decision_strands WHERE tenant = $1 ORDER BY strand";
const MOVE_START: &str = "UPDATE decision_strands SET number = $3, hash = $4, until_ms = $5
    WHERE tenant = $1 AND strand = $2";
const REMOVE: &str = "DELETE FROM decision_batches
    WHERE tenant = $1 AND strand = $2 AND number <= $3 RETURNING decisions";
/// Whoever would go on with it begins another.
const REMOVE_EMPTY: &str = "DELETE FROM decision_strands
    WHERE tenant = $1 AND strand = $2 AND end_number = number";
const STRAY: &str = "SELECT strand, number FROM decision_batches AS batch
    WHERE tenant = $1 AND NOT EXISTS (SELECT 1 FROM decision_strands
        WHERE tenant = $1 AND strand = batch.strand)
    ORDER BY strand, number LIMIT 1";

/// How many strands wait to be gone on with at most, of all tenants.
const FREE_MAX: usize = 1_024;

/// The strands of a host.
#[derive(Debug)]
pub(super) struct Strands {
    sealing: Sealing,
    /// Guards which strands nobody is writing to, and which have grown. Held for moves only.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: HashMap<Tenant, Vec<StrandPlace>>,
    /// The ends that no event has told of, by tenant and strand.
    untold: BTreeMap<(Tenant, String), StrandPlace>,
}

/// Decisions that a transaction has written, and the end of their strand.
#[derive(Debug)]
pub(super) struct Written {
    tenant: Tenant,
    to: StrandPlace,
}

impl Strands {
    pub(super) fn new(sealing: Sealing) -> Self {
        Self { sealing, state: Mutex::default() }
    }

    /// Writes decisions of one tenant. Once the transaction is durable, [`Strands::settle`] lets
    /// others go on behind them; where that is not known, nobody does.
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        decisions: Vec<DecisionRow>,
    ) -> Result<Written, sqlx::Error> {
        let gathered = gather(decisions);
        let taken = self.state().free.get_mut(tenant).and_then(Vec::pop);
        if let Some(from) = taken
            && let Some(to) = self.append(connection, tenant, &from, &gathered).await?
        {
            return Ok(Written { tenant: tenant.clone(), to });
        }
        // There is none, or all of it was old enough to be removed.
        let from = StrandPlace::start(tenant, new_name()?);
        let to = self.append(connection, tenant, &from, &gathered).await?;
        let to = to.ok_or_else(|| sqlx::Error::Protocol("a new strand cannot be begun".into()))?;
        Ok(Written { tenant: tenant.clone(), to })
    }

    /// Appends to the strand that ends at a place, and returns its end. None where it does not end
    /// there any more.
    async fn append(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        from: &StrandPlace,
        gathered: &[Gathered],
    ) -> Result<Option<StrandPlace>, sqlx::Error> {
        let mut to = from.clone();
        let place = |gathered: &Gathered| gathered.place(&mut to, &self.sealing);
        let rows: Vec<_> = gathered.iter().map(place).collect();
        Ok(batches::append(connection, tenant, (from, &to), &rows).await?.then_some(to))
    }

    /// Lets others go on behind what has become durable.
    pub(super) fn settle(&self, written: Written) {
        let Written { tenant, to } = written;
        let mut state = self.state();
        if state.free.values().map(Vec::len).sum::<usize>() >= FREE_MAX {
            state.free.clear();
        }
        state.untold.insert((tenant.clone(), to.strand.clone()), to.clone());
        state.free.entry(tenant).or_default().push(to);
    }

    /// How far strands have come that have grown since they were told of, by tenant.
    pub(super) fn untold(&self) -> BTreeMap<Tenant, Vec<StrandPlace>> {
        let mut of_tenants = BTreeMap::<_, Vec<_>>::new();
        for ((tenant, _), place) in &self.state().untold {
            of_tenants.entry(tenant.clone()).or_default().push(place.clone());
        }
        of_tenants
    }

    /// Notes what a durable event tells. Until then it is untold, whatever becomes of who tells it.
    pub(super) fn note_told(&self, tenant: &Tenant, places: &[StrandPlace]) {
        let mut state = self.state();
        for place in places {
            let of_strand = (tenant.clone(), place.strand.clone());
            // It may have grown since.
            if state.untold.get(&of_strand) == Some(place) {
                state.untold.remove(&of_strand);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while moving strands")
    }
}

/// A tenant's strands.
pub(super) async fn all(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Vec<KeptStrand>, sqlx::Error> {
    let strand = |row: PgRow| {
        let name: String = row.try_get("strand")?;
        let place = |number_in, hash_in, until_in| -> Result<_, sqlx::Error> {
            Ok(StrandPlace {
                strand: name.clone(),
                number: number(&row, number_in)?,
                hash: digest(&row, hash_in)?,
                until_ms: number(&row, until_in)?,
            })
        };
        let start = place("number", "hash", "until_ms")?;
        Ok(KeptStrand { start, end: Some(place("end_number", "end_hash", "end_until_ms")?) })
    };
    let rows = sqlx::query(STRANDS).bind(tenant.as_str()).fetch_all(connection).await?;
    rows.into_iter().map(strand).collect()
}

/// Removes all batches up to a place, from which the strand then begins, and the strand where none is
/// left. Returns how many decisions that were.
pub(super) async fn cut(
    connection: &mut PgConnection,
    tenant: &Tenant,
    to: &StrandPlace,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(MOVE_START).bind(tenant.as_str()).bind(&to.strand);
    let query = query.bind(integer(to.number)).bind(&to.hash.as_bytes()[..]);
    // First, so that its end is held: nobody goes on with a strand that is removed.
    query.bind(integer(to.until_ms)).execute(&mut *connection).await?;
    let query = sqlx::query(REMOVE).bind(tenant.as_str()).bind(&to.strand);
    let removed = query.bind(integer(to.number)).fetch_all(&mut *connection).await?;
    let query = sqlx::query(REMOVE_EMPTY).bind(tenant.as_str()).bind(&to.strand);
    query.execute(connection).await?;
    removed.iter().map(|row| number(row, "decisions")).sum()
}

/// A batch of a strand that is not there.
pub(super) async fn stray(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Option<(String, u64)>, sqlx::Error> {
    let row = sqlx::query(STRAY).bind(tenant.as_str()).fetch_optional(connection).await?;
    row.map(|row| Ok((row.try_get("strand")?, number(&row, "number")?))).transpose()
}
