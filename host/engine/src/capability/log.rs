//! `log`: lines for the operator.

use std::sync::Arc;

use writ_core::ports::Namespace;
use writ_core::text::visible;
use writ_core::{FaultCode, Limits, Sensitive};

use crate::bindings::writ::host::log::{self, Level};
use crate::fault::HostFault;
use crate::state::State;
use crate::tool::ToolState;

/// What one evaluation has logged.
pub(crate) struct Log {
    namespace: Arc<Namespace>,
    line_bytes_max: usize,
    bytes_left: usize,
    /// What must not be told of the guest's settings.
    sensitive: Arc<Sensitive>,
}

impl Log {
    pub(crate) fn new(
        namespace: Arc<Namespace>,
        limits: &Limits,
        sensitive: Arc<Sensitive>,
    ) -> Self {
        Self {
            sensitive,
            namespace,
            line_bytes_max: limits.log_line_bytes_max,
            bytes_left: limits.log_bytes_max,
        }
    }

    /// A line as it may be told, of which `sensitive` are the arguments' values that may not.
    fn line(&mut self, message: &str, sensitive: &Sensitive) -> Result<String, HostFault> {
        // Before it is cut: half a value would not be known any more.
        let masked = sensitive.mask(message);
        let masked = self.sensitive.mask(&masked);
        let line = visible(cut(&masked, self.line_bytes_max));
        let line = cut(&line, self.line_bytes_max).to_owned();
        // What is masked has cost as much as what is told.
        let counted = line.len().max(message.len().min(self.line_bytes_max)).max(1);
        self.bytes_left = self.bytes_left.checked_sub(counted).ok_or_else(|| {
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
                let line = self.log.line(&message, &self.execution.sensitive)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log(line_bytes_max: usize, log_bytes_max: usize) -> Log {
        let namespace = Namespace { tenant: Default::default(), binding: "b".parse().unwrap() };
        let limits =
            Limits { log_line_bytes_max: line_bytes_max, log_bytes_max, ..Limits::default() };
        Log::new(Arc::new(namespace), &limits, Arc::default())
    }

    /// What the schema of one field marks.
    fn sensitive(value: &str) -> Sensitive {
        let schema = json!({"properties": {"secret": {"x-sensitive": true}}});
        Sensitive::of(&schema, &json!({"secret": value}))
    }

    #[test]
    fn what_is_sensitive_is_masked_before_a_line_is_cut() {
        let mut log = Log { sensitive: Arc::new(sensitive("of settings")), ..log(20, 100) };
        let line = log.line("it is of settings", &sensitive("of arguments"));
        assert_eq!(line.unwrap(), "it is •••");
        let line = log.line("here is: of arguments", &sensitive("of arguments"));
        assert_eq!(line.unwrap(), "here is: •••");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(log(4, 100).line("abcéd", &Sensitive::default()).unwrap(), "abc");
    }

    #[test]
    fn what_is_written_out_makes_no_line_longer() {
        let line = log(20, 100).line(&"\u{1}".repeat(20), &Sensitive::default()).unwrap();
        assert_eq!(line, "\\u{1}\\u{1}\\u{1}\\u{1}");
    }

    #[test]
    fn what_nobody_sees_forges_no_line() {
        assert_eq!(
            log(100, 100).line("a\nERROR\u{1b}[2J", &Sensitive::default()).unwrap(),
            "a\\u{a}ERROR\\u{1b}[2J"
        );
        assert_eq!(
            log(100, 100).line("a\u{2028}b\u{202e}c", &Sensitive::default()).unwrap(),
            "a\\u{2028}b\\u{202e}c"
        );
    }

    #[test]
    fn the_sum_of_all_lines_is_bounded() {
        let mut log = log(100, 5);
        assert!(log.line("abc", &Sensitive::default()).is_ok());
        assert_eq!(log.line("abc", &Sensitive::default()).unwrap_err().code(), FaultCode::LogLimit);
    }

    #[test]
    fn empty_lines_count_too() {
        let mut log = log(100, 1);
        assert!(log.line("", &Sensitive::default()).is_ok());
        assert!(log.line("", &Sensitive::default()).is_err());
    }
}
