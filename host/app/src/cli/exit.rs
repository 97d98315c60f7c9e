//! How a command ends: a closed set of exit codes, and the text of an error.

use std::fmt;
use std::process::ExitCode;

use writ_core::Outcome;
use writ_core::combine::Denial;

use crate::config::ConfigError;

/// The exit codes of every command. 64 and above follow `sysexits.h` of BSD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The action may go on; or the command did what it was asked.
    Permitted = 0,
    /// The action may not go on.
    Denied = 1,
    /// The action may go on once people have agreed.
    ApprovalRequired = 2,
    /// The action may not go on, because a policy gave no verdict.
    Fault = 3,
    /// The command line is wrong.
    Usage = 64,
    /// A request, a component or its settings are refused; or a case of a policy set does not hold.
    Refused = 65,
    /// The host failed.
    Internal = 70,
    /// A configuration, or a policy set that it names, is refused.
    Configuration = 78,
}

/// What `--help` says of exit codes.
pub(super) const HELP: &str = "\
Exit codes:
  0   the action may go on; or the command did what it was asked
  1   the action is denied
  2   the action needs people's approval
  3   the action is denied, because a policy gave no verdict
  64  the command line is wrong
  65  the request, the component or its settings are refused; or a case does not hold
  70  the host failed
  78  the configuration, or a policy set that it names, is refused

Environment (an option goes before its variable):
  WRIT_CONFIG            --config
  WRIT_DATA_DIR          --data-dir
  WRIT_LISTEN            --listen
  WRIT_DATABASE_URL      `url` in `[store]`: the PostgreSQL database that hosts share
  WRIT_KEY               the key with which commands call a server that `--server` names
  WRIT_SIGNING_PASSWORD  what protects the key that `writ policy sign` signs with";

impl Exit {
    /// How `writ eval` ends.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Allowed | Outcome::Amended => Self::Permitted,
            Outcome::ApprovalRequired(_) => Self::ApprovalRequired,
            Outcome::Denied(Denial::ByFault(_)) => Self::Fault,
            Outcome::Denied(
                Denial::ByPolicy(_) | Denial::AllAbstained | Denial::NoPolicyMatched,
            ) => Self::Denied,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// How the process ends.
    pub(super) exit: Exit,
    text: String,
}

impl Failure {
    pub(super) fn usage(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string() }
    }

    pub(super) fn refused(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Refused, text: text.to_string() }
    }

    pub(super) fn configuration(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Configuration, text: text.to_string() }
    }

    pub(super) fn internal(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Internal, text: text.to_string() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
