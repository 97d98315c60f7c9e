//! Each reason to refuse a component: its code, and its words.

use insta::assert_snapshot;
use writ_core::LoadLimits;

use crate::guests::{Guest, good, nested};
use crate::{engine, refusal};

/// Refused by the scan: without starting a process.
async fn check(limits: LoadLimits, component: &[u8], code: &str) -> String {
    let engine = engine(limits);
    let refused = refusal(&engine, component).await;
    assert_eq!(refused.code(), code, "{refused}");
    assert_eq!(engine.stats().load.compiles, 0, "the scan must find it");
    let report = engine.report(component).await.unwrap();
    assert!(report.problems.contains(&refused), "a report tells the same: {report:?}");
    refused.to_string()
}

async fn by_default(component: &[u8], code: &str) -> String {
    check(LoadLimits::default(), component, code).await
}

fn with_function(function: &str) -> Vec<u8> {
    Guest { more: function.to_owned(), ..Guest::default() }.build()
}

#[tokio::test]
async fn refuses_a_component_that_is_too_large() {
    let limits = LoadLimits { component_bytes_max: 1_000, ..LoadLimits::default() };
    let text = check(limits, &vec![0; 1_001], "component-too-large").await;
    assert_snapshot!(text, @"
    the component has 1001 bytes, at most 1000 are loaded
    hint: build it for size and strip it, or raise `component-bytes-max`
    ");
}

#[tokio::test]
async fn refuses_what_is_no_component() {
    let module = wat::parse_str("(module)").unwrap();
    assert_snapshot!(by_default(&module, "component-invalid").await, @"
    the component is not valid: it is a core module
    hint: make a component of it, for example with `wasm-tools component new`
    ");
    assert_snapshot!(by_default(b"\n(component)", "component-invalid").await, @"
    the component is not valid: it is text
    hint: make bytes of it, for example with `wasm-tools parse`
    ");
    assert_snapshot!(by_default(b"", "component-invalid").await, @"
    the component is not valid: it does not start as a component does
    hint: give the path of a `.wasm` component
    ");
    assert_snapshot!(by_default(b"\x7fELF\x02\x01\x01", "component-invalid").await, @"
    the component is not valid: it is compiled code
    hint: give the component that it was compiled from
    ");
}

#[tokio::test]
async fn refuses_compiled_code_of_wasmtime_itself() {
    let engine = wasmtime::Engine::default();
    let code = engine.precompile_component(&good()).unwrap();
    let text = by_default(&code, "component-invalid").await;
    assert!(text.contains("it is compiled code"), "{text}");
}

#[tokio::test]
async fn refuses_a_component_that_is_cut_off_anywhere() {
    let component = good();
    let engine = engine(LoadLimits::default());
    for length in (8..component.len()).step_by(97) {
        let code = refusal(&engine, &component[..length]).await.code();
        // Cut between two sections it is a component still, without what makes it a policy.
        assert!(["component-invalid", "export-missing"].contains(&code), "{length}: {code}");
    }
}

#[tokio::test]
async fn refuses_wasm_features_that_are_off() {
    for feature in ["(memory i64 1)", "(memory 1 1 shared)", "(tag)"] {
        let component = wat::parse_str(format!("(component (core module {feature}))")).unwrap();
        by_default(&component, "component-invalid").await;
    }
    let tail_call = wat::parse_str("(component (core module (func $f return_call $f)))").unwrap();
    assert_snapshot!(by_default(&tail_call, "component-invalid").await,
        @"the component is not valid: tail calls support is not enabled (at byte 33)");
}

#[tokio::test]
async fn refuses_components_that_nest_too_deep() {
    let text = by_default(&nested(8, 1), "component-too-deep").await;
    assert_snapshot!(text, @"
    components are nested 9 deep, at most 8 are loaded
    hint: compose it flatter, or raise `component-depth-max`
    ");
}

#[tokio::test]
async fn refuses_instances_that_multiply() {
    let text = by_default(&nested(5, 10), "too-many-instances").await;
    assert_snapshot!(text, @"
    the component has 100000 core instances, at most 64 are loaded
    hint: compose it of fewer; this bound cannot be raised
    ");
}

#[tokio::test]
async fn a_limit_of_instances_that_was_lowered_may_be_raised() {
    let limits = LoadLimits { core_instances_max: 2, ..LoadLimits::default() };
    assert_snapshot!(check(limits, &nested(1, 3), "too-many-instances").await, @"
    the component has 3 core instances, at most 2 are loaded
    hint: compose it of fewer, or raise `core-instances-max`
    ");
}

#[tokio::test]
async fn refuses_more_instances_than_can_be_counted() {
    let limits = LoadLimits { component_depth_max: 64, ..LoadLimits::default() };
    let text = check(limits, &nested(40, 10), "too-many-instances").await;
    assert_snapshot!(text,
        @"
    the component has uncountably many core instances, at most 64 are loaded
    hint: compose it of fewer; this bound cannot be raised
    ");
}

#[tokio::test]
async fn refuses_instances_of_a_component_that_comes_as_a_value() {
    let component = wat::parse_str(
        "(component
            (component $a
                (import \"c\" (component $c))
                (instance (instantiate $c)))
            (component $b (core module $m) (core instance (instantiate $m)))
            (instance (instantiate $a (with \"c\" (component $b)))))",
    );
    by_default(&component.unwrap(), "too-many-instances").await;
}

#[tokio::test]
async fn counts_instances_through_aliases_and_exports() {
    let component = wat::parse_str(format!(
        "(component
            (core module $m)
            (component $c {inner})
            (export $e \"e\" (component $c))
            (component $d (alias outer 1 $e (component $f)) {outer})
            {top})",
        inner = "(alias outer 1 $m (core module $n)) (core instance (instantiate $n))",
        outer = "(instance (instantiate $f))".repeat(9),
        top = "(instance (instantiate $d))".repeat(9),
    ));
    let text = by_default(&component.unwrap(), "too-many-instances").await;
    assert!(text.starts_with("the component has 81 core instances"), "{text}");
}

#[tokio::test]
async fn refuses_memories_and_tables_beyond_the_pool() {
    let memories = wat::parse_str(format!("(component {})", with_instances("(memory 1)", 9)));
    assert_snapshot!(by_default(&memories.unwrap(), "too-many-instances").await,
        @"
    the component has 9 memories, at most 8 are loaded
    hint: let its core modules share memories; this bound cannot be raised
    ");
    let tables = wat::parse_str(format!("(component {})", with_instances("(table 1 funcref)", 17)));
    assert_snapshot!(by_default(&tables.unwrap(), "too-many-instances").await,
        @"
    the component has 17 tables, at most 16 are loaded
    hint: let its core modules share tables; this bound cannot be raised
    ");
    let large = wat::parse_str("(component (core module) (core module (memory 5000)))");
    assert_snapshot!(by_default(&large.unwrap(), "memory-too-large").await,
        @"
    a memory of core module 1 starts with 327680000 bytes, at most 268435456 are loaded
    hint: build it with a smaller one; this bound cannot be raised
    ");
    let large = wat::parse_str("(component (core module (table 20001 funcref)))");
    assert_snapshot!(by_default(&large.unwrap(), "memory-too-large").await,
        @"
    a table of core module 0 starts with 20001 elements, at most 20000 are loaded
    hint: build it with a smaller one; this bound cannot be raised
    ");
}

#[tokio::test]
async fn refuses_more_in_one_module_than_the_pool_has_room_for() {
    let memories = wat::parse_str("(component (core module (memory 1) (memory 1)))");
    assert_snapshot!(by_default(&memories.unwrap(), "too-many-instances").await,
        @"
    the component has 2 memories in one core module, at most 1 are loaded
    hint: build it without the feature `multi-memory`
    ");
    let tables = format!("(component (core module {}))", "(table 1 funcref)".repeat(5));
    assert_snapshot!(by_default(&wat::parse_str(tables).unwrap(), "too-many-instances").await,
        @"
    the component has 5 tables in one core module, at most 4 are loaded
    hint: build it with fewer tables; this bound cannot be raised
    ");
}

fn with_instances(content: &str, times: usize) -> String {
    format!("(core module $m {content}) {}", "(core instance (instantiate $m))".repeat(times))
}

#[tokio::test]
async fn refuses_a_function_that_is_too_large() {
    let limits = LoadLimits { function_bytes_max: 1_000, ..LoadLimits::default() };
    let body = "nop ".repeat(1_001);
    let text = check(limits, &with_function(&format!("(func {body})")), "function-too-large").await;
    assert_snapshot!(text, @"
    function 0 of core module 0 has 1003 bytes, at most 1000 are compiled
    hint: split it, or raise `function-bytes-max`
    ");
}

#[tokio::test]
async fn refuses_too_many_locals_parameters_included() {
    let locals = "i64 ".repeat(4_999);
    let function = format!("(func (param i32 i32) (local {locals}))");
    assert_snapshot!(by_default(&with_function(&function), "too-many-locals").await, @"
    function 0 of core module 0 has 5001 local variables, at most 5000 are compiled
    hint: split it, or raise `function-locals-max`
    ");
}

#[tokio::test]
async fn refuses_locals_whose_number_would_overflow() {
    // Three runs of 2^32 - 1 locals of type i32, each in six bytes, in place of two single ones.
    let runs = [[0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f]; 3].concat();
    let mut module = wat::parse_str("(module (func))").unwrap();
    let body = module.len() - 4;
    let code = [&[1, 1 + 1 + runs.len() as u8, 3], runs.as_slice(), &[0x0b]].concat();
    module.truncate(body - 1);
    module.push(code.len() as u8);
    module.extend(&code);
    let mut component = b"\0asm\x0d\0\x01\0\x01".to_vec();
    component.push(module.len() as u8);
    component.extend(&module);
    let text = by_default(&component, "too-many-locals").await;
    assert!(text.contains("has 12884901885 local variables"), "{text}");
}

#[tokio::test]
async fn refuses_loops_that_nest_too_deep() {
    let loops = |depth| format!("(func {} {})", "loop ".repeat(depth), "end ".repeat(depth));
    assert_snapshot!(by_default(&with_function(&loops(65)), "loops-too-deep").await, @"
    function 0 of core module 0 nests loops 65 deep, at most 64 are compiled
    hint: split it, or raise `loop-depth-max`
    ");
}

#[tokio::test]
async fn loops_one_after_the_other_do_not_nest() {
    let function = format!("(func {})", "loop block end end ".repeat(100));
    let report = engine(LoadLimits::default()).report(&with_function(&function)).await.unwrap();
    assert_eq!(report.problems, []);
}

#[tokio::test]
async fn refuses_an_import_that_is_not_offered_and_says_what_is() {
    let guest = Guest {
        imports: r#"(import "evil:net/socket@1.0.0" "open" (func))"#,
        world: "import evil:net/socket@1.0.0;",
        ..Guest::default()
    };
    let evil = "package evil:net@1.0.0; interface socket { open: func(); }";
    let text = by_default(&guest.build_with(&[evil]), "import-refused").await;
    assert_snapshot!(text, @"
    the import `evil:net/socket@1.0.0` is not offered
    hint: offered are `writ:host/types`, `writ:host/execution`, `writ:host/storage`, `writ:host/approval-history`, `writ:host/log`, and `wasi:*` 0.2 of a world without files and network
    ");
}

#[tokio::test]
async fn refuses_a_component_that_is_no_policy() {
    let nothing = wat::parse_str("(component)").unwrap();
    assert_snapshot!(by_default(&nothing, "export-missing").await, @"
    the component does not export `writ:host/policy@0.1.0`, nor anything else
    hint: build it for the world `writ:host/policy-guest`, or a tool for `writ:host/tool-guest`
    ");
    let other = wat::parse_str(
        "(component (instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i))
            (export \"writ:host/policy@0.2.0\" (instance $i)))",
    );
    assert_snapshot!(by_default(&other.unwrap(), "export-missing").await, @"
    the component does not export `writ:host/policy@0.1.0`, but `wasi:cli/run@0.2.0`, `writ:host/policy@0.2.0`
    hint: build it for the world `writ:host/policy-guest`, or a tool for `writ:host/tool-guest`
    ");
}

#[tokio::test]
async fn a_report_tells_every_reason_at_once() {
    let deep = format!("(func {} {})", "loop ".repeat(65), "end ".repeat(65));
    let long = format!("(func (local {}))", "i64 ".repeat(5_001));
    let text = format!(
        "(component (core module (memory 5000) {deep} {long})
            (import \"a:b/c@1.0.0\" (instance)) (import \"d\" (func)))"
    );
    let component = wat::parse_str(text).unwrap();
    let report = engine(LoadLimits::default()).report(&component).await.unwrap();
    let codes: Vec<_> = report.problems.iter().map(|problem| problem.code()).collect();
    assert_eq!(
        codes,
        [
            "memory-too-large",
            "loops-too-deep",
            "too-many-locals",
            "import-refused",
            "import-refused",
            "export-missing"
        ]
    );
    assert_eq!(report.imports, ["a:b/c@1.0.0", "d"]);
}

#[tokio::test]
async fn refuses_settings_that_are_too_large() {
    let limits = LoadLimits { settings_bytes_max: 10, ..LoadLimits::default() };
    let refused = crate::load(&engine(limits), &good(), r#"{"a":"1234"}"#).await.err().unwrap();
    assert_eq!(refused.code(), "settings-invalid");
    assert_snapshot!(refused, @"
    the settings have 12 bytes, at most 10 are taken
    hint: raise `settings-bytes-max`
    ");
}
