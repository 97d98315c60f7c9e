//! Components that attack whoever loads them: too large, or small and ruinous to compile.
//!
//! Generated, since as files they would be megabytes of nothing. Each stays valid WebAssembly, so
//! that only a host that looks at its shape refuses it.

use std::fmt::Write as _;
use std::iter::repeat_n;

use anyhow::Result;

use super::hostile::{ALLOW, from_text};
use crate::repo::Repo;

/// More than any component needs; Python's, the largest known, has 18 MB.
const PADDING_BYTES: usize = 33 << 20;
/// Cranelift takes tens of seconds for these 30 KB.
const NESTED_LOOPS: usize = 10_000;
/// Each stays alive to the end, which is what makes them dear.
const LOCALS: usize = 40_000;
/// Of one byte each: one byte too many, with the rest of the function.
const INSTRUCTIONS: usize = 1 << 20;
/// Ten instances on each level: a hundred thousand of the innermost.
const INSTANCE_LEVELS: usize = 5;
/// Deeper than anything that a tool makes.
const COMPONENT_LEVELS: usize = 90;

/// Every bomb with its name.
pub(super) fn all(repo: &Repo) -> Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(vec![
        ("too-large", too_large(repo)?),
        ("too-deep-loops", from_text(repo, "too-deep-loops", &too_deep_loops())?),
        ("too-many-locals", from_text(repo, "too-many-locals", &too_many_locals())?),
        ("huge-function", from_text(repo, "huge-function", &huge_function())?),
        ("too-many-instances", wat::parse_str(nested(INSTANCE_LEVELS, 10))?),
        ("too-deep-components", wat::parse_str(nested(COMPONENT_LEVELS, 1))?),
    ])
}

/// A good policy with padding.
fn too_large(repo: &Repo) -> Result<Vec<u8>> {
    const NAME: &[u8] = b"\x07padding";
    let mut component = from_text(repo, "too-large", ALLOW)?;
    component.push(0);
    component.extend(leb128(NAME.len() + PADDING_BYTES));
    component.extend(NAME);
    component.extend(repeat_n(0, PADDING_BYTES));
    Ok(component)
}

fn too_deep_loops() -> String {
    let (open, close) = ("loop\n".repeat(NESTED_LOOPS), "end\n".repeat(NESTED_LOOPS));
    format!("(func $bomb {open} {close})\n{ALLOW}")
}

fn too_many_locals() -> String {
    let locals = "i64 ".repeat(LOCALS);
    let (mut sets, mut sum) = (String::new(), String::new());
    for local in 0..LOCALS {
        write!(sets, "local.get 0 i64.const {local} i64.mul local.set {} ", local + 1)
            .expect("a string takes any text");
        write!(sum, "local.get {} i64.add ", local + 1).expect("a string takes any text");
    }
    format!(
        "(func $bomb (param i64) (result i64) (local {locals}) {sets} i64.const 0 {sum})\n{ALLOW}"
    )
}

fn huge_function() -> String {
    let instructions = "i32.eqz\n".repeat(INSTRUCTIONS);
    format!("(func $bomb (param i32) (result i32) local.get 0 {instructions})\n{ALLOW}")
}

/// Components in components, each of which instantiates the next `times` times.
fn nested(levels: usize, times: usize) -> String {
    let innermost = "(core module $m (func)) (core instance (instantiate $m))".to_owned();
    let body = (0..levels).fold(innermost, |inner, _| {
        let instances = "(instance (instantiate $c))".repeat(times);
        format!("(component $c {inner}) {instances}")
    });
    format!("(component {body})")
}

/// An unsigned number as WebAssembly writes it.
fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_says() {
        assert_eq!(leb128(0), [0]);
        assert_eq!(leb128(127), [0x7f]);
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn nesting_is_as_deep_and_wide_as_asked() {
        let text = nested(3, 2);
        assert_eq!(text.matches("(component").count(), 4);
        assert_eq!(text.matches("(instance (instantiate $c))").count(), 6);
        assert!(wat::parse_str(text).is_ok());
    }
}
