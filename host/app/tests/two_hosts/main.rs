//! Two servers on one PostgreSQL database are as one: one approval gives one effect, whichever server
//! is asked, also while one of them is killed over and over.
#![allow(missing_docs, clippy::unwrap_used)]

mod hosts;
mod killed;
mod policies;
mod rollouts;
mod sharing;
mod signing;
mod tables;
