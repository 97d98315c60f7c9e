//! What is linked, and so all that a guest can call.
//!
//! [`Kind::may_import`] has the one list: a component that imports anything else is refused when it
//! is loaded (first gate), and so is a tool that imports what it is not granted, which is not linked
//! either. Each host function counts its call before it does anything (second gate).

use serde::{Deserialize, Serialize};

use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::p2;

use crate::bindings::tool::writ::host::{approvals, files, tools};
use crate::bindings::writ::host::{approval_history, execution, log, storage, types};
use crate::state::State;
use crate::tool::ToolState;

/// What a component is: which of the contract's worlds it is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It decides.
    Policy,
    /// It carries out.
    Tool,
}

impl Kind {
    /// The interface that it exports, without its version.
    pub(crate) const fn export(self) -> &'static str {
        match self {
            Self::Policy => "writ:host/policy",
            Self::Tool => "writ:host/tool",
        }
    }

    /// Every interface of the contract that it may import, without its version; versions are matched
    /// as semver does.
    pub(crate) const fn offered(self) -> &'static [&'static str] {
        match self {
            Self::Policy => &[
                "writ:host/types",
                "writ:host/execution",
                "writ:host/storage",
                "writ:host/approval-history",
                "writ:host/log",
            ],
            Self::Tool => &[
                "writ:host/types",
                "writ:host/execution",
                STORAGE,
                "writ:host/approvals",
                TOOLS,
                FILES,
                "writ:host/log",
            ],
        }
    }

    /// Whether it may import an interface.
    pub(crate) fn may_import(self, interface: &str) -> bool {
        self.offered().contains(&interface) || WASI.contains(&interface)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Tool => "tool",
        })
    }
}

/// What the host of a tool lets it do beyond asking people; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// It may import `writ:host/storage`.
    pub storage: bool,
    /// It may import `writ:host/tools`.
    pub tools: bool,
    /// It may import `writ:host/files`.
    pub directory: bool,
}

/// Linked to a tool only where it is granted.
const STORAGE: &str = "writ:host/storage";
/// Linked to a tool only where it is granted.
const TOOLS: &str = "writ:host/tools";
/// Linked to a tool only where it is granted.
const FILES: &str = "writ:host/files";

impl Grants {
    /// The grant without which an import, named with its version, is refused; none where none lacks.
    pub(crate) fn lacking(self, import: &str) -> Option<&'static str> {
        let (name, _version) = import.split_once('@').unwrap_or((import, ""));
        match name {
            STORAGE if !self.storage => Some("storage"),
            TOOLS if !self.tools => Some("tools"),
            FILES if !self.directory => Some("directory"),
            _ => None,
        }
    }
}

/// Every interface of WASI that is linked, without its version.
const WASI: &[&str] = &[
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

/// The linker of a tool with these grants.
pub(crate) fn tool_linker(
    engine: &wasmtime::Engine,
    grants: Grants,
) -> wasmtime::Result<Linker<ToolState>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    execution::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    approvals::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    if grants.storage {
        storage::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    }
    if grants.tools {
        tools::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    }
    if grants.directory {
        files::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut ToolState| state)?;
    }
    p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}
