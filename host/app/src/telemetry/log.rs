//! Log lines: `tracing` events, written to standard error as JSON or as text.
//!
//! A decision is logged at `debug` only, because each is stored anyhow; faults and what an operator
//! must act upon are logged at `warn` and `error`. No line holds a body, a property or a setting.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LogConfig {
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or `tracing` directives such as
    /// `info,writ=debug`.
    pub level: String,
    /// How lines are written.
    pub format: LogFormat,
}

impl Default for LogConfig {
    /// `info`, as text.
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error(
        "log level `{level}` is not understood: {reason}\nhint: use `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,writ=debug`"
    )]
    Level {
        /// What was configured.
        level: String,
        /// Why it is refused.
        reason: String,
    },
    /// Another part of the process has set up logging.
    #[error("logging has been set up already")]
    AlreadySet,
}

/// Writes the events of the whole process to standard error from now on. Called once, at start.
///
/// # Errors
/// Each of [`LogError`].
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let filter = filter(&config.level)?;
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let done = match config.format {
        LogFormat::Text => lines.with_target(false).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    done.map_err(|_| LogError::AlreadySet)
}

/// Whether a configuration can be used.
///
/// # Errors
/// [`LogError::Level`].
pub fn check(config: &LogConfig) -> Result<(), LogError> {
    filter(&config.level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let refused = |reason: String| LogError::Level { level: level.to_owned(), reason };
    // A bare word that is no level would be taken for the name of a target.
    let first = level.split(',').next().unwrap_or_default();
    if !first.contains('=') {
        first.parse::<tracing::Level>().map_err(|_| refused(format!("`{first}` is no level")))?;
    }
    EnvFilter::builder().parse(level).map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_understood() {
        for level in ["info", "debug", "info,writ=debug", "writ=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for level in ["", "loud", "info,writ=loud"] {
            assert!(filter(level).is_err(), "{level}");
        }
        let text = filter("loud").unwrap_err().to_string();
        assert!(
            text.starts_with("log level `loud` is not understood: `loud` is no level"),
            "{text}"
        );
    }
}
