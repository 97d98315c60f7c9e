//! The starter policies' case files against their components: those built from source just now,
//! those that are committed, and the same policy in other languages.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_testkit::{cases, guests};

/// An engine that keeps on disk what is the same of a component whatever its settings are.
fn engine(cache: &Path) -> Engine {
    let program = env!("CARGO_BIN_EXE_writ").into();
    let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
    let cache = Dir::open_ambient_dir(cache, ambient_authority()).expect("a directory opens");
    let config = EngineConfig { cache: Some(cache), ..EngineConfig::new(compiler) };
    Engine::new(config).expect("the engine starts")
}

async fn check(component: &[u8], folder: &Path) {
    let ours_alone = Permissions::from_mode(0o700);
    let cache = tempfile::Builder::new().permissions(ours_alone).tempdir();
    let cache = cache.expect("a directory for code");
    cases::check(&engine(cache.path()), component, folder).await;
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
