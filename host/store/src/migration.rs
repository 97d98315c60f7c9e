//! Tables come and change by migrations, which only go forward. Each database has its own.

use std::sync::LazyLock;

use sqlx::SqlStr;
use sqlx::migrate::{AppliedMigration, Migration, MigrationType, Migrator};

/// Files of `migrations/`, as pairs of name and text that are part of the program.
///
/// They are listed, since the macro that would find them brings a second build of SQLite and of both
/// drivers to where it is compiled.
macro_rules! files {
    ($directory:literal: $($name:literal),+ $(,)?) => {
        [$((
            $name,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/migrations/", $directory, "/", $name, ".sql"
            )),
        )),+]
    };
}

/// How SQLite's tables come and change.
pub(crate) static SQLITE: LazyLock<Migrator> = LazyLock::new(|| {
    migrator(&files![
        "sqlite":
        "0001_decisions_and_storage",
        "0002_executions",
        "0003_keys",
        "0004_approval_history",
        "0005_journal",
        "0007_channels",
        "0008_errands",
        "0009_work_by_tool",
        "0010_retention",
        "0011_signing_keys",
        "0012_answer_links",
        "0020_policy_sets",
        "0021_policy_sets_named",
        "0030_decision_batches",
        "0032_rollouts",
        "0033_policy_signatures",
        "0034_answered",
        "0035_rollouts_within",
    ])
});

/// How PostgreSQL's tables come and change.
pub(crate) static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    migrator(&files![
        "postgres":
        "0001_store",
        "0002_journal",
        "0003_channels",
        "0004_errands",
        "0005_work_by_tool",
        "0006_retention",
        "0007_signing_keys",
        "0008_answer_links",
        "0020_policy_sets",
        "0021_policy_sets_named",
        "0030_decision_batches",
        "0032_rollouts",
        "0033_policy_signatures",
        "0034_answered",
        "0035_rollouts_within",
    ])
});

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

/// What is in files whose names are `NUMBER_WORDS`.
fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migration = |&(name, sql): &(&'static str, &'static str)| {
        let (number, words) = name.split_once('_').unwrap_or((name, ""));
        let number = number.parse().expect("a migration's name begins with its number");
        let kind = MigrationType::Simple;
        Migration::new(
            number,
            words.replace('_', " ").into(),
            kind,
            SqlStr::from_static(sql),
            false,
        )
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_part_of_the_program() {
        for (directory, migrator) in [("sqlite", &SQLITE), ("postgres", &POSTGRES)] {
            let path = format!("{}/migrations/{directory}", env!("CARGO_MANIFEST_DIR"));
            let mut texts: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|file| std::fs::read_to_string(file).unwrap())
                .collect();
            let mut known: Vec<_> = migrator.iter().map(|known| known.sql.as_str()).collect();
            texts.sort();
            known.sort();
            assert_eq!(texts, known, "{directory}");
        }
    }

    #[test]
    fn versions_are_the_numbers_of_files_and_descriptions_their_words() {
        let first = SQLITE.iter().next().unwrap();
        assert_eq!((first.version, &*first.description), (1, "decisions and storage"));
    }
}
