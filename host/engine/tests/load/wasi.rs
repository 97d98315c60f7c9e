//! Guests whose language calls WASI before it does anything: it is there, and empty.

use writ_core::{FaultCode, LoadLimits};
use writ_engine::LoadError;

use crate::guests::Guest;
use crate::{engine, load, refusal};

const RANDOM: &str =
    "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }";
const POLL: &str = "package wasi:io@0.2.0;
    interface poll { resource pollable { block: func(); } }
    interface streams { resource output-stream; }";
const CLOCKS: &str = "package wasi:clocks@0.2.0;
    interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        subscribe-duration: func(when: u64) -> pollable;
    }";
const CLI: &str = "package wasi:cli@0.2.0;
    interface stdout {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stdout: func() -> output-stream;
    }
    interface exit { exit: func(status: result); }";

fn random(configure: &'static str) -> Vec<u8> {
    Guest {
        imports: r#"(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))"#,
        world: "import wasi:random/random@0.2.0;",
        configure,
        ..Guest::default()
    }
    .build_with(&[RANDOM])
}

#[tokio::test]
async fn a_runtime_that_asks_for_random_is_pre_initialised() {
    let component = random("(drop (call $random)) (i32.const 1792)");
    let image = load(&engine(LoadLimits::default()), &component, "{}").await.unwrap();
    assert!(image.preinitialised());
}

#[tokio::test]
async fn random_is_the_same_each_time() {
    // Gives 8 bytes of random back as an error, one half-byte a letter.
    let component = random(
        "(local $random i64) (local $at i32)
        (local.set $random (call $random))
        (loop $next
            (i32.store8 offset=1900 (local.get $at)
                (i32.add (i32.const 97) (i32.wrap_i64 (i64.and (local.get $random) (i64.const 15)))))
            (local.set $random (i64.shr_u (local.get $random) (i64.const 4)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 16))))
        (i32.store8 (i32.const 1800) (i32.const 1))
        (i32.store (i32.const 1804) (i32.const 1900))
        (i32.store (i32.const 1808) (i32.const 16))
        (i32.const 1800)",
    );
    let first = refusal(&engine(LoadLimits::default()), &component).await;
    let second = refusal(&engine(LoadLimits::default()), &component).await;
    assert_eq!(first, second);
    assert!(first.to_string().starts_with("`configure` failed: guest-error: "), "{first}");
}

#[tokio::test]
async fn a_runtime_that_keeps_a_handle_is_configured_on_each_instance() {
    let component = Guest {
        imports: r#"(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))"#,
        world: "import wasi:cli/stdout@0.2.0;",
        configure: "(drop (call $stdout)) (i32.const 1792)",
        ..Guest::default()
    }
    .build_with(&[POLL, CLI]);
    let image = load(&engine(LoadLimits::default()), &component, "{}").await.unwrap();
    assert!(!image.preinitialised());
}

#[tokio::test]
async fn a_runtime_that_ends_itself_is_refused() {
    let component = Guest {
        imports: r#"(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))"#,
        world: "import wasi:cli/exit@0.2.0;",
        configure: "(call $exit (i32.const 1)) unreachable",
        ..Guest::default()
    }
    .build_with(&[POLL, CLI]);
    let refused = refusal(&engine(LoadLimits::default()), &component).await;
    insta::assert_snapshot!(refused,
        @"`configure` failed: trap: it ended itself (`wasi:cli/exit`)");
}

#[tokio::test]
async fn a_runtime_that_waits_is_stopped_at_its_deadline() {
    let component = Guest {
        imports: r#"(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
                (func $in (param i64) (result i32)))
            (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $wait (param i32)))"#,
        world: "import wasi:clocks/monotonic-clock@0.2.0; import wasi:io/poll@0.2.0;",
        configure: "(call $wait (call $in (i64.const 3600000000000))) (i32.const 1792)",
        ..Guest::default()
    }
    .build_with(&[POLL, CLOCKS]);
    let limits = LoadLimits { configure_deadline_ms: 20, ..LoadLimits::default() };
    match refusal(&engine(limits), &component).await {
        LoadError::ConfigureFailed { code, .. } => assert_eq!(code, FaultCode::DeadlineExceeded),
        other => panic!("{other}"),
    }
}
