//! A client that asks so often a second, whatever the server does, in a process of its own.
//!
//! What an answer takes counts from when it was to be asked for, so that a server that stands still
//! shows in every question that waits for it meanwhile.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::load::{EVALUATION, KEY, answer};
use crate::question::Template;

/// The argument that makes the bench such a client.
pub(crate) const ARGUMENT: &str = "__paced";
/// Connections that ask in turn.
const CONNECTIONS: u32 = 32;

/// What is to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paced<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) per_second: u32,
    pub(crate) key: &'a str,
}

/// What such a client saw.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// When each answered question was to be asked, since the Unix epoch, and what that took; both in
    /// microseconds.
    taken: Vec<(u64, u64)>,
    /// Questions without an answer of success.
    pub(crate) failed: u64,
}

/// A client that runs.
pub(crate) struct Running(Child);

impl Paced<'_> {
    /// Starts asking, for so long at most.
    pub(crate) fn start(self, duration: Duration) -> Running {
        let program = std::env::current_exe().expect("a program knows itself");
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(self.address.to_string()).arg(self.per_second.to_string());
        command.arg(duration.as_millis().to_string()).env(KEY, self.key);
        // It asks for as long as somebody holds the other end of its input.
        command.stdin(Stdio::piped());
        Running(command.stdout(Stdio::piped()).spawn().expect("a client can be started"))
    }
}

impl Running {
    /// Ends it, and tells what it saw.
    pub(crate) fn stop(mut self) -> Seen {
        drop(self.0.stdin.take());
        let mut text = String::new();
        let output = self.0.stdout.as_mut().expect("it is piped");
        output.read_to_string(&mut text).expect("the client says what it saw");
        self.0.wait().expect("a child can be waited for");
        serde_json::from_str(&text).expect("figures are JSON")
    }
}

impl Seen {
    /// What answers took (p99) that were asked for between two times, in microseconds.
    pub(crate) fn p99_us(&self, from_us: u64, to_us: u64) -> f64 {
        let within = self.taken.iter().filter(|(at, _)| (from_us..to_us).contains(at));
        let mut taken: Vec<_> = within.map(|(_, taken)| *taken).collect();
        taken.sort_unstable();
        taken.get(taken.len() * 99 / 100).map_or(f64::NAN, |taken| *taken as f64)
    }

    /// How many were answered.
    pub(crate) fn answered(&self) -> usize {
        self.taken.len()
    }
}

/// Now, in microseconds since the Unix epoch.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    since.as_micros() as u64
}

/// The whole life of a client: its arguments are those of [`Paced::start`].
pub(crate) fn run(arguments: &[String]) {
    let [address, per_second, millis] = arguments else { panic!("it takes three arguments") };
    let address: SocketAddr = address.parse().expect("an address");
    let per_second: u32 = per_second.parse().expect("a number");
    let duration = Duration::from_millis(millis.parse().expect("milliseconds"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let seen = runtime.block_on(async {
        let (begin, begin_us) = (Instant::now(), now_us());
        let stop_us = stopped(begin);
        let asker = |number| {
            let stop_us = stop_us.clone();
            Asker { address, number, per_second, begin, begin_us, stop_us }
        };
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|number| tokio::task::spawn(asker(number).ask(duration)))
            .collect();
        let mut seen = Seen::default();
        for task in tasks {
            let there = task.await.expect("a connection ends well");
            seen.taken.extend(there.taken);
            seen.failed += there.failed;
        }
        seen
    });
    println!("{}", serde_json::to_string(&seen).expect("figures are JSON"));
}

/// When nobody holds the other end of the input any more, in microseconds after the beginning.
fn stopped(begin: Instant) -> Arc<AtomicU64> {
    let stop_us = Arc::new(AtomicU64::new(u64::MAX));
    let told = stop_us.clone();
    std::thread::spawn(move || {
        io::stdin().read_to_end(&mut Vec::new()).ok();
        told.store(begin.elapsed().as_micros() as u64, Ordering::Relaxed);
    });
    stop_us
}

/// One connection, and when it asks.
struct Asker {
    address: SocketAddr,
    number: u32,
    per_second: u32,
    begin: Instant,
    begin_us: u64,
    stop_us: Arc<AtomicU64>,
}

impl Asker {
    async fn ask(self, duration: Duration) -> Seen {
        let mut template = Template::new(u64::from(self.number), "read_file");
        let key = std::env::var(KEY).unwrap_or_default();
        let (address, length) = (self.address, template.as_bytes().len());
        let head = format!(
            "POST {EVALUATION} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let (mut seen, mut stream) = (Seen::default(), None);
        let mut buffer = vec![0; 64 << 10];
        for turn in 0.. {
            let at = self.at(turn);
            let at_us = at.as_micros() as u64;
            // What was to be asked before the end is asked, however late: it is what a slow server costs.
            if at >= duration || at_us >= self.stop_us.load(Ordering::Relaxed) {
                return seen;
            }
            tokio::time::sleep_until((self.begin + at).into()).await;
            template.vary(u64::from(turn));
            let request = [head.as_bytes(), template.as_bytes()].concat();
            match once(address, &mut stream, &request, &mut buffer).await {
                Ok(()) => {
                    let taken = self.begin.elapsed().saturating_sub(at);
                    seen.taken.push((self.begin_us + at_us, taken.as_micros() as u64));
                }
                Err(error) => {
                    eprintln!("a question has no answer: {error}");
                    seen.failed += 1;
                    stream = None;
                }
            }
        }
        seen
    }

    /// When its question of a number is to be asked, after the beginning.
    fn at(&self, turn: u32) -> Duration {
        let before = u64::from(turn) * u64::from(CONNECTIONS) + u64::from(self.number);
        Duration::from_nanos(before * 1_000_000_000 / u64::from(self.per_second))
    }
}

async fn once(
    address: SocketAddr,
    stream: &mut Option<TcpStream>,
    request: &[u8],
    buffer: &mut [u8],
) -> io::Result<()> {
    if stream.is_none() {
        let new = TcpStream::connect(address).await?;
        new.set_nodelay(true)?;
        *stream = Some(new);
    }
    let stream = stream.as_mut().expect("it was made above");
    stream.write_all(request).await?;
    answer(stream, buffer).await
}
