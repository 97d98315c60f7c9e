//! One connection: HTTP/1.1 until its client closes it, or the server stops and it is idle.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_io_timeout::TimeoutWriter;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may read nothing of what it is answered.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves a connection. The sender of `stopped` is dropped when the server stops.
pub(super) async fn serve<A: Future<Output = Response>>(
    stream: impl AsyncRead + AsyncWrite,
    answer: impl Fn(Request<Body>) -> A,
    mut stopped: watch::Receiver<()>,
) {
    let answer = service_fn(|request: Request<Incoming>| {
        let answered = answer(request.map(Body::new));
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(WRITE_TIMEOUT));
    let stream = pin!(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    async fn long(_: Request<Body>) -> Response {
        Response::new("a long answer ".repeat(1_000).into())
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_not_waited_for_without_end() {
        let (mut client, stream) = duplex(256);
        let (_stop, stopped) = watch::channel(());
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let began = Instant::now();
        serve(stream, long, stopped).await;
        assert_eq!(began.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_is_waited_for() {
        let (mut client, stream) = duplex(256);
        let (_stop, stopped) = watch::channel(());
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        client.write_all(head).await.unwrap();
        let read = async {
            let (mut whole, mut part) = (0, [0; 256]);
            loop {
                tokio::time::advance(WRITE_TIMEOUT / 2).await;
                match client.read(&mut part).await.unwrap() {
                    0 => return whole,
                    bytes => whole += bytes,
                }
            }
        };
        let ((), whole) = tokio::join!(serve(stream, long, stopped), read);
        assert!(whole > 14_000, "{whole}");
    }
}
