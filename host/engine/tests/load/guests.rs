//! Policies as WebAssembly text.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A policy of which a test says what matters to it.
pub(crate) struct Guest {
    /// Imports of the core module.
    pub(crate) imports: &'static str,
    /// Limits of its memory, in pages.
    pub(crate) memory: &'static str,
    /// What else is in the core module.
    pub(crate) more: String,
    /// `describe`'s text fields: name, version, summary, schema.
    pub(crate) description: [&'static str; 4],
    /// Body of `describe`, before it gives the description.
    pub(crate) describe: &'static str,
    /// Body of `configure (param $settings i32) (param $bytes i32) (result i32)`: gives the address
    /// of a `result<_, string>`.
    pub(crate) configure: &'static str,
    /// Body of `evaluate (param $request i32) (result i32)`: gives the address of a result.
    pub(crate) evaluate: &'static str,
    /// What `cabi_realloc` does before it makes room.
    pub(crate) realloc: &'static str,
    /// WIT of more imports and exports of the world.
    pub(crate) world: &'static str,
}

/// Address of a result that is ok.
pub(crate) const OK: &str = "(i32.const 1792)";
/// Gives the settings back as an error.
pub(crate) const ECHO: &str = "
    (i32.store8 (i32.const 1800) (i32.const 1))
    (i32.store (i32.const 1804) (local.get $settings))
    (i32.store (i32.const 1808) (local.get $bytes))
    (i32.const 1800)";

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: "",
            memory: "2",
            more: String::new(),
            description: ["test", "1.0.0", "A test.", "{}"],
            describe: "",
            configure: OK,
            evaluate: "unreachable",
            realloc: "",
            world: "",
        }
    }
}

impl Guest {
    /// The component.
    pub(crate) fn build(&self) -> Vec<u8> {
        self.build_with(&[])
    }

    /// The component, with more packages for its world to import from.
    pub(crate) fn build_with(&self, packages: &[&str]) -> Vec<u8> {
        let mut resolve = Resolve::default();
        resolve.push_path("../../wit").unwrap();
        for text in packages {
            resolve.push_str("more.wit", text).unwrap();
        }
        let world = format!(
            "package test:guest;
             world guest {{ {} export writ:host/policy@0.1.0; }}",
            self.world
        );
        let package = resolve.push_str("guest.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    fn module(&self) -> String {
        let Self { imports, memory, more, describe, configure, evaluate, realloc, .. } = self;
        let (texts, table) = self.texts();
        format!(
            r#"(module {imports}
                (memory (export "memory") {memory})
                (global $free (mut i32) (i32.const 65536))
                {more}
                (data (i32.const 1024) "{texts}")
                (data (i32.const 512) "{table}")
                (func (export "writ:host/policy@0.1.0#describe") (result i32)
                    {describe} (i32.const 512))
                (func (export "writ:host/policy@0.1.0#configure")
                    (param $settings i32) (param $bytes i32) (result i32) {configure})
                (func (export "writ:host/policy@0.1.0#evaluate")
                    (param $request i32) (result i32) {evaluate})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    {realloc}
                    (global.set $free
                        (i32.add (local.get 3) (i32.and (i32.add (global.get $free) (i32.const 7))
                            (i32.const -8))))
                    (i32.sub (global.get $free) (local.get 3))))"#
        )
    }

    /// The texts one after the other, and the table of their addresses and lengths.
    fn texts(&self) -> (String, String) {
        let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let (mut address, mut table) = (1024_u32, Vec::new());
        for text in self.description {
            let bytes = text.len() as u32;
            table.extend(address.to_le_bytes());
            table.extend(bytes.to_le_bytes());
            address += bytes;
        }
        let texts: String = escape(self.description.concat().as_bytes());
        (texts, escape(&table))
    }
}

/// A well-behaved policy.
pub(crate) fn good() -> Vec<u8> {
    Guest::default().build()
}

/// Components in components, each of which instantiates the next `times` times.
pub(crate) fn nested(levels: usize, times: usize) -> Vec<u8> {
    let innermost = "(core module $m (func)) (core instance (instantiate $m))".to_owned();
    let body = (0..levels).fold(innermost, |inner, _| {
        let instances = "(instance (instantiate $c))".repeat(times);
        format!("(component $c {inner}) {instances}")
    });
    wat::parse_str(format!("(component {body})")).unwrap()
}
