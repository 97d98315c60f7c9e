//! `writ receipt`: evidence of one decision, to be taken away and checked anywhere.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use writ_core::receipt::Receipt;
use writ_core::text::visible;
use writ_core::{Digest, Tenant};

use super::engine;
use super::exit::{Exit, Failure};
use super::input;
use super::place::PlaceArgs;
use super::remote::Remote;
use super::text::{self, row};
use crate::access_request::Signers;
use crate::config::{Config, Environment};
use crate::http::decisions::PATH;
use crate::receipt::{self, Checked, KeySet, NoReceipt};
use crate::service::Records;

/// How large a receipt or a set of keys may be, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Take evidence of a decision away, and check such evidence
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a decision's receipt: request, policy set, what the store answered, its place in the chain,
    /// signed. Arguments and settings are in it
    Export(Export),
    /// Check a receipt without a server: its parts, its signature, and by deciding once more
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The decision's id
    id: String,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The receipt: a file, or `-` for standard input
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// A component that decided, where it is no starter policy; may be given more than once
    #[arg(long = "component", value_name = "FILE")]
    components: Vec<String>,
    /// The keys that are trusted: what the server has at `/access/v1/jwks`, in a file
    #[arg(long, value_name = "FILE", required_unless_present = "any_key")]
    key: Option<PathBuf>,
    /// Take it from whoever signed it: then it shows what could have been decided, and not by whom
    #[arg(long, conflicts_with = "key")]
    any_key: bool,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    match args.command {
        Command::Export(export) => {
            let receipt = match &export.place.server {
                Some(url) => {
                    let remote = Remote::new(url, environment.key.clone())?;
                    remote.get(&[PATH, &export.id, "receipt"], &[]).await?
                }
                None => here(export, &environment).await?,
            };
            text::json_to_stdout(&receipt)?;
        }
        Command::Verify(verify) => text::to_stdout(&verified(&verify).await?)?,
    }
    Ok(Exit::Permitted)
}

async fn here(export: Export, environment: &Environment) -> Result<Receipt, Failure> {
    let store = export.place.config.store_that_is_there(environment).await?;
    let (tenant, records) = (Tenant::default(), Records::Durable(store.clone()));
    let signers = Signers::open(records, tenant.clone(), None).await.map_err(Failure::internal)?;
    let issued = receipt::issue(&store, &signers, &tenant, &export.id).await;
    store.close().await.map_err(Failure::internal)?;
    issued.map_err(|error| match error {
        NoReceipt::Store(error) => Failure::internal(error),
        NoReceipt::Decision(_) | NoReceipt::PolicySet(_) => Failure::refused(error),
    })
}

async fn verified(verify: &Verify) -> Result<String, Failure> {
    let name = verify.receipt.display();
    let receipt = input::text(&verify.receipt, FILE_BYTES_MAX)?;
    let receipt: Receipt = serde_json::from_str(&receipt)
        .map_err(|error| Failure::refused(format!("`{name}` is no receipt: {error}")))?;
    let trusted = verify.key.as_ref().map(|file| {
        let keys = input::text(file, FILE_BYTES_MAX)?;
        serde_json::from_str::<KeySet>(&keys).map_err(|error| {
            Failure::refused(format!("`{}` is no set of keys: {error}", file.display()))
        })
    });
    let trusted = trusted.transpose()?;
    let checked = Checked::of(&receipt, trusted.as_ref()).map_err(Failure::refused)?;
    let config = Config::bare(None)?;
    let mut components = BTreeMap::new();
    for component in &verify.components {
        let (_, bytes) = input::component(component, &config.engine.load)?;
        let digest = Digest::of(&bytes);
        if !checked.is_of(&digest) {
            return Err(Failure::refused(format!(
                "`{component}` ({digest}) is no component of this receipt's policy set\nhint: leave it out, or name the one that was meant"
            )));
        }
        components.insert(digest, bytes);
    }
    let engine = engine::for_command(&config)?;
    let again = checked.decide_again(&engine, &components).await.map_err(Failure::refused)?;
    let fuel: u64 = again.policies.iter().map(|policy| policy.fuel).sum();
    let decision = &checked.decision;
    let mut told = "The receipt is whole, and decided again it is the same.\n".to_owned();
    told += &row("decision", visible(&decision.id));
    told += &row("outcome", visible(&decision.outcome));
    for policy in &again.policies {
        told += &row(policy.binding.as_str(), policy.name());
    }
    told += &row("fuel", fuel);
    told += &row("signed by", &receipt.signature.kid);
    if trusted.is_none() {
        told += "Whether that key is one to trust was not asked: whoever has the components can make such \
                 a receipt.\n";
    }
    Ok(told)
}
