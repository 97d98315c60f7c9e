//! The process's environment, read once at start: variables, and where this process runs.
//!
//! Nothing else in the project reads variables. A policy never sees any.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::auth::Secret;

/// What the environment says. An option on the command line goes before its variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `WRIT_CONFIG`: the configuration file.
    pub config: Option<PathBuf>,
    /// `WRIT_DATA_DIR`: the data directory.
    pub data_directory: Option<PathBuf>,
    /// `WRIT_LISTEN`: where the server listens.
    pub listen: Option<String>,
    /// `WRIT_DATABASE_URL`: the database that hosts share. It may hold a password.
    pub database_url: Option<Secret>,
    /// `WRIT_KEY`: the key, or token, with which commands call a server.
    pub key: Option<Secret>,
    /// `WRIT_SIGNING_PASSWORD`: what opens a secret key that signs policies.
    pub signing_password: Option<Secret>,
}

impl Environment {
    /// Reads it. A variable that is empty counts as absent.
    pub fn read() -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        let text = |name| variable(name).map(|text| text.to_string_lossy().into_owned());
        Self {
            config: path("WRIT_CONFIG"),
            data_directory: path("WRIT_DATA_DIR"),
            listen: text("WRIT_LISTEN"),
            database_url: text("WRIT_DATABASE_URL").map(Secret::new),
            key: text("WRIT_KEY").map(Secret::new),
            signing_password: text("WRIT_SIGNING_PASSWORD").map(Secret::new),
        }
    }
}

/// A secret in a variable that the configuration names; none where it is absent, empty or no text.
pub(super) fn secret(name: &str) -> Option<Secret> {
    variable(name)?.into_string().ok().map(Secret::new)
}

/// This very binary, for the child process that compiles.
///
/// On Linux it is found through `/proc`, which leads to the running binary also after another
/// version has been installed in its place.
///
/// # Errors
/// Where the operating system does not tell.
pub fn current_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() { Ok(running) } else { env::current_exe() }
}

/// `WRIT_FAILPOINT`: the point at which this process is to die. For tests alone.
#[cfg(feature = "failpoints")]
pub fn failpoint() -> Option<String> {
    variable("WRIT_FAILPOINT").map(|text| text.to_string_lossy().into_owned())
}

/// What the process was started with first.
pub fn first_argument() -> Option<OsString> {
    env::args_os().nth(1)
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
