//! The parts of a refusal's text that depend on what was found.

use writ_core::FaultCode;

use crate::link::Kind;

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

/// Where in a configuration a component of some kind belongs.
pub(super) fn place(kind: Kind) -> &'static str {
    match kind {
        Kind::Policy => "bind it with `[[binding]]`",
        Kind::Tool => "offer it with `[[tools]]`",
    }
}

pub(super) fn offered(kind: Kind) -> String {
    let host: Vec<_> = kind.offered().iter().map(|name| format!("`{name}`")).collect();
    let subject = match kind {
        Kind::Policy => "offered are",
        Kind::Tool => "a tool may be offered",
    };
    let host = host.join(", ");
    format!("{subject} {host}, and `wasi:*` 0.2 of a world without files and network")
}

pub(super) fn instead(exports: &[String]) -> String {
    match exports {
        [] => ", nor anything else".to_owned(),
        exports => format!(", but `{}`", exports.join("`, `")),
    }
}
