//! `writ worker`: everything that a host does beside answering requests, from a configuration to the
//! last lease that it gives back.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::{serve, text};
use crate::background::Background;
use crate::config::Environment;
use crate::config::server::address;
use crate::http::Serves;
use crate::memory;
use crate::server;
use crate::telemetry::log;

/// Run tools, tell channels and the time, and answer nothing, until the process is told to stop
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to answer `/health`, `/ready` and `/metrics`; without it and `listen` in `[worker]`, nowhere
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let origin = args.config.origin(&environment, None)?;
    let mut config = origin.load()?;
    log::init(&config.log).map_err(Failure::internal)?;
    let given = args.listen.as_deref().map(address).transpose().map_err(Failure::usage)?;
    let tells = given.or(config.worker.listen);
    // Nobody calls it by the address that servers have.
    config.server.listen = tells.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let mut stop = pin!(serve::stop_signal()?);
    let hangup = serve::hangup()?;
    let listener = match tells {
        Some(address) => Some(serve::listen(address).await?),
        None => None,
    };
    let app = tokio::select! {
        app = serve::open(&config, origin, Serves::HowItIs) => Arc::new(app?),
        () = &mut stop => return Ok(Exit::Permitted),
    };
    let mut greeting = format!("writ works: {} tools at once\n", config.worker.runs.running_max);
    if let Some(listener) = &listener {
        let address = listener.local_addr().map_err(Failure::internal)?;
        greeting.push_str(&format!("how it is: http://{address}/ready\n"));
    }
    text::to_stdout(&greeting)?;
    memory::give_back();
    let _reloading = Background::start(serve::reload_at(hangup, app.reload.clone()));
    serve::exit(server::run(listener, app, config.server.drain_timeout, stop).await)
}
