//! Time that a guest waits in host calls is not time that it computes.

use std::future::pending;
use std::time::Duration;

use serde_json::json;
use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{Namespace, Page, PortFuture, StorageReader};
use writ_core::{FaultCode, Json, Limits};

use crate::guests::Guest;
use crate::{engine, evaluate, image, request};

/// A store in which each key has one value, and that takes its time to say so.
struct Slow(Duration);

impl Slow {
    fn answer<'a, T: Send + 'a>(&self, answer: T) -> PortFuture<'a, T> {
        let late = tokio::time::timeout(self.0, pending::<()>());
        Box::pin(async {
            late.await.unwrap_err();
            Ok(answer)
        })
    }
}

impl StorageReader for Slow {
    fn read<'a>(&'a self, _: &'a Namespace, _: &'a str) -> PortFuture<'a, Stored> {
        self.answer(Stored { version: 1, value: Some(b"1".to_vec()), expires_at_ms: None })
    }

    fn usage<'a>(&'a self, _: &'a Namespace) -> PortFuture<'a, Usage> {
        self.answer(Usage::default())
    }

    fn list<'a>(&'a self, _: &'a Namespace, _: Page<'a>) -> PortFuture<'a, Listing> {
        self.answer(Listing::default())
    }
}

#[tokio::test]
async fn who_waits_longer_than_its_deadline_for_a_value_goes_on_with_it() {
    let (engine, settings) = (engine(|_| ()), json!({"limit": 5, "window-seconds": 60}));
    let limits = Limits { deadline_ms: 30, timeout_ms: 60_000, ..Limits::default() };
    let image = image(&engine, "rate-limit", settings, &limits).await;
    let store = Slow(Duration::from_millis(100));
    evaluate(&image, &request("x"), store).await.result.unwrap();
}

#[tokio::test]
async fn who_computes_for_ever_where_it_makes_room_for_an_answer_ends_at_its_deadline() {
    let guest = Guest {
        imports: r#"(import "writ:host/storage@0.1.0" "get" (func $get (param i32 i32 i32)))"#,
        world: "import writ:host/storage@0.1.0;",
        more: "(global $asks (mut i32) (i32.const 0))".into(),
        realloc: "(if (global.get $asks) (then (loop $next (br $next))))",
        evaluate: "(global.set $asks (i32.const 1))
            (call $get (i32.const 1024) (i32.const 4) (i32.const 1800)) unreachable",
        ..Guest::default()
    };
    let limits =
        Limits { deadline_ms: 30, timeout_ms: 60_000, fuel: u64::MAX >> 2, ..Limits::default() };
    let engine = engine(|_| ());
    let image = engine.load(&guest.build(), &Json::empty_object(), &limits).await.unwrap();
    let evaluation = evaluate(&image, &request("x"), Slow(Duration::ZERO)).await;
    assert_eq!(evaluation.result.unwrap_err().code, FaultCode::DeadlineExceeded);
}
