//! Every limit that a guest runs under: its default, its unit, and the range an operator may set.
//!
//! None is optional: a host without configuration has all of them.

use serde::{Deserialize, Serialize};

use crate::journal;

macro_rules! limits {
    ($(#[doc = $type_doc:literal])+ $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $min:literal ..= $max:expr;)+
    }) => {
        $(#[doc = $type_doc])+
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }

        impl $name {
            /// Checks that each limit is in its range.
            ///
            /// # Errors
            /// The first limit that is not.
            pub fn checked(self) -> Result<Self, LimitOutOfRange> {
                $(if !($min..=$max).contains(&self.$field) {
                    return Err(LimitOutOfRange {
                        name: stringify!($field).replace('_', "-"),
                        value: self.$field as u64,
                        min: $min as u64,
                        max: $max as u64,
                    });
                })+
                Ok(self)
            }
        }
    };
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The largest linear memory that the engine's pool has room for, in bytes.
pub const MEMORY_BYTES_CEILING: usize = 256 * MIB;

limits! {
    /// Limits of one evaluation, settable per binding.
    Limits {
        /// Deterministic work, in units of fuel (about one a Wasm instruction).
        fuel: u64 = 20_000_000, 1_000 ..= 100_000_000_000;
        /// Wall-clock time from the start of the call after which a guest that computes is
        /// stopped, in milliseconds.
        deadline_ms: u64 = 50, 1 ..= 60_000;
        /// Wall-clock time of the whole call, waiting in host calls included, in milliseconds.
        timeout_ms: u64 = 1_000, 1 ..= 600_000;
        /// Sum of all linear memories, in bytes.
        memory_bytes_max: usize = 64 * MIB, 65_536 ..= MEMORY_BYTES_CEILING;
        /// Sum of the elements of all tables.
        table_elements_max: usize = 20_000, 1 ..= 20_000;
        /// Text of a request, in bytes.
        argument_bytes_max: usize = 256 * KIB, 1 ..= 16 * MIB;
        /// Text of a policy's answer (verdict and annotations), in bytes.
        result_bytes_max: usize = 64 * KIB, 1 ..= 16 * MIB;
        /// Number of host calls.
        host_calls_max: u64 = 1_000, 0 ..= 1_000_000;
        /// Sum of the bytes that go through host calls, in either direction.
        host_call_bytes_max: usize = MIB, 0 ..= 64 * MIB;
        /// One line of log, in bytes; what is longer is cut.
        log_line_bytes_max: usize = 4 * KIB, 1 ..= 64 * KIB;
        /// Sum of all lines of log, in bytes.
        log_bytes_max: usize = 16 * KIB, 0 ..= MIB;
        /// Number of resource handles that the guest may hold.
        handles_max: usize = 256, 1 ..= 10_000;
        /// Keys in the binding's storage.
        storage_keys_max: u64 = 1_000_000, 0 ..= 10_000_000;
        /// Sum of keys and values in the binding's storage, in bytes.
        storage_bytes_max: u64 = 256 << 20, 0 ..= 1_u64 << 40;
    }
}

limits! {
    /// Limits of one call of a tool, settable per tool. A call that is run again has them anew.
    ToolLimits {
        /// Deterministic work, in units of fuel (about one a Wasm instruction).
        fuel: u64 = 10_000_000_000, 1_000 ..= 100_000_000_000;
        /// Wall-clock time after which a tool that computes is stopped, in milliseconds.
        deadline_ms: u64 = 10_000, 1 ..= 60_000;
        /// Wall-clock time of the whole call, in milliseconds; waiting for people does not count.
        timeout_ms: u64 = 30_000, 1 ..= 600_000;
        /// Sum of all linear memories, in bytes.
        memory_bytes_max: usize = 64 * MIB, 65_536 ..= MEMORY_BYTES_CEILING;
        /// Sum of the elements of all tables.
        table_elements_max: usize = 20_000, 1 ..= 20_000;
        /// Text of the arguments, in bytes.
        argument_bytes_max: usize = 256 * KIB, 1 ..= 16 * MIB;
        /// Text of the result, in bytes.
        result_bytes_max: usize = 256 * KIB, 1 ..= 16 * MIB;
        /// Number of host calls.
        host_calls_max: u64 = 10_000, 0 ..= 1_000_000;
        /// Sum of the bytes that go through host calls, in either direction.
        host_call_bytes_max: usize = 16 * MIB, 0 ..= 64 * MIB;
        /// One line of log, in bytes; what is longer is cut.
        log_line_bytes_max: usize = 4 * KIB, 1 ..= 64 * KIB;
        /// Sum of all lines of log, in bytes.
        log_bytes_max: usize = 64 * KIB, 0 ..= MIB;
        /// Number of resource handles that the tool may hold.
        handles_max: usize = 256, 1 ..= 10_000;
        /// Keys in the tool's storage.
        storage_keys_max: u64 = 1_000_000, 0 ..= 10_000_000;
        /// Sum of keys and values in the tool's storage, in bytes.
        storage_bytes_max: u64 = 256 << 20, 0 ..= 1_u64 << 40;
        /// Recorded host calls: those that storage, people and other tools answer.
        journal_entries_max: u64 = 1_000, 1 ..= 100_000;
        /// Sum of the texts of what is recorded, in bytes.
        journal_bytes_max: u64 = 4 << 20, 1_024 ..= 64 << 20;
    }
}

impl ToolLimits {
    /// Those that a tool has in common with a policy.
    pub fn of_guest(&self) -> Limits {
        Limits {
            fuel: self.fuel,
            deadline_ms: self.deadline_ms,
            timeout_ms: self.timeout_ms,
            memory_bytes_max: self.memory_bytes_max,
            table_elements_max: self.table_elements_max,
            argument_bytes_max: self.argument_bytes_max,
            result_bytes_max: self.result_bytes_max,
            host_calls_max: self.host_calls_max,
            host_call_bytes_max: self.host_call_bytes_max,
            log_line_bytes_max: self.log_line_bytes_max,
            log_bytes_max: self.log_bytes_max,
            handles_max: self.handles_max,
            storage_keys_max: self.storage_keys_max,
            storage_bytes_max: self.storage_bytes_max,
        }
    }

    /// How much of a call is recorded.
    pub fn of_journal(&self) -> journal::Bounds {
        journal::Bounds { entries_max: self.journal_entries_max, bytes_max: self.journal_bytes_max }
    }
}

limits! {
    /// Limits of loading a component: what is checked before and during its compilation.
    LoadLimits {
        /// The component itself, in bytes.
        component_bytes_max: usize = 32 * MIB, 1 ..= 256 * MIB;
        /// Its settings, as canonical JSON text, in bytes.
        settings_bytes_max: usize = 4 * MIB, 2 ..= 64 * MIB;
        /// The largest function body, in bytes.
        function_bytes_max: usize = MIB, 1 ..= 16 * MIB;
        /// Local variables of one function, parameters included.
        function_locals_max: usize = 5_000, 1 ..= 50_000;
        /// How deep loops may nest in a function.
        loop_depth_max: usize = 64, 1 ..= 1_000;
        /// How deep components may nest.
        component_depth_max: usize = 8, 1 ..= 64;
        /// Core instances of the whole component, nested components multiplied out.
        core_instances_max: usize = 64, 1 ..= 64;
        /// Memory that the child process that compiles may write to, in bytes (Linux).
        compile_memory_bytes_max: u64 = 4_u64 << 30, 268_435_456 ..= 64_u64 << 30;
        /// Processor time of the child process that compiles, in seconds.
        compile_cpu_seconds_max: u64 = 120, 1 ..= 3_600;
        /// Wall-clock time of the child process that compiles, in milliseconds.
        compile_timeout_ms: u64 = 120_000, 100 ..= 3_600_000;
        /// Fuel of `describe` and `configure`.
        configure_fuel: u64 = 10_000_000_000, 1_000 ..= 1_000_000_000_000;
        /// Wall-clock time of `describe` and `configure` each, in milliseconds.
        configure_deadline_ms: u64 = 10_000, 1 ..= 600_000;
    }
}

/// A limit is outside of its range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit `{name}` is {value}, must be {min} to {max}")]
pub struct LimitOutOfRange {
    name: String,
    value: u64,
    min: u64,
    max: u64,
}

impl LimitOutOfRange {
    /// The limit's name, as it is written in a configuration.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert!(Limits::default().checked().is_ok());
        assert!(LoadLimits::default().checked().is_ok());
        assert!(ToolLimits::default().checked().is_ok());
        assert!(ToolLimits::default().of_guest().checked().is_ok());
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let limits = Limits { deadline_ms: 0, ..Limits::default() };
        let error = limits.checked().unwrap_err().to_string();
        assert_eq!(error, "limit `deadline-ms` is 0, must be 1 to 60000");
    }

    #[test]
    fn an_unknown_limit_is_refused() {
        let refused = serde_json::from_str::<Limits>(r#"{"feul": 1}"#).unwrap_err().to_string();
        assert!(refused.contains("unknown field `feul`"), "{refused}");
    }
}
