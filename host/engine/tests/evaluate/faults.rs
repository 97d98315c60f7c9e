//! Faults that wasmtime tells by its texts alone: each is made here, so that a version that words
//! one differently is found by a test, and not by a policy that then only seems to trap. And traps
//! that only seem to come of a limit.

use writ_core::{FaultCode, Json, Limits};

use crate::guests::Guest;
use crate::{ANSWERS, engine, evaluate, request};

/// The guest ends with a fault, and `words` are what it is told by.
async fn check(guest: &Guest, code: FaultCode, words: &str) {
    let engine = engine(|_| ());
    let settings = Json::empty_object();
    let image = engine.load(&guest.build(), &settings, &Limits::default()).await.unwrap();
    let fault = evaluate(&image, &request("x"), ANSWERS).await.result.unwrap_err();
    assert_eq!(fault.code, code, "{fault:?}");
    let detail = fault.detail().unwrap_or_default();
    assert!(detail.contains(words), "{detail}");
}

#[tokio::test]
async fn handles_of_the_guests_own_resources_have_their_limit() {
    let guest = Guest {
        imports: r#"(import "[export]things" "[resource-new]thing"
            (func $new (param i32) (result i32)))"#,
        world: "export things: interface { resource thing; }",
        evaluate: "(loop $next (drop (call $new (i32.const 0))) (br $next)) unreachable",
        ..Guest::default()
    };
    check(&guest, FaultCode::HandleLimit, "store handle limit exceeded").await;
}

#[tokio::test]
async fn more_text_than_a_host_call_may_move_is_not_copied() {
    let guest = Guest {
        imports: r#"(import "writ:host/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#,
        world: "import writ:host/log@0.1.0;",
        memory: "20",
        evaluate: "(call $log (i32.const 0) (i32.const 0) (i32.const 1200000)) unreachable",
        ..Guest::default()
    };
    check(&guest, FaultCode::HostCallBytesLimit, "fuel allocated for hostcalls").await;
}

#[tokio::test]
async fn more_text_than_an_answer_may_have_is_not_copied() {
    let guest = Guest {
        // A host call that goes well: what fails is the answer after it.
        imports: r#"(import "writ:host/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#,
        world: "import writ:host/log@0.1.0;",
        memory: "20",
        evaluate: "(call $log (i32.const 0) (i32.const 0) (i32.const 1))
            (i32.store8 (i32.const 1800) (i32.const 1))
            (i32.store (i32.const 1804) (i32.const 0))
            (i32.store (i32.const 1808) (i32.const 1200000))
            (i32.const 1800)",
        ..Guest::default()
    };
    check(&guest, FaultCode::ResultTooLarge, "fuel allocated for hostcalls").await;
}

#[tokio::test]
async fn a_trap_after_a_memorys_own_maximum_is_a_trap() {
    let guest = Guest {
        memory: "2 4",
        evaluate: "(if (i32.eq (memory.grow (i32.const 6)) (i32.const -1)) (then unreachable))
            (i32.const 1792)",
        ..Guest::default()
    };
    check(&guest, FaultCode::Trap, "unreachable").await;
}

#[tokio::test]
async fn a_trap_after_a_tables_own_maximum_is_a_trap() {
    let guest = Guest {
        more: "(table $table 1 4 funcref)".to_owned(),
        evaluate: "(if (i32.eq (table.grow $table (ref.null func) (i32.const 7)) (i32.const -1))
                (then unreachable))
            (i32.const 1792)",
        ..Guest::default()
    };
    check(&guest, FaultCode::Trap, "unreachable").await;
}
