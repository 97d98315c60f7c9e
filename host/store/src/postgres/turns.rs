//! Turns: evaluations that keep losing to each other queue up, whichever hosts they run on.
//!
//! A turn is a lock that nothing but turns waits for. It is held on connections of its own, so that
//! whoever waits for one keeps no commit from ending.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::Transaction;
use sqlx::postgres::Postgres as Database;
use writ_core::ports::Namespace;

use super::backend::Postgres;
use super::scope::{self, Access, Scope};
use crate::error::Failure;

const TAKE: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

/// Turns of some namespaces, which end when this is dropped.
#[derive(Debug)]
pub(crate) struct Turns {
    _transaction: Transaction<'static, Database>,
}

impl Postgres {
    /// Waits for the turns of some namespaces, in their order, so that none wait in a circle.
    pub(crate) async fn turns(
        &self,
        namespaces: &BTreeSet<Arc<Namespace>>,
    ) -> Result<Turns, Failure> {
        let begun = scope::begin(&self.inner.turns, Scope::AllTenants, Access::Read).await;
        let mut transaction = begun?;
        for Namespace { tenant, binding } in namespaces.iter().map(|namespace| &**namespace) {
            let name = format!("writ turn {tenant}/{binding}");
            sqlx::query(TAKE).bind(name).execute(&mut *transaction).await?;
        }
        Ok(Turns { _transaction: transaction })
    }
}
