//! The server: accepts connections, answers requests, and stops without losing any.
//!
//! Socket and shutdown come from outside. Every connection is a task that the server owns; when it
//! returns, none is left, and the store is closed.

mod connection;

use std::future::{self, Future};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::background::Background;
use crate::http::{self, App};
use crate::lifecycle::Stage;
use crate::service::Records;
use crate::service::executions::{Clock, Worker};

/// How many connections are served at the same time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long accepting rests after the system refused, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered.
    Drained,
    /// Some were cut off, because they took longer than the drain time-out.
    CutOff(usize),
}

/// Works, and serves where there is a listener, until `shutdown` is done; then finishes the requests
/// under way, at most for `drain_timeout`, and the work, for as long again, and closes the store.
///
/// # Errors
/// Where the store does not close.
pub async fn run(
    listener: Option<TcpListener>,
    app: Arc<App>,
    drain_timeout: Duration,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Ended> {
    let (stop, stopped) = watch::channel(());
    let mut server = Server {
        router: http::router(app.clone()),
        app: app.clone(),
        slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        connections: JoinSet::new(),
        stopped,
    };
    let clock = Clock::start(app.executions.clone());
    let worker = Worker::start(app.executions.clone());
    let others = follow_others(&app);
    let couriers = app.channels.start();
    let sweeping = sweep(&app);
    let reloading = [
        Background::start(app.reload.clone().answer()),
        Background::start(app.reload.clone().watch()),
        Background::start(app.reload.clone().follow()),
        Background::start(app.reload.clone().guard()),
        Background::start(app.reload.clone().catch_up()),
    ];
    app.lifecycle.advance(Stage::Serving);
    let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    tracing::info!(address = address.map(tracing::field::display), "the host serves");
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = server.accept(listener.as_ref()) => server.start(accepted),
        }
    }
    app.lifecycle.advance(Stage::Draining);
    tracing::info!("the host stops: what is under way is finished first");
    drop(listener);
    drop(stop);
    let ended = server.drain(drain_timeout).await;
    worker.stop(drain_timeout).await;
    clock.stop().await;
    drop((others, sweeping, reloading));
    couriers.stop().await;
    if let Records::Durable(store) = app.service.records() {
        store.clone().close().await?;
    }
    tracing::info!("the host has stopped");
    Ok(ended)
}

/// What other hosts do that share the database: whom they wake, which keys they change,
/// and with which they sign.
fn follow_others(app: &Arc<App>) -> [Background; 3] {
    let tenant = app.auth.keys().tenant().clone();
    let (keys, signers) = (app.clone(), app.clone());
    [
        Background::start(app.executions.clone().follow(tenant)),
        Background::start(async move { keys.auth.keys().follow().await }),
        Background::start(async move { signers.signers.follow().await }),
    ]
}

/// Removes what ended long ago.
fn sweep(app: &App) -> Background {
    let (store, tenant) = (app.executions.store().clone(), app.auth.keys().tenant().clone());
    Background::start(app.retention.run(store, tenant))
}

struct Server {
    app: Arc<App>,
    router: Router,
    slots: Arc<Semaphore>,
    connections: JoinSet<()>,
    stopped: watch::Receiver<()>,
}

type Accepted = (TcpStream, OwnedSemaphorePermit);

impl Server {
    /// The next connection; without a listener there is none.
    async fn accept(&mut self, listener: Option<&TcpListener>) -> Accepted {
        let Some(listener) = listener else { return future::pending().await };
        let slot = self.slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return (stream, slot),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted now");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn start(&mut self, (stream, slot): Accepted) {
        // Tasks that have ended are forgotten as others begin.
        while self.connections.try_join_next().is_some() {}
        // Answers are small and whole: waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection has ended before it began");
        }
        let (app, router, stopped) = (self.app.clone(), self.router.clone(), self.stopped.clone());
        self.connections.spawn(async move {
            let answer = |request| http::answer(&app, &router, request);
            connection::serve(stream, answer, stopped).await;
            drop(slot);
        });
    }

    async fn drain(mut self, timeout: Duration) -> Ended {
        let all = async { while self.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(timeout, all).await.is_ok() {
            return Ended::Drained;
        }
        let left = self.connections.len();
        tracing::warn!(left, "connections are cut off: they took longer than the drain time-out");
        self.connections.shutdown().await;
        Ended::CutOff(left)
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
