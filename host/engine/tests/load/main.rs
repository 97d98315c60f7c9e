//! Loading as a host sees it: what is refused and with which words, what is compiled, what is
//! kept. Guests are WebAssembly text, so that each shows all that it does.
#![allow(missing_docs, clippy::unwrap_used)]

mod bombs;
mod cache;
mod compile;
mod guests;
mod refusals;
mod wasi;

use std::path::PathBuf;
use std::sync::Arc;

use writ_core::{Json, Limits, LoadLimits};
use writ_engine::{CompilerCommand, Engine, EngineConfig, Image, LoadError};

/// The engine's own compiling process, as a binary.
fn compiler() -> CompilerCommand {
    CompilerCommand { program: PathBuf::from(env!("CARGO_BIN_EXE_writ-compile")), args: vec![] }
}

fn config() -> EngineConfig {
    EngineConfig { instances_max: 4, ..EngineConfig::new(compiler()) }
}

fn engine(limits: LoadLimits) -> Engine {
    Engine::new(EngineConfig { load: limits, ..config() }).unwrap()
}

async fn load(engine: &Engine, component: &[u8], settings: &str) -> Result<Arc<Image>, LoadError> {
    let settings = Json::parse(settings).unwrap();
    engine.load(component, &settings, &Limits::default()).await
}

/// Loads what must be refused.
async fn refusal(engine: &Engine, component: &[u8]) -> LoadError {
    load(engine, component, "{}").await.err().expect("it must be refused")
}
