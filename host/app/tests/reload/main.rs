//! A running server whose policy set changes: by files, by a signal, by an operator. The server, its
//! files and its store are real.
#![allow(missing_docs, clippy::unwrap_used)]

mod activating;
mod bindings;
mod canary;
mod creating;
mod pulling;
mod pushing;
mod refusing;
mod rollouts;
mod shadowing;
mod signing;
mod singles;
mod versions;
mod watching;
mod world;
