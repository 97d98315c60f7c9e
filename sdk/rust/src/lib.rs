//! Write policies and tools for Writ in Rust.
//!
//! A policy decides whether a subject may perform an action on a resource. It is a Wasm component
//! that sees nothing but the request, its settings, and what it asks of the [`Host`]. This crate
//! holds the types, the [`export!`] macro that makes a component, and [`testing`], which runs
//! policies natively.
//!
//! ```
//! use serde::Deserialize;
//! use writ_sdk::{Action, Decision, Entity, Host, Policy, Request, Verdict};
//!
//! /// Denies payments above a limit.
//! struct Ceiling {
//!     limit: f64,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {
//!     limit: f64,
//! }
//!
//! impl Policy for Ceiling {
//!     const NAME: &'static str = "ceiling";
//!     const VERSION: &'static str = "0.1.0";
//!     const SUMMARY: &'static str = "Denies payments above a limit.";
//!     const SETTINGS_SCHEMA: &'static str = r#"{
//!         "$schema": "https://json-schema.org/draft/2020-12/schema",
//!         "type": "object",
//!         "properties": {"limit": {"type": "number", "description": "In the account's currency."}},
//!         "required": ["limit"],
//!         "additionalProperties": false
//!     }"#;
//!     type Settings = Settings;
//!
//!     fn configure(settings: Settings) -> Result<Self, String> {
//!         Ok(Self { limit: settings.limit })
//!     }
//!
//!     fn evaluate(&self, request: &Request, _host: &impl Host) -> Result<Decision, String> {
//!         let amount = request.action.properties.get("amount").and_then(|value| value.as_f64());
//!         Ok(match amount {
//!             None => Decision::deny("a payment needs an `amount`"),
//!             Some(amount) if amount > self.limit => {
//!                 Decision::deny(format!("{amount} is more than {}", self.limit))
//!             }
//!             Some(_) => Decision::allow(),
//!         })
//!     }
//! }
//!
//! writ_sdk::export!(Ceiling);
//!
//! // Natively, in a test:
//! let policy = writ_sdk::configure::<Ceiling>(r#"{"limit": 100}"#).unwrap();
//! let request = Request::new(
//!     Entity::new("user", "alice"),
//!     Action::new("pay").with(serde_json::json!({"amount": 250})),
//!     Entity::new("account", "7"),
//! );
//! let host = writ_sdk::testing::TestHost::new();
//! let decision = policy.evaluate(&request, &host).unwrap();
//! assert_eq!(decision.verdict, Verdict::Deny("250 is more than 100".into()));
//! assert_eq!(host.calls(), 0, "the host may remember this answer");
//! ```
//!
//! A [`Tool`] carries out what policies allowed: a component made by [`export_tool!`], which may
//! store, ask people in the middle of its work ([`Approvals`]) and call other tools ([`Tools`]).
//!
//! # What is absent
//! There is no file, network, environment, clock or randomness, and no state between evaluations
//! except [`Storage`]. A panic is a fault: it denies the action, or fails the call of a tool.

mod arena;
#[doc(hidden)]
pub mod bindings;
mod decision;
mod export;
mod glob;
#[doc(hidden)]
pub mod guest;
mod host;
mod imports;
mod json;
mod key;
mod per;
mod place;
mod pointer;
mod policy;
mod request;
mod requirement;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod text;
mod tool;
#[doc(hidden)]
pub mod tool_bindings;
#[doc(hidden)]
pub mod tool_guest;

pub use decision::{Decision, REASON_CHARS_MAX, Verdict};
pub use glob::{Glob, Globs};
pub use host::{
    Approval, ApprovalHistory, ApprovalState, Entry, Execution, Host, Keys, Level, Log, Storage,
    StorageError, Vote,
};
pub use json::Json;
pub use key::key;
pub use per::Per;
pub use place::Place;
pub use pointer::Pointer;
pub use policy::{Policy, configure};
pub use request::{Action, Entity, Request};
pub use requirement::{Disposition, Requirement, Stage, TITLE_CHARS_MAX};
pub use tool::{
    ApprovalError, Approvals, FileError, Files, Tool, ToolError, ToolHost, ToolInfo, Tools,
    call as call_tool,
};
