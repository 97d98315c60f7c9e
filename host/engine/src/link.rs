//! What is linked, and so all that a policy can call.
//!
//! [`OFFERED`] is the one list: a component that imports anything else is refused when it is
//! loaded (first gate). Each host function counts its call before it does anything (second gate).

use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::p2;

use crate::bindings::writ::host::{approval_history, execution, log, storage, types};
use crate::state::State;

/// Every interface that is linked, without its version; versions are matched as semver does.
pub(crate) const OFFERED: &[&str] = &[
    "writ:host/types",
    "writ:host/execution",
    "writ:host/storage",
    "writ:host/approval-history",
    "writ:host/log",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The linker of every policy.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
    execution::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
    storage::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
    approval_history::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
    p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}
