//! Tables come and change by migrations, which only go forward. Each database has its own.

use sqlx::migrate::{AppliedMigration, Migrator};

/// What bringing a database's tables up to date has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations that had not been run before, in order, by number and name.
    pub ran: Vec<String>,
    /// The number of the last migration that there is.
    pub version: i64,
}

impl Migrated {
    /// What running the migrations does where some had been run before.
    pub(crate) fn of(migrator: &Migrator, before: &[AppliedMigration]) -> Self {
        let is_new = |version| before.iter().all(|applied| applied.version != version);
        let new = migrator.iter().filter(|migration| is_new(migration.version));
        let name = |version: i64, words: &str| format!("{version} ({words})");
        Self {
            ran: new.map(|migration| name(migration.version, &migration.description)).collect(),
            version: migrator.iter().map(|migration| migration.version).max().unwrap_or_default(),
        }
    }
}
