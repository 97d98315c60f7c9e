//! What can go wrong, for whom, and what of it may be told to a caller.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use writ_core::ports::{Namespace, Unavailable};

use crate::execution::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::sealing::SealError;

/// What an operator may do about a database that fails as it is opened.
pub(crate) const LOOK_AFTER: &str =
    "look whether the database is whole and has room, and restore it from a backup where it is not";

/// The store could not be opened, asked or closed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory cannot be created or opened.
    #[error("`{path}` cannot be opened: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// Another host has the directory.
    #[error(
        "`{directory}` is in use by another host\n\
         hint: stop it, or give this one another data directory"
    )]
    InUse {
        /// Which.
        directory: PathBuf,
    },
    /// The database's tables could not be brought up to date.
    #[error(
        "the tables in `{place}` cannot be brought up to date: {reason}\n\
         hint: {}",
        to_mend(.reason)
    )]
    Migration {
        /// The database.
        place: String,
        /// What is wrong.
        reason: sqlx::migrate::MigrateError,
    },
    /// The database's tables are older than this version, and it is not for a host to change them.
    #[error(
        "the tables in `{place}` are not there, or not up to date\n\
         hint: run `writ migrate` once, with the same configuration"
    )]
    Behind {
        /// The database.
        place: String,
    },
    /// The database cannot be opened.
    #[error("the database `{place}` cannot be opened: {reason}")]
    Database {
        /// Which: its file, or its host and name.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A text is no database's URL. The text itself is not told: it may hold a password.
    #[error(
        "the database's URL is refused: {0}\n\
         hint: write `postgres://USER:PASSWORD@HOST:PORT/NAME`, with `%` escapes where needed"
    )]
    Url(String),
    /// Something stored does not read back.
    #[error("{what} `{id}` does not read back: {reason}")]
    Damaged {
        /// What it is: `decision`, `execution` or `event`.
        what: &'static str,
        /// Which.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Something stored is sealed, and does not open.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// There is no key to seal with.
    #[error(
        "nothing is sealed: there is no active key\nhint: give one in `[encryption]`, and start each host with it first"
    )]
    NotSealing,
    /// A key for requests that may be sent again is too long, or empty.
    #[error("the key has {0} bytes\nhint: use 1 to {IDEMPOTENCY_KEY_BYTES_MAX}")]
    KeyBytes(usize),
    /// The store cannot answer.
    #[error(transparent)]
    Unavailable(#[from] Failure),
}

/// A commit kept nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// What was read of these namespaces is no longer so: evaluate again.
    #[error("what was read has changed since")]
    Conflict(Vec<Arc<Namespace>>),
    /// The store cannot keep it. It may be found after a crash, but was never answered.
    #[error(transparent)]
    Unavailable(#[from] Failure),
}

/// Why the store cannot answer: a cause that anybody may read, and details for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store cannot answer: {cause}")]
pub struct Failure {
    cause: Cause,
    inside: Arc<str>,
}

/// Why the store cannot answer, as a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Cause {
    /// The disk is full, or the database has reached its largest size.
    #[error("its disk is full")]
    Full,
    /// Reading or writing failed.
    #[error("its disk fails")]
    Disk,
    /// The database is damaged.
    #[error("its file is damaged")]
    Damaged,
    /// Something is sealed, and does not open.
    #[error("a sealed value does not open")]
    Sealed,
    /// It is locked by others for too long.
    #[error("it is busy")]
    Busy,
    /// The database does not answer.
    #[error("it cannot be reached")]
    Unreachable,
    /// It is closed or being closed.
    #[error("it is closed")]
    Closed,
    /// Anything else: see the log.
    #[error("it has failed")]
    Other,
}

impl Failure {
    /// Why, for callers and metrics.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What happened, for the log only.
    pub fn inside(&self) -> &str {
        &self.inside
    }

    /// What is stored is not what was written.
    pub(crate) fn damaged(inside: impl Into<Arc<str>>) -> Self {
        Self { cause: Cause::Damaged, inside: inside.into() }
    }

    /// A commit was refused, and this one may rest on what it wanted stored.
    pub(crate) fn built_on_refused() -> Self {
        let inside = "what it may have been built on was refused".into();
        Self { cause: Cause::Other, inside }
    }

    /// The database answers and takes no writes.
    pub(crate) fn read_only() -> Self {
        Self { cause: Cause::Other, inside: "the database is a standby".into() }
    }

    /// Whether the next commit will fare no better.
    pub(crate) fn is_of_the_database(&self) -> bool {
        match self.cause {
            Cause::Full | Cause::Disk | Cause::Damaged | Cause::Unreachable | Cause::Closed => true,
            Cause::Busy | Cause::Sealed | Cause::Other => false,
        }
    }

    pub(crate) fn closed() -> Self {
        Self { cause: Cause::Closed, inside: "the writer has stopped".into() }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let cause = match &error {
            sqlx::Error::Database(database) => cause_of(&**database),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Cause::Unreachable
            }
            sqlx::Error::PoolTimedOut => Cause::Busy,
            sqlx::Error::PoolClosed => Cause::Closed,
            _ => Cause::Other,
        };
        Self { cause, inside: error.to_string().into() }
    }
}

/// Whether transactions were in each other's way, and one had to go: tried again, it may fit.
pub(crate) fn is_contended(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code());
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

fn cause_of(error: &dyn DatabaseError) -> Cause {
    let code = error.code().unwrap_or_default();
    match error.try_downcast_ref::<PgDatabaseError>() {
        Some(_) => cause_of_state(&code),
        None => cause_of_code(&code),
    }
}

/// PostgreSQL's states; the first two characters are the class
/// (postgresql.org/docs/current/errcodes-appendix.html).
fn cause_of_state(state: &str) -> Cause {
    match state {
        "53100" => Cause::Full,
        "58030" => Cause::Disk,
        "40001" | "40P01" | "55P03" | "53300" => Cause::Busy,
        _ if state.starts_with("XX") => Cause::Damaged,
        _ if state.starts_with("08") || state.starts_with("57P") => Cause::Unreachable,
        _ => Cause::Other,
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self { cause: Cause::Sealed, inside: error.to_string().into() }
    }
}

impl From<Failure> for Unavailable {
    fn from(failure: Failure) -> Self {
        Self(failure.cause.to_string())
    }
}

/// SQLite's result codes; the low byte is the primary one (sqlite.org/rescode.html).
fn cause_of_code(code: &str) -> Cause {
    match code.parse::<u32>().ok().map(|code| code & 0xff) {
        Some(13) => Cause::Full,
        Some(8 | 10 | 14) => Cause::Disk,
        Some(11 | 26) => Cause::Damaged,
        Some(5 | 6) => Cause::Busy,
        _ => Cause::Other,
    }
}

/// What an operator may do about tables that cannot be brought up to date.
fn to_mend(reason: &sqlx::migrate::MigrateError) -> &'static str {
    use sqlx::migrate::MigrateError::{VersionMismatch, VersionMissing, VersionTooNew};
    match reason {
        VersionMissing(_) | VersionMismatch(_) | VersionTooNew(..) => {
            "a newer version may have written them; a host only goes forward"
        }
        _ => LOOK_AFTER,
    }
}
