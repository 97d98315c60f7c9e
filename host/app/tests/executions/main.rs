//! One approval, one effect: executions over HTTP, on a server that is killed and started again.
#![allow(missing_docs, clippy::unwrap_used)]

mod carrying;
mod people;
mod requests;
mod retrying;
mod stream;
mod surviving;
mod world;
