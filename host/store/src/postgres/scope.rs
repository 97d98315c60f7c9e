//! Transactions, each of which says whose rows it is about.

use std::io;

use sqlx::postgres::{PgPool, Postgres};
use sqlx::{AssertSqlSafe, Transaction};
use writ_core::Tenant;

/// Whose rows a transaction sees and changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// One tenant's.
    Tenant(&'a Tenant),
    /// Everybody's, as far as the policies of the tables let such a transaction: what is due, what
    /// may be swept, and how much there is.
    AllTenants,
}

/// What a transaction does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    /// It writes. Each statement sees what was committed before it began.
    Write,
    /// It reads, as above.
    Read,
    /// It reads, and all its statements see the same.
    Snapshot,
}

/// How often a transaction begins on another connection where the first turns out to be broken: as
/// many may be as there are.
const TRIES_MAX: u32 = 64;

/// Begins a transaction. Dropping it takes it back.
pub(super) async fn begin(
    pool: &PgPool,
    scope: Scope<'_>,
    access: Access,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mode = match access {
        Access::Write => "READ COMMITTED READ WRITE",
        Access::Read => "READ COMMITTED READ ONLY",
        Access::Snapshot => "REPEATABLE READ READ ONLY",
    };
    // Safe: a tenant's name has letters, digits and hyphens only. One message for both statements.
    let setting = match scope {
        Scope::Tenant(tenant) => format!("set_config('writ.tenant', '{tenant}', true)"),
        Scope::AllTenants => "set_config('writ.scope', 'all-tenants', true)".to_owned(),
    };
    let sql = format!("BEGIN ISOLATION LEVEL {mode}; SELECT {setting}");
    let mut tries = 1;
    loop {
        match pool.begin_with(AssertSqlSafe(sql.clone())).await {
            // The database was started again, or the network broke: nothing has happened yet.
            Err(sqlx::Error::Io(error)) if is_broken(&error) && tries < TRIES_MAX => tries += 1,
            begun => return begun,
        }
    }
}

fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
