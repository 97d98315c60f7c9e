//! `writ migrate`: the store's tables, brought up to date.
//!
//! SQLite's are when a server opens them, so this is for PostgreSQL, whose hosts must not change
//! what others are using.

use writ_store::{Migrated, Store};

use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::{place, text};
use crate::config::Environment;

/// Create the store's tables, or bring them up to date
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let config = args.config.load(&environment, None)?;
    let migrated = Store::migrate(place::database(&config)?)
        .await
        .map_err(|error| place::refused(error, &config))?;
    let Migrated { ran, version } = migrated;
    match args.json {
        true => text::json_to_stdout(&serde_json::json!({ "ran": ran, "version": version }))?,
        false => text::to_stdout(&told(&ran, version))?,
    }
    Ok(Exit::Permitted)
}

fn told(ran: &[String], version: i64) -> String {
    let ran: String = ran.iter().map(|migration| format!("ran {migration}\n")).collect();
    format!("{ran}the tables are up to date: version {version}\n")
}
