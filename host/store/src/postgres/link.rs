//! The connections to the database, and how they do.

use std::sync::atomic::Ordering::Relaxed;

use sqlx::Transaction;
use sqlx::postgres::{PgPool, Postgres};
use writ_core::Tenant;

use super::scope::{self, Access, Scope};
use crate::error::Failure;
use crate::stats::Counters;

/// What a store's handles and its tasks share.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) pool: PgPool,
    pub(super) counters: Counters,
}

impl Link {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, counters: Counters::default() }
    }

    /// Begins a transaction. Dropping it takes it back.
    pub(super) async fn begin(
        &self,
        scope: Scope<'_>,
        access: Access,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        scope::begin(&self.pool, scope, access).await
    }

    /// A transaction that reads a tenant's rows.
    pub(super) async fn read(
        &self,
        tenant: &Tenant,
    ) -> Result<Transaction<'static, Postgres>, Failure> {
        Ok(self.begin(Scope::Tenant(tenant), Access::Read).await?)
    }

    /// Takes note of a transaction that has failed.
    pub(super) fn failed(&self, error: sqlx::Error) -> Failure {
        // A statement that is refused says nothing about the next one.
        let is_refused = matches!(error, sqlx::Error::Database(_));
        let failure = Failure::from(error);
        self.counters.failures.fetch_add(1, Relaxed);
        if !is_refused || failure.is_of_the_database() {
            self.counters.is_failing.store(true, Relaxed);
        }
        tracing::error!(error = failure.inside(), "a transaction has failed");
        failure
    }
}
