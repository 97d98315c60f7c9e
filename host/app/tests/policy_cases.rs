//! The starter policies' case files against their components: those built from source just now,
//! those that are committed, and the same policy in other languages.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_testkit::{cases, guests};

fn engine() -> Engine {
    let program = env!("CARGO_BIN_EXE_writ").into();
    let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
    Engine::new(EngineConfig::new(compiler)).expect("the engine starts")
}

async fn check(component: &[u8], folder: &Path) {
    cases::check(&engine(), component, folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_holds_on_what_was_built_from_source() {
    for name in guests::starters() {
        check(&guests::bytes(&name), &guests::cases(&name)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_holds_on_what_is_committed() {
    for name in guests::starters() {
        let committed = guests::dist_bytes(&name);
        // Equal bytes are checked above.
        if committed != guests::bytes(&name) {
            check(&committed, &guests::cases(&name)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_is_the_same_policy_in_javascript() {
    check(&guests::bytes("javascript/rate-limit"), &guests::cases("rate-limit")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_is_the_same_policy_in_c() {
    check(&guests::bytes("c/rate-limit"), &guests::cases("rate-limit")).await;
}
