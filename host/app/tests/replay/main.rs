//! What was recorded of decisions: deciding the same again, and what another set would have decided.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod again;
mod backtest;
mod world;
