//! Where each tenant's chain of events ends, for the writer, which is the only one to go on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use sqlx::sqlite::SqliteConnection;
use writ_core::chain::Head;
use writ_core::{ChainedEvent, Tenant};

use crate::sqlite::events;
use crate::step::{Step, TenantEvent};

/// How many tenants' heads are kept in memory, before all are read again.
const HEADS_MAX: usize = 10_000;

/// INVARIANT: between transactions, a head that is here is the last durable event's.
#[derive(Debug, Default)]
pub(crate) struct Chains(HashMap<Tenant, Head>);

impl Chains {
    /// Gives everything that steps tell its place, in their order. Forget it all where the
    /// transaction then fails.
    pub(crate) async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        steps: &mut [Step],
    ) -> Result<Vec<ChainedEvent>, sqlx::Error> {
        if self.0.len() > HEADS_MAX {
            self.forget();
        }
        let mut events = Vec::with_capacity(steps.len() * 2);
        for step in steps {
            let head = self.head(connection, &step.execution.tenant).await?;
            events.extend(step.evidence.drain(..).map(|evidence| head.append(evidence)));
        }
        Ok(events)
    }

    /// Gives what happened to tenants its place. Forget it all where the transaction then fails.
    pub(crate) async fn tell(
        &mut self,
        connection: &mut SqliteConnection,
        told: Vec<TenantEvent>,
    ) -> Result<Vec<ChainedEvent>, sqlx::Error> {
        let mut events = Vec::with_capacity(told.len());
        for TenantEvent { tenant, evidence } in told {
            events.push(self.head(connection, &tenant).await?.append(evidence));
        }
        Ok(events)
    }

    /// Where a tenant's chain ends, to go on from. Forget it all where the transaction then fails.
    pub(crate) async fn head(
        &mut self,
        connection: &mut SqliteConnection,
        tenant: &Tenant,
    ) -> Result<&mut Head, sqlx::Error> {
        Ok(match self.0.entry(tenant.clone()) {
            Entry::Occupied(head) => head.into_mut(),
            Entry::Vacant(place) => place.insert(events::head(connection, tenant).await?),
        })
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}
