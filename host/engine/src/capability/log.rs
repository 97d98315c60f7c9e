//! `log`: lines for the operator.

use std::sync::Arc;

use writ_core::ports::Namespace;
use writ_core::{FaultCode, Limits};

use crate::bindings::writ::host::log::{self, Level};
use crate::fault::HostFault;
use crate::state::State;
use crate::tool::ToolState;

/// What one evaluation has logged.
pub(crate) struct Log {
    namespace: Arc<Namespace>,
    line_bytes_max: usize,
    bytes_left: usize,
}

impl Log {
    pub(crate) fn new(namespace: Arc<Namespace>, limits: &Limits) -> Self {
        Self {
            namespace,
            line_bytes_max: limits.log_line_bytes_max,
            bytes_left: limits.log_bytes_max,
        }
    }

    fn line(&mut self, message: &str) -> Result<String, HostFault> {
        let line = printable(cut(message, self.line_bytes_max));
        self.bytes_left = self.bytes_left.checked_sub(line.len().max(1)).ok_or_else(|| {
            HostFault::new(FaultCode::LogLimit, "the guest logged more than its limit")
        })?;
        Ok(line)
    }
}

macro_rules! offer_to {
    ($state:ty, $target:literal) => {
        impl log::Host for $state {
            fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
                self.guard.meter.call(message.len())?;
                let line = self.log.line(&message)?;
                if self.has_logged_before() {
                    return Ok(());
                }
                let Namespace { tenant, binding } = &*self.log.namespace;
                let execution = &self.execution.id;
                match level {
                    Level::Debug => {
                        tracing::debug!(target: $target, %tenant, %binding, execution, "{line}")
                    }
                    Level::Info => {
                        tracing::info!(target: $target, %tenant, %binding, execution, "{line}")
                    }
                    Level::Warn => {
                        tracing::warn!(target: $target, %tenant, %binding, execution, "{line}")
                    }
                    Level::Error => {
                        tracing::error!(target: $target, %tenant, %binding, execution, "{line}")
                    }
                }
                Ok(())
            }
        }
    };
}

offer_to!(State, "writ::policy");
offer_to!(ToolState, "writ::tool");

impl State {
    /// An evaluation is not told that others came before it.
    const fn has_logged_before(&self) -> bool {
        false
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A guest must not forge lines or move the cursor of a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(line_bytes_max: usize, log_bytes_max: usize) -> Log {
        let namespace = Namespace { tenant: Default::default(), binding: "b".parse().unwrap() };
        let limits =
            Limits { log_line_bytes_max: line_bytes_max, log_bytes_max, ..Limits::default() };
        Log::new(Arc::new(namespace), &limits)
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(log(4, 100).line("abcéd").unwrap(), "abc");
    }

    #[test]
    fn control_characters_forge_no_line() {
        assert_eq!(log(100, 100).line("a\nERROR\u{1b}[2J").unwrap(), "a\u{fffd}ERROR\u{fffd}[2J");
    }

    #[test]
    fn the_sum_of_all_lines_is_bounded() {
        let mut log = log(100, 5);
        assert!(log.line("abc").is_ok());
        assert_eq!(log.line("abc").unwrap_err().code(), FaultCode::LogLimit);
    }

    #[test]
    fn empty_lines_count_too() {
        let mut log = log(100, 1);
        assert!(log.line("").is_ok());
        assert!(log.line("").is_err());
    }
}
