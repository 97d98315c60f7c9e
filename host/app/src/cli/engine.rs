//! The engine as commands set it up: the configuration's bounds, and this binary as compiler.

use writ_engine::{CompilerCommand, Engine, EngineConfig, EngineError};

use super::exit::Failure;
use crate::config::environment::current_program;
use crate::config::{Config, DataLocation, EngineBounds};
use crate::data_directory::DataDirectory;

/// The argument that makes this binary compile what comes in on standard input.
pub(super) const COMPILE: &str = "__compile";
/// How many evaluations a command needs at the same time that is no server.
const COMMAND_INSTANCES: u32 = 8;

/// An engine within bounds; compiled code is kept in the data directory, where one is given.
pub(super) fn set_up(
    bounds: &EngineBounds,
    data: Option<&DataDirectory>,
) -> Result<Engine, Failure> {
    let program = current_program().map_err(|error| {
        Failure::internal(format!("the path of this program is not known: {error}"))
    })?;
    let compiler = CompilerCommand { program, args: vec![COMPILE.into()] };
    let cache = data.map(DataDirectory::cache).transpose().map_err(Failure::internal)?;
    let config = EngineConfig {
        load: bounds.load.clone(),
        instances_max: bounds.instances_max,
        memo_bytes_max: bounds.memo_bytes_max,
        code_bytes_max: bounds.code_bytes_max,
        cache,
        compiler,
    };
    Engine::new(config).map_err(|error| match (error, data) {
        (EngineError::Cache(error), Some(data)) => {
            Failure::internal(format!("`{}`: {error}", data.cache_path().display()))
        }
        (error, _) => Failure::internal(error),
    })
}

/// An engine for a command that is no server. It keeps compiled code only in a data directory that
/// the operator gave, so that it leaves nothing behind otherwise.
pub(super) fn for_command(config: &Config) -> Result<Engine, Failure> {
    for_evaluations(config, COMMAND_INSTANCES)
}

/// The same for a command that evaluates so many requests at the same time.
pub(super) fn for_evaluations(config: &Config, instances_max: u32) -> Result<Engine, Failure> {
    let bounds = EngineBounds { instances_max, ..config.engine.clone() };
    let data = match config.data {
        DataLocation::Given(_) if bounds.disk_cache => Some(data_directory(config)?),
        DataLocation::Given(_) | DataLocation::Inside(_) => None,
    };
    set_up(&bounds, data.as_ref())
}

/// The data directory that is configured, opened.
pub(super) fn data_directory(config: &Config) -> Result<DataDirectory, Failure> {
    DataDirectory::open(&config.data, config.root()).map_err(|error| match config.data {
        DataLocation::Inside(_) => config.data_error(&error).into(),
        DataLocation::Given(_) => Failure::configuration(error),
    })
}
