//! Where a command works: on a data directory that no server has open, or on a running server.

use writ_store::{Store, StoreConfig, StoreError};

use super::exit::Failure;
use super::input::ConfigArgs;
use crate::config::Environment;
use crate::data_directory::DataDirectory;

/// Where a command works, and how it tells what it found.
#[derive(Debug, clap::Args)]
pub(super) struct PlaceArgs {
    /// A running server, called with the key in `WRIT_KEY`; without it, the data directory is
    /// opened, which no server may have open
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "data_dir"])]
    pub(super) server: Option<String>,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl PlaceArgs {
    /// Opens the data directory, which a server must have made, for as long as the command runs.
    pub(super) async fn store_that_is_there(
        &self,
        environment: &Environment,
    ) -> Result<Store, Failure> {
        let config = self.config.load(environment, None)?;
        let path = DataDirectory::path_of(&config.data, config.root());
        if !Store::is_in(&path) {
            return Err(Failure::refused(format!(
                "`{}` holds no decisions of a server\nhint: name its data directory with `--data-dir`, or its configuration with `--config`",
                path.display()
            )));
        }
        self.store(environment).await
    }

    /// Opens the data directory for as long as the command runs.
    pub(super) async fn store(&self, environment: &Environment) -> Result<Store, Failure> {
        let config = self.config.load(environment, None)?;
        let data = DataDirectory::open(&config.data, config.root()).map_err(Failure::internal)?;
        Store::open(StoreConfig::new(data.path())).await.map_err(in_use)
    }
}

fn in_use(error: StoreError) -> Failure {
    match error {
        StoreError::InUse { directory } => Failure::refused(format!(
            "a server that runs has `{}` open\n\
             hint: ask it, with `--server http://127.0.0.1:8181` and an operator's key in WRIT_KEY",
            directory.display()
        )),
        error => Failure::internal(error),
    }
}
