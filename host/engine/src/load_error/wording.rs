//! The parts of a refusal's text that depend on what was found.

use writ_core::FaultCode;

use crate::link::OFFERED;

pub(super) fn hint_line(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\nhint: {hint}") }
}

/// Which limit of loading may be raised for `describe` and `configure`.
pub(super) fn to_raise(code: FaultCode) -> &'static str {
    match code {
        FaultCode::OutOfFuel => "\nhint: raise `configure-fuel` in `[engine.load]`",
        FaultCode::DeadlineExceeded => "\nhint: raise `configure-deadline-ms` in `[engine.load]`",
        _ => "",
    }
}

pub(super) fn counted(count: u64) -> String {
    if count == u64::MAX { "uncountably many".to_owned() } else { count.to_string() }
}

pub(super) fn offered() -> String {
    let host: Vec<_> =
        OFFERED.iter().filter(|name| name.starts_with("writ:")).map(|n| format!("`{n}`")).collect();
    format!("{}, and `wasi:*` 0.2 of a world without files and network", host.join(", "))
}

pub(super) fn instead(exports: &[String]) -> String {
    match exports {
        [] => ", nor anything else".to_owned(),
        exports => format!(", but `{}`", exports.join("`, `")),
    }
}
