//! Backtests: what a candidate would have decided.

pub mod report;
