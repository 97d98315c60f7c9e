//! Tools in Wasm: carried out by the host, asked for by agents, agreed to by people in the middle of
//! their work, on a server that is killed and started again.
#![allow(missing_docs, clippy::unwrap_used)]

mod calling;
mod deciding;
mod directory;
mod hostile;
mod nesting;
mod surviving;
mod versions;
mod world;
