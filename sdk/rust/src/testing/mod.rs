//! Tests of policies without Wasm: a host in memory, and case files.
//!
//! ```no_run
//! # use writ_sdk::{Decision, Host, Policy, Request};
//! # struct MyPolicy;
//! # impl Policy for MyPolicy {
//! #     const NAME: &'static str = "my-policy";
//! #     const VERSION: &'static str = "0.1.0";
//! #     const SUMMARY: &'static str = "Allows everything.";
//! #     const SETTINGS_SCHEMA: &'static str = "{}";
//! #     type Settings = serde_json::Value;
//! #     fn configure(_: serde_json::Value) -> Result<Self, String> { Ok(Self) }
//! #     fn evaluate(&self, _: &Request, _: &impl Host) -> Result<Decision, String> {
//! #         Ok(Decision::allow())
//! #     }
//! # }
//! // In a `#[test]`:
//! writ_sdk::testing::check_cases::<MyPolicy>("cases");
//! ```
//!
//! The form of a case file is described at [`case`].

pub mod case;
mod check;
mod expect;
mod files;
mod host;
#[cfg(feature = "schema")]
mod schema;
mod store;

pub use case::{Case, CaseAction, CaseEntity, CaseRequest, Commit, Expect, Step, parse_cases};
pub use check::{check_asks_nothing, check_case, check_cases, read_cases};
pub use host::TestHost;
#[cfg(feature = "schema")]
pub use schema::check_schema;
