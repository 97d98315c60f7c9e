//! What guests that misbehave have in common: everything but the misbehaviour.
//!
//! Each file in `examples/` is one component that breaks one rule, and answers `allow` if nobody
//! stops it, so that a host that fails to is seen at once. It stands on the contract's raw bindings
//! and not on the SDK, whose arena and checks would get in the way of misbehaving.

use std::marker::PhantomData;

#[path = "../../../sdk/rust/src/bindings.rs"]
pub mod bindings;

use bindings::exports::writ::host::policy::{Decision, Description, Guest, Verdict};
pub use bindings::writ::host::types::{Json, Request};

/// One way to misbehave. What is not overridden behaves well.
pub trait Rule {
    /// The name of the file, of the component and of the policy.
    const NAME: &'static str;

    /// As the contract's `configure`.
    ///
    /// # Errors
    /// None, unless a rule is about them.
    fn configure(_settings: Json) -> Result<(), String> {
        Ok(())
    }

    /// As the contract's `evaluate`.
    ///
    /// # Errors
    /// None, unless a rule is about them.
    fn evaluate(_request: Request) -> Result<Decision, String> {
        Ok(allow("{}"))
    }
}

/// An answer that a stopped guest never gives.
pub fn allow(annotations: impl Into<Json>) -> Decision {
    Decision { verdict: Verdict::Allow, annotations: annotations.into() }
}

/// A well-formed decision with this verdict.
pub fn decide(verdict: Verdict) -> Decision {
    Decision { verdict, annotations: "{}".to_owned() }
}

/// A rule as a whole policy.
#[derive(Debug)]
pub struct Policy<R>(PhantomData<R>);

impl<R: Rule> Guest for Policy<R> {
    fn describe() -> Description {
        Description {
            name: R::NAME.to_owned(),
            version: "0.1.0".to_owned(),
            summary: format!("Breaks the rule `{}`.", R::NAME),
            settings_schema: r#"{"type":"object"}"#.to_owned(),
        }
    }

    fn configure(settings: Json) -> Result<(), String> {
        R::configure(settings)
    }

    fn evaluate(request: Request) -> Result<Decision, String> {
        R::evaluate(request)
    }
}

/// Makes a component of a rule.
#[macro_export]
macro_rules! guest {
    ($rule:ident) => {
        type Exported = $crate::Policy<$rule>;
        $crate::bindings::export!(Exported with_types_in $crate::bindings);
    };
}
