//! `writ serve`: the server, from a configuration to its last answer.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use writ_core::Tenant;
use writ_store::{Store, StoreError};

use super::engine;
use super::exit::{Exit, Failure};
use super::greeting::Greeting;
use super::input::ConfigArgs;
use super::text;
use crate::access_request::{Signer, Signers};
use crate::auth::{Authenticator, Draft, Issued, Jwt, Keyring};
use crate::background::Background;
use crate::channels::Channels;
use crate::clock::now_ms;
use crate::config::server::is_local;
use crate::config::{Config, Environment, Fixed, Origin};
use crate::data_directory::DataDirectory;
use crate::endpoints::RegisteredEndpoint;
use crate::http::{App, Guard, Parts, Serves};
use crate::memory;
use crate::policy_set::Kept;
use crate::reload::{self, Reload, Trigger, Versions, Wish};
use crate::server::{self, Ended};
use crate::service::{Executions, Records, Service};
use crate::telemetry::{Metrics, log};
use crate::tool_set::{self, Signature, Toolbox};

/// The file, in the data directory, in which an earlier version kept the key that signs denials.
const SIGNING_KEY: &str = "signing.key";

/// Answer requests over HTTP until the process is told to stop
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to listen: an IP address and a port; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Run no tools: leave that to `writ worker`, on this machine or others
    #[arg(long)]
    no_worker: bool,
    /// Print the configuration that would be used, and stop
    #[arg(long)]
    print_config: bool,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let origin = args.config.origin(&environment, args.listen.as_deref())?;
    let mut config = origin.load()?;
    if args.print_config {
        text::to_stdout(config.text())?;
        return Ok(Exit::Permitted);
    }
    log::init(&config.log).map_err(Failure::internal)?;
    if args.no_worker || !config.worker.in_serve {
        // It still tells tools elsewhere what has come of what they wait for.
        config.worker.runs.running_max = 0;
    }
    let mut stop = pin!(stop_signal()?);
    let hangup = hangup()?;
    // Before anything is opened or compiled, so that a port that is taken shows at once. Who
    // connects meanwhile waits to be accepted.
    let listener = listen(config.server.listen).await?;
    let app = tokio::select! {
        app = open(&config, origin, Serves::Everything) => Arc::new(app?),
        () = &mut stop => return Ok(Exit::Permitted),
    };
    let address = listener.local_addr().map_err(Failure::internal)?;
    let first_key = first_key(&app, address).await?;
    let built_in = args.config.is_built_in(&environment);
    let greeting = Greeting { address, config: &config, app: &app, first_key, built_in };
    let greeting = greeting.text();
    memory::give_back();
    text::to_stdout(&greeting)?;
    #[cfg(feature = "failpoints")]
    arm()?;
    let _reloading = Background::start(reload_at(hangup, app.reload.clone()));
    let ended = server::run(Some(listener), app, config.server.drain_timeout, stop).await;
    exit(ended)
}

/// How a server's end is told.
pub(super) fn exit(ended: anyhow::Result<Ended>) -> Result<Exit, Failure> {
    match ended.map_err(|error| Failure::internal(format!("{error:#}")))? {
        Ended::Drained => Ok(Exit::Permitted),
        Ended::CutOff(requests) => {
            Err(Failure::internal(format!("{requests} connections were cut off")))
        }
    }
}

/// From now on, this process dies where a test wants it to.
#[cfg(feature = "failpoints")]
fn arm() -> Result<(), Failure> {
    match crate::config::environment::failpoint() {
        Some(text) => crate::points::arm(&text).map_err(Failure::usage),
        None => Ok(()),
    }
}

/// Everything that answers requests and works, opened.
pub(super) async fn open(config: &Config, origin: Origin, serves: Serves) -> Result<App, Failure> {
    let data = engine::data_directory(config)?;
    let engine = engine::set_up(&config.engine, config.engine.disk_cache.then_some(&data))?;
    let component_bytes_max = config.engine.load.component_bytes_max;
    let store = Store::open(config.database(data.path())).await.map_err(not_opened)?;
    let start = Instant::now();
    let tenant = Tenant::default();
    let trust = config.policies.trust.clone();
    let kept = Kept { store: &store, tenant: &tenant, trust: &trust };
    let first = reload::prepare(&engine, kept, (&origin, config)).await;
    let first = first.map_err(Failure::configuration)?;
    // A worker beside servers takes what they decide by: it may be started with less than they have.
    let leads = serves == Serves::Everything || !store.is_shared();
    let versions = Versions { engine: &engine, kept };
    let begun = versions.begin(first, leads).await.map_err(Failure::configuration)?;
    let snapshot = begun.snapshot.clone();
    let (set, bindings, cases) = (snapshot.digest, snapshot.bindings.len(), begun.cases);
    let version = begun.version;
    let duration_ms = start.elapsed().as_millis() as u64;
    tracing::info!(%set, version, bindings, cases, duration_ms, "the policy set is loaded");
    if snapshot.bindings.is_empty() {
        tracing::warn!("no policy is bound: every request is denied, and `/ready` says so");
    }
    let tools = tool_set::load(&engine, &config.tools, component_bytes_max).await?;
    let endpoints = config.endpoints.iter().map(RegisteredEndpoint::new);
    let endpoints = endpoints.collect::<Result<_, _>>().map_err(Failure::configuration)?;
    let tools = Toolbox::new(tools, endpoints);
    for Signature { bound, .. } in tools.iter() {
        let (name, digest) = (bound.name.as_str(), bound.digest);
        tracing::info!(name, %digest, kind = ?bound.kind, "a tool is ready");
    }
    let records = Records::Durable(store.clone());
    let auth = authenticator(config, &records).await?;
    let signers = signers(&data, &records).await?;
    let (metrics, tools) = (Arc::new(Metrics::new()), Arc::new(tools));
    let service = Service::new(snapshot, config.breaker, records, metrics);
    let service = service.with_tools(tools.clone()).recording(config.recording);
    let service = Arc::new(service);
    let channels = Channels::open(store.clone(), Tenant::default(), &config.channels).await;
    let channels = channels.map_err(Failure::internal)?;
    let executions = Executions::new(service.clone(), store).with_tools(tools, config.worker.runs);
    let parts = reload::Parts {
        origin,
        engine: engine.clone(),
        service: service.clone(),
        store: executions.store().clone(),
        tenant,
        trust,
        registries: config.policies.registries.clone(),
        leads,
    };
    let reload = Reload::new(parts, Fixed::of(config), begun);
    if let Err(refusal) = reload.take_rollout().await {
        tracing::error!("a version that is rolled out is not here: {refusal}");
    }
    let server = &config.server;
    let guard = Guard::new(server.listen, &server.allowed_hosts, &server.allowed_origins)
        .known_as(server.public_url.as_ref());
    let body_bytes_max = server.body_bytes_max;
    Ok(App::new(Parts {
        service,
        executions,
        channels,
        reload,
        engine,
        guard,
        auth,
        signers,
        body_bytes_max,
        retention: config.retention,
        serves,
    }))
}

/// What signs denials: a key in the store, made when the first host serves. An earlier version kept
/// it in a file, which is taken over and goes once the store has it.
async fn signers(data: &DataDirectory, records: &Records) -> Result<Signers, Failure> {
    let refused = |error: &dyn std::fmt::Display| {
        Failure::internal(format!("the key that signs denials cannot be used: {error}"))
    };
    let kept = data.kept_secret(SIGNING_KEY).map_err(|error| refused(&error))?;
    let id = kept.as_deref().map(Signer::new).transpose().map_err(|error| {
        let path = data.path().join(SIGNING_KEY);
        refused(&format!("`{}`: {error}", path.display()))
    })?;
    let opened = Signers::open(records.clone(), Tenant::default(), kept).await;
    let signers = opened.map_err(|error| refused(&error))?;
    if let Some(file) = id {
        data.forget_secret(SIGNING_KEY).map_err(|error| refused(&error))?;
        let (kid, is_ours) = (signers.kid(), file.kid() == signers.kid());
        tracing::info!(%kid, is_ours, "the file `{SIGNING_KEY}` is no longer used: the store has the key");
    }
    Ok(signers)
}

/// What an operator mends is told apart from what may be over by the next start.
fn not_opened(error: StoreError) -> Failure {
    match error {
        StoreError::Behind { .. } => Failure::configuration(error),
        error => Failure::internal(error),
    }
}

/// Whoever may call is known by then, or nobody but this machine can.
async fn authenticator(config: &Config, records: &Records) -> Result<Authenticator, Failure> {
    let tenant = Tenant::default();
    let keys = Keyring::open(records.clone(), tenant.clone()).await;
    let keys = keys.map_err(Failure::internal)?;
    let listen = config.server.listen;
    if !is_local(listen) && keys.valid(now_ms()) == 0 && config.jwt.is_none() {
        return Err(Failure::configuration(format!(
            "`{listen}` can be reached from other machines, and no caller has a key\n\
             hint: make one with `writ keys create --name operator --role operator` and the `--config` or \
             `--data-dir` of this host, or listen on `127.0.0.1:{}`",
            listen.port()
        )));
    }
    let jwt = match &config.jwt {
        Some(jwt) => Some(Jwt::open(jwt.clone(), tenant).await.map_err(Failure::configuration)?),
        None => None,
    };
    Ok(Authenticator::new(keys, jwt))
}

/// The key of whoever starts a host for the first time, on this machine: nobody else could have
/// one. Made once somebody can be told; not where an issuer says who the operator is.
async fn first_key(app: &App, address: SocketAddr) -> Result<Option<Issued>, Failure> {
    let keys = app.auth.keys();
    if !keys.is_empty() || !is_local(address) || app.auth.issuer().is_some() {
        return Ok(None);
    }
    keys.create_first(Draft::of_first_key(), now_ms()).await.map_err(Failure::internal)
}

pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::internal(format!(
            "another program listens on {address}\nhint: stop it, or give another port with `--listen 127.0.0.1:0`"
        )),
        _ => Failure::internal(format!("{address} cannot be listened on: {error}")),
    })
}

/// Hears `SIGHUP`, which ended the process otherwise.
pub(super) fn hangup() -> Result<Signal, Failure> {
    installed(SignalKind::hangup())
}

/// Reads the policy set again at each signal, for as long as it is polled.
pub(super) async fn reload_at(mut hangup: Signal, reload: Reload) {
    while hangup.recv().await.is_some() {
        if reload.ask(Wish::Files, Trigger::Signal).await.is_none() {
            return;
        }
    }
}

fn installed(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::internal(format!("signals cannot be read: {error}")))
}

/// Done when the process is told to stop: by Ctrl-C, or by whatever supervises it.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = installed(SignalKind::interrupt())?;
    let mut terminate = installed(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
