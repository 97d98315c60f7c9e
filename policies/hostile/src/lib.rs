//! What guests that misbehave have in common: everything but the misbehaviour.
//!
//! Each file in `examples/` is one component that breaks one rule, and answers `allow` if nobody
//! stops it, so that a host that fails to is seen at once. It stands on the contract's raw bindings
//! and not on the SDK, whose arena and checks would get in the way of misbehaving.

use std::marker::PhantomData;

#[path = "../../../sdk/rust/src/bindings.rs"]
pub mod bindings;
#[path = "../../../sdk/rust/src/tool_bindings.rs"]
pub mod tool_bindings;

use bindings::exports::writ::host::policy::{Decision, Description, Guest, Verdict};
use bindings::writ::host::types::{ApprovalState, Disposition, Requirement, Stage};
pub use bindings::writ::host::types::{Json, Request};
use tool_bindings::exports::writ::host::tool;
use tool_bindings::writ::host::approvals;

/// One way to misbehave. What is not overridden behaves well.
pub trait Rule {
    /// The name of the file, of the component and of the policy.
    const NAME: &'static str;
    /// What settings it takes: without more, any.
    const SETTINGS_SCHEMA: &'static str = r#"{"type":"object"}"#;

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
            settings_schema: R::SETTINGS_SCHEMA.to_owned(),
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

/// One way for a tool to misbehave.
pub trait ToolRule {
    /// The name of the file, of the component and of the tool.
    const NAME: &'static str;
    /// What arguments it takes: without more, whatever policies let through.
    const INPUT_SCHEMA: &'static str = r#"{"type":"object"}"#;

    /// As the contract's `call`.
    ///
    /// # Errors
    /// Where the rule is about them.
    fn call(arguments: Json) -> Result<Json, String>;
}

/// A rule as a whole tool.
#[derive(Debug)]
pub struct Tool<R>(PhantomData<R>);

impl<R: ToolRule> tool::Guest for Tool<R> {
    fn describe() -> tool::Description {
        tool::Description {
            name: R::NAME.to_owned(),
            version: "0.1.0".to_owned(),
            summary: format!("Breaks the rule `{}`.", R::NAME),
            input_schema: R::INPUT_SCHEMA.to_owned(),
            output_schema: None,
        }
    }

    fn call(arguments: Json) -> Result<Json, String> {
        R::call(arguments)
    }
}

/// Makes a component of a tool's rule.
#[macro_export]
macro_rules! tool {
    ($rule:ident) => {
        type Exported = $crate::Tool<$rule>;
        $crate::tool_bindings::export!(Exported with_types_in $crate::tool_bindings);
    };
}

/// Asks a person, and waits.
///
/// # Errors
/// Where they do not agree, or cannot be asked.
pub fn ask(approver: &str) -> Result<(), String> {
    ask_about(approver, "Go on")
}

/// Asks a person something, and waits.
///
/// # Errors
/// Where they do not agree, or cannot be asked.
pub fn ask_about(approver: &str, title: &str) -> Result<(), String> {
    let stage = Stage {
        approvers: vec![approver.to_owned()],
        quorum: 1,
        expires_after_seconds: 3_600,
        on_expiry: Disposition::Deny,
    };
    let requirement = Requirement {
        title: title.to_owned(),
        reason: title.to_owned(),
        stages: vec![stage],
        allow_self_approval: false,
        reason_required: false,
    };
    match approvals::request(&requirement) {
        Ok(approval) if approval.state == ApprovalState::Approved => Ok(()),
        Ok(_) => Err("nobody agreed".to_owned()),
        Err(_) => Err("nobody was asked".to_owned()),
    }
}
