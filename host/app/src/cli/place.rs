//! Where a command works: on the store itself, or on a running server.

use std::net::{Ipv4Addr, SocketAddr};

use writ_store::{Database, Store, StoreError};

use super::exit::Failure;
use super::input::ConfigArgs;
use crate::config::{Config, Environment};
use crate::data_directory::DataDirectory;

/// Where a command works.
#[derive(Debug, clap::Args)]
pub(super) struct PlaceArgs {
    /// A running server, called with the key in `WRIT_KEY`; without it, the database or the data
    /// directory is opened, and no server may have the latter open
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "data_dir"])]
    pub(super) server: Option<String>,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
}

/// Where a command works, and how it tells what it found.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl ConfigArgs {
    /// Opens the store, which a server must have made, for as long as the command runs.
    pub(super) async fn store_that_is_there(
        &self,
        environment: &Environment,
    ) -> Result<Store, Failure> {
        let config = self.load(environment, None)?;
        let path = DataDirectory::path_of(&config.data, config.root());
        if config.database.is_none() && !Store::is_in(&path) {
            return Err(Failure::refused(format!(
                "`{}` holds no decisions of a server\nhint: name its data directory with `--data-dir`, or its configuration with `--config`",
                path.display()
            )));
        }
        open(&config).await
    }

    /// Opens the store for as long as the command runs.
    pub(super) async fn store(&self, environment: &Environment) -> Result<Store, Failure> {
        open(&self.load(environment, None)?).await
    }
}

async fn open(config: &Config) -> Result<Store, Failure> {
    Store::open(database(config)?).await.map_err(|error| refused(error, config))
}

/// Where a configuration has the store. A data directory is made where it is not there.
pub(super) fn database(config: &Config) -> Result<Database, Failure> {
    if config.database.is_none() {
        let data = DataDirectory::open(&config.data, config.root());
        return Ok(config.database(data.map_err(Failure::internal)?.path()));
    }
    Ok(config.database(&DataDirectory::path_of(&config.data, config.root())))
}

/// Why a store is not opened, as a command tells it.
pub(super) fn refused(error: StoreError, config: &Config) -> Failure {
    match error {
        StoreError::InUse { directory } => Failure::refused(format!(
            "a server that runs has `{}` open\n\
             hint: ask it, with `--server http://{}` and an operator's key in WRIT_KEY",
            directory.display(),
            here(config.server.listen)
        )),
        StoreError::Behind { .. } => Failure::configuration(error),
        error => Failure::internal(error),
    }
}

/// How this machine reaches a server that listens at an address.
fn here(listen: SocketAddr) -> SocketAddr {
    match listen.ip().is_unspecified() {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port())),
        false => listen,
    }
}
