//! The contract in `wit/`, as Rust sees it from the host. Generated types stay in this crate.
#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "policy-guest",
    imports: {
        "writ:host/approval-history": async | trappable,
        "writ:host/storage": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});

/// The world of tools; what it shares with policies' is the same there.
pub(crate) mod tool {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "tool-guest",
        with: {
            "writ:host/types": crate::bindings::writ::host::types,
            "writ:host/execution": crate::bindings::writ::host::execution,
            "writ:host/storage": crate::bindings::writ::host::storage,
            "writ:host/log": crate::bindings::writ::host::log,
        },
        imports: {
            "writ:host/approvals": async | trappable,
            "writ:host/tools": async | trappable,
            "writ:host/files": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
