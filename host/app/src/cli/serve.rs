//! `writ serve`: the server, from a configuration to its last answer.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use writ_store::{Store, StoreConfig};

use super::engine;
use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::text;
use crate::config::{Config, Environment};
use crate::http::{App, Guard};
use crate::memory;
use crate::policy_set;
use crate::server::{self, Ended};
use crate::service::{Records, Service};
use crate::telemetry::{Metrics, log};

/// Answer requests over HTTP until the process is told to stop
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to listen, on this machine: an IP address and a port; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print the configuration that would be used, and stop
    #[arg(long)]
    print_config: bool,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let config = args.config.load(&environment, args.listen.as_deref())?;
    if args.print_config {
        text::to_stdout(config.text())?;
        return Ok(Exit::Permitted);
    }
    log::init(&config.log).map_err(Failure::internal)?;
    let mut stop = pin!(stop_signal()?);
    // Before anything is opened or compiled, so that a port that is taken shows at once. Who
    // connects meanwhile waits to be accepted.
    let listener = listen(config.server.listen).await?;
    let app = tokio::select! {
        app = open(&config) => Arc::new(app?),
        () = &mut stop => return Ok(Exit::Permitted),
    };
    let address = listener.local_addr().map_err(Failure::internal)?;
    let built_in = args.config.is_built_in(&environment);
    text::to_stdout(&greeting(address, &config, &app, built_in))?;
    memory::give_back();
    let ended = server::run(listener, app, config.server.drain_timeout, stop).await;
    match ended.map_err(|error| Failure::internal(format!("{error:#}")))? {
        Ended::Drained => Ok(Exit::Permitted),
        Ended::CutOff(requests) => {
            Err(Failure::internal(format!("{requests} connections were cut off")))
        }
    }
}

/// Everything that answers requests, opened.
async fn open(config: &Config) -> Result<App, Failure> {
    let data = engine::data_directory(config)?;
    let cache = config.engine.disk_cache.then(|| data.cache()).transpose();
    let engine = engine::set_up(&config.engine, cache.map_err(Failure::internal)?)?;
    let component_bytes_max = config.engine.load.component_bytes_max;
    let store = Store::open(StoreConfig::new(data.path())).await.map_err(Failure::internal)?;
    let start = Instant::now();
    let snapshot = policy_set::load(&engine, &config.policies, component_bytes_max).await?;
    let (set, bindings) = (snapshot.digest, snapshot.bindings.len());
    let duration_ms = start.elapsed().as_millis();
    tracing::info!(%set, bindings, duration_ms, "the policy set is loaded");
    if snapshot.bindings.is_empty() {
        tracing::warn!("no policy is bound: every request is denied, and `/ready` says so");
    }
    let records = Records::Durable(store);
    let service = Service::new(snapshot, config.breaker, records, Arc::new(Metrics::new()));
    let server = &config.server;
    let guard = Guard::new(server.listen, &server.allowed_hosts, &server.allowed_origins);
    Ok(App::new(service, engine, guard, server.body_bytes_max))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::internal(format!(
            "another program listens on {address}\nhint: stop it, or give another port with `--listen 127.0.0.1:0`"
        )),
        _ => Failure::internal(format!("{address} cannot be listened on: {error}")),
    })
}

/// Done when the process is told to stop: by Ctrl-C, or by whatever supervises it.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let install = |kind| {
        signal(kind).map_err(|error| Failure::internal(format!("signals cannot be read: {error}")))
    };
    let mut interrupt = install(SignalKind::interrupt())?;
    let mut terminate = install(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn greeting(address: SocketAddr, config: &Config, app: &App, built_in: bool) -> String {
    let bindings: Vec<_> =
        config.policies.bindings.iter().map(|binding| binding.binding.name.as_str()).collect();
    let mut text = format!(
        "writ listens on http://{address}\npolicy set {}: {}\n",
        app.service.active().digest,
        text::lines([bindings.join(", ")])
    );
    if built_in {
        text.push_str("\nAn action that goes on:\n");
        text.push_str(&curl(address, "search_web", r#"{"query":"weather"}"#));
        text.push_str("\nOne that is denied:\n");
        text.push_str(&curl(address, "delete_database", "{}"));
        text.push_str(
            "\n`writ serve --print-config` prints this policy set, to start your own from.\n",
        );
    }
    text
}

/// A question, as a line for a shell.
fn curl(address: SocketAddr, action: &str, properties: &str) -> String {
    format!(
        "  curl -s http://{address}/access/v1/evaluation -H 'Content-Type: application/json' -d \
         '{{\"subject\":{{\"type\":\"agent\",\"id\":\"demo\"}},\
         \"action\":{{\"name\":\"{action}\",\"properties\":{properties}}},\
         \"resource\":{{\"type\":\"tool\",\"id\":\"{action}\"}}}}'\n"
    )
}
