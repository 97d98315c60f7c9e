//! What Writ is compared with: a server that parses the same JSON and sends it back, set up as
//! Writ's own is, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

/// The argument that makes the bench an echo.
pub(crate) const ARGUMENT: &str = "__echo";

/// A running echo. Ends when it is dropped.
pub(crate) struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("a program knows itself");
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the echo can be started");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the echo says where it listens");
        Self { child, address: line.trim().parse().expect("it is an address") }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The whole life of an echo.
pub(crate) fn serve() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("it listens"));
        let echo = async |Json(body): Json<serde_json::Value>| Json(body);
        let router = Router::new().route("/access/v1/evaluation", post(echo));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a connection takes options");
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service);
                // A client that goes away is no news.
                connection.await.ok();
            });
        }
    });
}
