//! What the compiling process does: `describe`, `configure`, snapshot, code; and how it fails.

use std::process::{Command, Stdio};
use std::sync::Arc;

use insta::assert_snapshot;
use writ_core::{FaultCode, LoadLimits};
use writ_engine::{CompilerCommand, Described, Engine, EngineConfig, LoadError};

use crate::guests::{ECHO, Guest, OK, good};
use crate::{config, engine, load, refusal};

fn plain() -> Engine {
    engine(LoadLimits::default())
}

/// A policy that never ends its `configure`.
fn loops() -> Vec<u8> {
    Guest { configure: "(loop $again (br $again)) unreachable", ..Guest::default() }.build()
}

async fn configure_failed(limits: LoadLimits, guest: &Guest) -> (FaultCode, String) {
    match refusal(&engine(limits), &guest.build()).await {
        LoadError::ConfigureFailed { code, text } => (code, text),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_good_policy_is_described_configured_and_compiled() {
    let engine = plain();
    let image = load(&engine, &good(), "{}").await.unwrap();
    assert_eq!(image.description().name, "test");
    assert_eq!(image.description().settings_schema, serde_json::json!({}));
    assert!(image.preinitialised());
    assert_eq!(image.imports(), ["writ:host/types@0.1.0"]);
    let report = engine.report(&good()).await.unwrap();
    assert_eq!(report.description, Some(Described::Policy(image.description().clone())));
    assert_eq!((report.problems, report.not_preinitialised), (vec![], None));
    assert_eq!(report.digest, image.component_digest());
    assert_eq!(report.exports, ["writ:host/policy@0.1.0"]);
}

#[tokio::test]
async fn settings_reach_configure_as_they_are() {
    let guest = Guest { configure: ECHO, ..Guest::default() }.build();
    let settings = r#"{"a\"b":"'\\ \u0001 é 漢 🦀 {{}} ${x}"}"#;
    let refused = load(&plain(), &guest, settings).await.err().unwrap();
    let LoadError::ConfigureFailed { code: FaultCode::GuestError, text } = refused else {
        panic!("{refused}");
    };
    assert_eq!(text, r#"{"a\"b":"'\\ \u0001 é 漢 🦀 {{}} ${x}"}"#);
}

#[tokio::test]
async fn a_policy_that_refuses_its_settings_is_refused_with_its_words() {
    let guest = Guest { configure: ECHO, ..Guest::default() }.build();
    let refused = load(&plain(), &guest, "\"no\"").await.err().unwrap();
    assert_snapshot!(refused, @r#"`configure` failed: guest-error: "no""#);
}

#[tokio::test]
async fn a_loop_in_configure_ends_when_its_fuel_is_burnt() {
    let limits = LoadLimits { configure_fuel: 1_000_000, ..LoadLimits::default() };
    let engine = engine(limits);
    let refused = refusal(&engine, &loops()).await;
    assert_snapshot!(refused,
        @"
    `configure` failed: out-of-fuel: it burnt all its fuel
    hint: raise `configure-fuel` in `[engine.load]`
    ");
}

#[tokio::test]
async fn a_loop_in_configure_ends_at_its_deadline() {
    let limits = LoadLimits {
        configure_fuel: 1_000_000_000_000,
        configure_deadline_ms: 20,
        ..LoadLimits::default()
    };
    let refused = refusal(&engine(limits), &loops()).await;
    assert_snapshot!(refused,
        @"
    `configure` failed: deadline-exceeded: it ran longer than its deadline
    hint: raise `configure-deadline-ms` in `[engine.load]`
    ");
}

#[tokio::test]
async fn a_trap_in_configure_is_named() {
    let guest = Guest { configure: "unreachable", ..Guest::default() };
    let failed = configure_failed(LoadLimits::default(), &guest).await;
    assert_eq!(failed, (FaultCode::Trap, "it trapped".to_owned()));
}

#[tokio::test]
async fn recursion_in_configure_is_named() {
    let guest = Guest {
        more: "(func $deep (param i64) (result i64)
            (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))"
            .to_owned(),
        configure: "(drop (call $deep (i64.const 0))) (i32.const 1792)",
        ..Guest::default()
    };
    let (code, _) = configure_failed(LoadLimits::default(), &guest).await;
    assert_eq!(code, FaultCode::StackOverflow);
}

#[tokio::test]
async fn memory_in_configure_has_its_limit() {
    let grow = "(if (i32.eq (memory.grow (i32.const 5000)) (i32.const -1)) (then unreachable))
        (i32.const 1792)";
    let guest = Guest { configure: grow, ..Guest::default() };
    let (code, _) = configure_failed(LoadLimits::default(), &guest).await;
    assert_eq!(code, FaultCode::MemoryLimit);
}

#[tokio::test]
async fn an_import_called_in_configure_is_named() {
    let guest = Guest {
        imports: r#"(import "writ:host/execution@0.1.0" "received-at" (func $now (result i64)))"#,
        world: "import writ:host/execution@0.1.0;",
        configure: "(drop (call $now)) (i32.const 1792)",
        ..Guest::default()
    };
    let failed = configure_failed(LoadLimits::default(), &guest).await;
    let text = "it calls the import `writ:host/execution@0.1.0#received-at`, and may call none";
    assert_eq!(failed, (FaultCode::Trap, text.to_owned()));
}

#[tokio::test]
async fn a_description_that_breaks_the_contract_is_refused() {
    let guest = |description| Guest { description, ..Guest::default() }.build();
    let engine = plain();
    let refused = refusal(&engine, &guest(["Test", "1.0.0", "", "{}"])).await;
    assert_snapshot!(refused, @"`describe` gives an invalid name: `Test` must be 1 to 64 lower-case letters, digits and hyphens");
    let refused = refusal(&engine, &guest(["test", "1.0.0", "", "{"])).await;
    assert_eq!(refused.code(), "describe-invalid");
    let trap = Guest { describe: "unreachable", ..Guest::default() }.build();
    let refused = refusal(&engine, &trap).await;
    assert_snapshot!(refused, @"`describe` failed: trap: it trapped");
}

#[tokio::test]
async fn a_description_that_is_too_large_is_not_copied() {
    // The length of the schema, which is the last text.
    let describe = "(i32.store (i32.const 540) (i32.const 5000000))";
    let large = Guest { memory: "100", describe, ..Guest::default() }.build();
    let refused = refusal(&plain(), &large).await;
    assert_snapshot!(refused, @"`describe` failed: result-too-large: its answer is larger than its limit");
}

#[tokio::test]
async fn a_memory_that_cannot_grow_is_configured_on_each_instance() {
    let guest = Guest { memory: "2 2", ..Guest::default() }.build();
    let image = load(&plain(), &guest, "{}").await.unwrap();
    assert!(!image.preinitialised());
}

#[tokio::test]
async fn what_writes_to_tables_is_configured_on_each_instance() {
    let more = "(table $t 1 funcref) (func (table.set $t (i32.const 0) (ref.null func)))";
    let guest = Guest { more: more.to_owned(), ..Guest::default() }.build();
    let engine = plain();
    assert!(!load(&engine, &guest, "{}").await.unwrap().preinitialised());
    let report = engine.report(&guest).await.unwrap();
    assert_eq!(report.not_preinitialised.as_deref(), Some("unsupported `table.set` instruction"));
}

#[tokio::test]
async fn a_function_that_the_contract_does_not_have_is_refused() {
    let guest = Guest {
        imports: r#"(import "writ:host/log@0.1.9" "shout" (func))"#,
        world: "import writ:host/log@0.1.9;",
        ..Guest::default()
    };
    let later = "package writ:host@0.1.9; interface log { shout: func(); }";
    let refused = refusal(&plain(), &guest.build_with(&[later])).await;
    assert_eq!(refused.code(), "link-failed", "{refused}");
    assert!(refused.to_string().contains("shout"), "{refused}");
}

#[tokio::test]
async fn concurrent_loads_of_one_policy_compile_once() {
    let engine = plain();
    let component: Arc<[u8]> = good().into();
    let loads: Vec<_> = (0..8)
        .map(|_| {
            let (engine, component) = (engine.clone(), component.clone());
            tokio::spawn(async move { load(&engine, &component, "{}").await.is_ok() })
        })
        .collect();
    for loaded in loads {
        assert!(loaded.await.unwrap());
    }
    let stats = engine.stats().load;
    assert_eq!((stats.compiles, stats.memory_hits, stats.refusals), (1, 7, 0));
}

#[tokio::test]
async fn a_refusal_that_would_repeat_is_remembered() {
    let engine = plain();
    let guest = Guest { configure: "unreachable", ..Guest::default() }.build();
    assert_eq!(refusal(&engine, &guest).await, refusal(&engine, &guest).await);
    let stats = engine.stats().load;
    assert_eq!((stats.compiles, stats.refusals), (1, 2));
}

#[tokio::test]
async fn a_compiler_that_cannot_be_started_is_not_the_components_fault() {
    let command = |program: &str| CompilerCommand { program: program.into(), args: vec![] };
    for program in ["/nonexistent/writ", "/bin/echo", "/bin/false"] {
        let config = EngineConfig { compiler: command(program), ..config() };
        let engine = Engine::new(config).unwrap();
        for _ in 0..2 {
            assert_eq!(refusal(&engine, &good()).await.code(), "compiler-failed", "{program}");
        }
        assert_eq!(engine.stats().load.compiles, 2, "it must be tried again: {program}");
    }
}

#[test]
fn the_compiler_ends_with_its_host() {
    let job = serde_json::json!({"settings": "{}", "limits": LoadLimits {
        configure_fuel: 1_000_000_000_000,
        configure_deadline_ms: 600_000,
        ..LoadLimits::default()
    }});
    let (job, component) = (job.to_string(), loops());
    let mut frame = b"writ-f01".to_vec();
    frame.extend((job.len() as u32).to_le_bytes());
    frame.extend((component.len() as u64).to_le_bytes());
    frame.extend(job.as_bytes());
    frame.extend(component);
    let mut child = Command::new(crate::compiler().program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &frame).unwrap();
    drop(input);
    assert!(!child.wait().unwrap().success());
}

#[tokio::test]
async fn ok_is_all_that_configure_needs_to_say() {
    let guest = Guest { configure: OK, ..Guest::default() }.build();
    assert!(load(&plain(), &guest, r#"{"any":["thing"]}"#).await.is_ok());
}
