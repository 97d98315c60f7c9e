//! The client: connections that each ask, wait for the whole answer, and ask again, in a process of
//! its own and as cheaply as it can, because it shares the machine with what it measures.
#![allow(dead_code)]

use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::question::{Question, Template};

/// The argument that makes the bench a client.
pub(crate) const ARGUMENT: &str = "__load";
/// Where a plain question is asked.
pub(crate) const EVALUATION: &str = "/access/v1/evaluation";
/// The variable that holds the server's key.
pub(crate) const KEY: &str = "WRIT_KEY";
/// What is asked before anything counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// What is to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// The path of the route that is asked.
    pub(crate) route: &'static str,
    pub(crate) question: Question,
    pub(crate) action: &'static str,
    /// The server's key; empty where it wants none.
    pub(crate) key: &'a str,
}

/// What a client saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    requests: usize,
    /// Requests in all, those that only warm up included.
    pub(crate) asked: usize,
    seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// What a request took of the server's processors; the client does not know.
    #[serde(skip)]
    pub(crate) cpu_us: f64,
}

/// A client that runs.
pub(crate) struct Running(Child);

impl Load<'_> {
    /// Asks for so long and tells what it saw.
    pub(crate) fn run(self, duration: Duration) -> Seen {
        let mut child = self.start(duration).0;
        let mut text = String::new();
        let output = child.stdout.as_mut().expect("it is piped");
        output.read_to_string(&mut text).expect("the client says what it saw");
        child.wait().expect("a child can be waited for");
        serde_json::from_str(&text).expect("the client saw no error")
    }

    /// Starts asking for so long.
    pub(crate) fn start(self, duration: Duration) -> Running {
        let program = std::env::current_exe().expect("a program knows itself");
        let question = serde_json::to_string(&self.question).expect("it is a word");
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(self.address.to_string()).arg(self.connections.to_string());
        command.args([duration.as_millis().to_string(), question]).args([self.action, self.route]);
        // Not as an argument, where every process could read it.
        command.env(KEY, self.key);
        Running(command.stdout(Stdio::piped()).spawn().expect("a client can be started"))
    }
}

impl Running {
    /// Ends it before its time.
    pub(crate) fn stop(mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Seen {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// The whole life of a client: its arguments are those of [`Load::start`].
pub(crate) fn run(arguments: &[String]) {
    let [address, connections, millis, question, action, route] = arguments else {
        panic!("a client takes six arguments");
    };
    let address: SocketAddr = address.parse().expect("an address");
    let connections: u64 = connections.parse().expect("a number of connections");
    let duration = Duration::from_millis(millis.parse().expect("milliseconds"));
    let question: Question = serde_json::from_str(question).expect("a question");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (seconds, asked, mut taken) = runtime.block_on(async {
        let begin = Instant::now() + WARM_UP;
        let until = begin + duration;
        let tasks: Vec<_> = (0..connections)
            .map(|number| {
                let asker = Asker::new(address, number, question, action, route);
                tokio::task::spawn(asker.ask(begin, until))
            })
            .collect();
        let (mut asked, mut taken) = (0, Vec::new());
        for task in tasks {
            let (asked_there, taken_there) = task.await.expect("a connection ends well");
            asked += asked_there;
            taken.extend(taken_there);
        }
        (begin.elapsed().as_secs_f64(), asked, taken)
    });
    taken.sort_unstable();
    let at = |per_mille: usize| taken[taken.len() * per_mille / 1_000].as_nanos() as f64 / 1_000.0;
    let requests = taken.len();
    let seen =
        Seen { requests, asked, seconds, p50_us: at(500), p99_us: at(990), cpu_us: f64::NAN };
    println!("{}", serde_json::to_string(&seen).expect("figures are JSON"));
}

/// One connection and what it asks.
struct Asker {
    address: SocketAddr,
    head: Vec<u8>,
    template: Template,
    question: Question,
}

impl Asker {
    fn new(
        address: SocketAddr,
        number: u64,
        question: Question,
        action: &str,
        route: &str,
    ) -> Self {
        let template = Template::new(number, action);
        let key = std::env::var(KEY).unwrap_or_default();
        let head = format!(
            "POST {route} HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            template.as_bytes().len()
        );
        Self { address, head: head.into_bytes(), template, question }
    }

    /// Asks until a time. Gives how often, and what each answer took that was asked for after
    /// `begin`.
    async fn ask(mut self, begin: Instant, until: Instant) -> (usize, Vec<Duration>) {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a connection takes options");
        let mut taken = Vec::with_capacity(100_000);
        let (mut request, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
        let mut asked = 0;
        loop {
            if let Question::Varying = self.question {
                self.template.vary(asked as u64);
            }
            request.clear();
            request.extend_from_slice(&self.head);
            request.extend_from_slice(self.template.as_bytes());
            let start = Instant::now();
            if start >= until {
                break;
            }
            stream.write_all(&request).await.expect("the server reads");
            answer(&mut stream, &mut buffer).await.expect("the server answers");
            asked += 1;
            if start >= begin {
                taken.push(start.elapsed());
            }
        }
        (asked, taken)
    }
}

/// Reads one answer to its end; it must be of a status from 200 to 299.
pub(crate) async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        let seen = &buffer[..filled];
        let Some(head) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        if !seen.starts_with(b"HTTP/1.1 2") {
            return Err(io::Error::other(String::from_utf8_lossy(seen)));
        }
        if filled >= head + 4 + length(&seen[..head]) {
            return Ok(());
        }
    }
}

fn length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let at = head.windows(NAME.len()).position(|bytes| bytes.eq_ignore_ascii_case(NAME));
    let digits = &head[at.expect("answers are announced with their length") + NAME.len()..];
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}
