//! What the operator says: `writ.toml`, the command line and the environment, checked once.
//!
//! Raw sections are what serde reads; a [`Config`] holds only values that are in range. Nothing
//! here opens a component, a database or a socket. This is the only module that reads the
//! process's environment.

mod auth;
mod channels;
pub mod document;
mod encryption;
mod endpoints;
pub mod environment;
pub mod error;
pub(crate) mod json_text;
pub mod origin;
mod outward;
mod policies;
mod raw;
mod registries;
pub mod root;
pub mod server;
pub(crate) mod wording;

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use writ_core::LoadLimits;
use writ_store::{Database, PostgresConfig, Sealing, StoreConfig};

use crate::auth::{JwtConfig, Secret};
use crate::breaker::BreakerConfig;
use crate::channels::config::ChannelConfig;
use crate::data_directory::DataError;
use crate::endpoints::EndpointConfig;
use crate::policy_set::{self, PolicySetConfig};
use crate::registry::Registries;
use crate::service::executions::WorkerConfig;
use crate::service::{Recording, Retention};
use crate::telemetry::LogConfig;
use crate::tool_set::{self, ToolSetConfig};
use document::{Document, at};
pub use environment::Environment;
pub use error::ConfigError;
pub use origin::{Fixed, Origin};
use root::{ReadError, Root};
pub use server::ServerConfig;

/// How large a configuration file may be, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What to do where no configuration is found.
const START: &str =
    "give the path of a configuration; `writ serve --print-config` prints one to start from";

/// The configuration that `writ serve` uses where it is given none.
pub const DEFAULTS: &str = include_str!("../defaults/writ.toml");

/// A whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the server listens, and to whom it answers.
    pub server: ServerConfig,
    /// Whose tokens are taken beside keys of this host.
    pub jwt: Option<JwtConfig>,
    /// Where compiled code is kept, and decisions where no database is named.
    pub data: DataLocation,
    /// The database that hosts share; without it, SQLite files in the data directory.
    pub database: Option<PostgresConfig>,
    /// With which keys what is kept is sealed.
    pub sealing: Sealing,
    /// Bounds of the engine.
    pub engine: EngineBounds,
    /// When a binding that fails is rested.
    pub breaker: BreakerConfig,
    /// Who is told what happens.
    pub channels: Vec<ChannelConfig>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// The policies and the requests that they decide.
    pub policies: PolicySetConfig,
    /// The tools that this host carries actions out with.
    pub tools: ToolSetConfig,
    /// Who elsewhere carries actions out.
    pub endpoints: Vec<EndpointConfig>,
    /// How they are run.
    pub worker: WorkerSection,
    /// For how long what has ended is kept.
    pub retention: Retention,
    /// How much is kept of each decision.
    pub recording: Recording,
}

/// Who runs tools, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerSection {
    /// Whether `writ serve` does.
    pub in_serve: bool,
    /// Where `writ worker` tells how it is; nowhere where that is not said.
    pub listen: Option<SocketAddr>,
    /// How they are run.
    pub runs: WorkerConfig,
}

/// Where the data directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataLocation {
    /// A name inside the configuration's directory.
    Inside(String),
    /// A path that the operator gave on the command line or in the environment.
    Given(PathBuf),
}

/// Bounds of the engine that the operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineBounds {
    /// How many evaluations may run at the same time; 1 to 1,000.
    pub instances_max: u32,
    /// Room for remembered evaluations, in bytes; 0: none are remembered.
    pub memo_bytes_max: u64,
    /// Room for compiled code in memory, in bytes.
    pub code_bytes_max: u64,
    /// Whether compiled code is kept on disk.
    pub disk_cache: bool,
    /// What a component may be to be loaded.
    pub load: LoadLimits,
}

/// What the command line or the environment says instead of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// Where compiled code is kept, and decisions where no database is named.
    pub data_directory: Option<PathBuf>,
    /// The URL of the database that hosts share.
    pub database_url: Option<Secret>,
}

impl Config {
    /// Reads a configuration file. What it names is inside its directory.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(file: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let (document, root) = open(file)?;
        Self::parse(document, root, overrides)
    }

    /// Of a configuration file, the policies alone: what other sections name, such as secrets, need not
    /// be here. Nobody's signatures count, and no registry is named.
    ///
    /// # Errors
    /// The first thing that is wrong with them, with its line; and where the file is empty.
    pub fn policies_of(file: &Path) -> Result<PolicySetConfig, ConfigError> {
        let (document, root) = open(file)?;
        let raw: raw::Config = document.parse()?;
        let sections = (raw.bindings, raw.tests);
        let (document, root) = (Arc::new(document), Arc::new(root));
        let policies = policy_set::parse(sections, Default::default(), document, root)?;
        policies.not_emptied().map(|()| policies)
    }

    /// The embedded defaults, as if they stood in a directory.
    ///
    /// # Errors
    /// Where an override is refused.
    pub fn defaults(root: Root, overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::parse(Document::new("the built-in configuration", DEFAULTS), root, overrides)
    }

    /// Every default and no binding, for a command that takes its policy from elsewhere.
    ///
    /// # Errors
    /// Where the current directory cannot be opened.
    pub fn bare(data_directory: Option<PathBuf>) -> Result<Self, ConfigError> {
        let here = Path::new(".");
        let root = Root::open(here).map_err(|error| ConfigError::in_file(here, error))?;
        let overrides = Overrides { data_directory, ..Overrides::default() };
        Self::parse(Document::new("no configuration", ""), root, &overrides)
    }

    /// Checks the text of a configuration that stands in a directory.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(
        document: Document,
        root: Root,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let raw: raw::Config = document.parse()?;
        let root = Arc::new(root);
        let document = Arc::new(document);
        let at = |error: &dyn std::fmt::Display, key: &[_]| document.error(key, error);
        let trust = policies::checked(raw.policies, &document)?;
        let registries = Registries::new(registries::checked(raw.registries, &document, &root)?);
        let (sections, others) = ((raw.bindings, raw.tests), (trust, registries));
        let policies = policy_set::parse(sections, others, document.clone(), root.clone())?;
        let bound = policies.bindings.iter().map(|binding| binding.binding.name.to_string());
        let taken = raw.tools.iter().map(|tool| tool.name.clone()).chain(bound).collect();
        let endpoints = endpoints::checked(raw.endpoints, taken, &document, &root)?;
        let url = raw.store.url.as_deref();
        let database = match &overrides.database_url {
            // The variable's name says where it stands.
            Some(url) => Some(PostgresConfig::new(url.expose()).map_err(ConfigError::in_variable)?),
            None => url
                .map(PostgresConfig::new)
                .transpose()
                .map_err(|error| at(&error, &at!["store", "url"]))?,
        };
        let server = server::checked(raw.server, overrides.listen, &document)?;
        let public_url = server.public_url.as_ref();
        Ok(Self {
            channels: channels::checked(raw.channels, public_url, &document, &root)?,
            server,
            jwt: auth::checked(raw.auth, &document, &root)?,
            data: match &overrides.data_directory {
                Some(path) => DataLocation::Given(path.clone()),
                None => inside(raw.store.directory)
                    .map_err(|error| at(&error, &at!["store", "directory"]))?,
            },
            database,
            sealing: encryption::checked(raw.encryption, &document, &root)?,
            engine: raw.engine.checked(&raw.cache).map_err(|(key, text)| at(&text, &key))?,
            breaker: raw.breaker.checked().map_err(|(key, text)| at(&text, &key))?,
            log: checked_log(raw.log).map_err(|error| at(&error, &at!["log", "level"]))?,
            worker: raw.worker.checked().map_err(|(key, text)| at(&text, &key))?,
            retention: raw.retention.checked().map_err(|(key, text)| at(&text, &key))?,
            recording: raw.decisions.record.into(),
            tools: tool_set::parse(raw.tools, &policies, &endpoints, document.clone(), root)?,
            endpoints,
            policies,
        })
    }
}

impl Config {
    /// The database, where its files would be in a directory.
    pub fn database(&self, data: &Path) -> Database {
        let sealing = self.sealing.clone();
        match &self.database {
            Some(database) => {
                let mut database = database.clone();
                database.sealing = sealing;
                database.into()
            }
            None => StoreConfig { sealing, ..StoreConfig::new(data) }.into(),
        }
    }

    /// The text that was read.
    pub fn text(&self) -> &str {
        self.policies.document().text()
    }

    /// What is wrong with the data directory, at the line that names it; with the file alone where
    /// none does.
    pub fn data_error(&self, error: &DataError) -> ConfigError {
        self.policies.document().error(&at!["store", "directory"], error)
    }

    /// The directory that the configuration stands in.
    pub fn root(&self) -> &Root {
        self.policies.root()
    }
}

/// A configuration file, and the directory that it stands in.
fn open(file: &Path) -> Result<(Document, Root), ConfigError> {
    let refused = |error: &dyn std::fmt::Display| ConfigError::in_file(file, error);
    let (directory, name) =
        split(file).ok_or_else(|| refused(&"this is no file name").with_hint(START))?;
    let root = Root::open(directory).map_err(|error| {
        refused(&format!("the directory cannot be opened: {error}")).with_hint(START)
    })?;
    let text = root.read_text(name, FILE_BYTES_MAX).map_err(|error| match error {
        ReadError::Missing(_) => refused(&"there is no such file").with_hint(START),
        ReadError::Directory(_) => refused(&"this is a directory").with_hint(START),
        other => refused(&other),
    })?;
    Ok((Document::new(file.display().to_string(), text), root))
}

fn checked_log(log: LogConfig) -> Result<LogConfig, crate::telemetry::log::LogError> {
    crate::telemetry::log::check(&log).map(|()| log)
}

fn inside(directory: String) -> Result<DataLocation, String> {
    let stays = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if directory.is_empty() || !Path::new(&directory).components().all(stays) {
        return Err(format!(
            "`{directory}` is not inside of the configuration's directory\n\
             hint: give a directory that is elsewhere on the command line, with `--data-dir`"
        ));
    }
    Ok(DataLocation::Inside(directory))
}

fn split(file: &Path) -> Option<(&Path, &str)> {
    Some((file.parent()?, file.file_name()?.to_str()?))
}
