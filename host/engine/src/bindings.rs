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
