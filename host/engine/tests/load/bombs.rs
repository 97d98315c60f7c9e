//! Components that are small and ruinous to compile, past a scan whose limits an operator raised:
//! the limits of the compiling process end them, and the host goes on.

use std::fmt::Write as _;

use writ_core::LoadLimits;
use writ_engine::{CompileLimit, LoadError};

use crate::guests::{Guest, good};
use crate::{engine, load, refusal};

async fn check(limits: LoadLimits, bomb: &str, expected: CompileLimit) {
    let engine = engine(limits);
    let component = Guest { more: bomb.to_owned(), ..Guest::default() }.build();
    match refusal(&engine, &component).await {
        LoadError::CompileLimit { limit, .. } => assert_eq!(limit, expected),
        other => panic!("{other}"),
    }
    assert!(load(&engine, &good(), "{}").await.is_ok(), "the next one is compiled");
}

fn loops() -> String {
    format!("(func {} {})", "loop ".repeat(1_000), "end ".repeat(1_000))
}

/// Every local is alive from its assignment to the end.
fn locals(count: usize) -> String {
    let (mut sets, mut sum) = (String::new(), String::new());
    for local in 1..=count {
        write!(sets, "local.get 0 i64.const {local} i64.mul local.set {local} ").unwrap();
        write!(sum, "local.get {local} i64.add ").unwrap();
    }
    let locals = "i64 ".repeat(count);
    format!("(func (param i64) (result i64) (local {locals}) {sets} i64.const 0 {sum})")
}

#[tokio::test]
async fn the_wall_clock_ends_a_compiler() {
    let limits = LoadLimits {
        function_locals_max: 50_000,
        compile_timeout_ms: 100,
        ..LoadLimits::default()
    };
    let engine = engine(limits);
    let many: String = (0..20).map(|_| locals(20_000)).collect();
    let component = Guest { more: many, ..Guest::default() }.build();
    let refused = refusal(&engine, &component).await;
    assert_eq!(refused.code(), "compile-limit", "{refused}");
    assert!(refused.to_string().contains("it was stopped after 100 ms"), "{refused}");
    let again = refusal(&engine, &component).await;
    assert_eq!((again.code(), engine.stats().load.compiles), ("compile-limit", 2));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_ends_a_compiler() {
    let limits = LoadLimits {
        function_locals_max: 50_000,
        function_bytes_max: 16 << 20,
        compile_memory_bytes_max: 256 << 20,
        ..LoadLimits::default()
    };
    check(limits, &locals(49_000).repeat(8), CompileLimit::Memory).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn processor_time_ends_a_compiler() {
    let limits =
        LoadLimits { loop_depth_max: 1_000, compile_cpu_seconds_max: 1, ..LoadLimits::default() };
    let bomb = loops().repeat(40);
    check(limits, &bomb, CompileLimit::Processor).await;
}
