//! A real receiver: keeps every request that it was sent, and answers as a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key that every receiver shares with the host.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// How a request is answered.
pub(crate) enum Answer {
    Status(u16),
    /// A status, and a body.
    Words(u16, &'static str),
    Redirect(String),
    /// 200, and a body.
    Body(&'static str),
    /// Not at all, and the connection stays.
    Never,
    /// Not at all, and the connection ends.
    Gone,
}

type Answers = dyn Fn(usize, &Seen) -> Answer + Send + Sync;

/// A receiver; it listens until the test ends.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<(Mutex<Vec<Seen>>, Condvar)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name}: {self:?}")).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What it tells of: the kind of event.
    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

impl Receiver {
    /// `answer` is given how many requests came before, and this one.
    pub(crate) fn start(answer: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<(Mutex<Vec<Seen>>, Condvar)> = Arc::default();
        let (kept, answer): (_, Arc<Answers>) = (seen.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (kept.clone(), answer.clone());
                thread::spawn(move || serve(&stream, &kept, &*answer));
            }
        });
        Self { address, seen }
    }

    /// One that confirms everything.
    pub(crate) fn content() -> Self {
        Self::start(|_, _| Answer::Status(204))
    }

    /// The configuration of a channel that tells it everything of some kinds.
    pub(crate) fn channel(&self, name: &str, events: &str) -> String {
        let address = self.address;
        format!(
            "\n[[channel]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{address}/hook\"\n\
             secret-file = \"secret\"\nevents = {events}\nbackoff-ms = 10\ntimeout-ms = 2000\n"
        )
    }

    /// The configuration of an endpoint at which it listens.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!(
            "\n[[endpoint]]\nname = \"{name}\"\nurl = \"http://{}/charge\"\n\
             secret-file = \"secret\"\nbackoff-ms = 10\ntimeout-ms = 2000\n",
            self.address
        )
    }

    /// Requests, as soon as there are enough that fit.
    pub(crate) fn wait(&self, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let end = Instant::now() + PATIENCE;
        let (seen, came) = &*self.seen;
        let mut seen = seen.lock().unwrap();
        while !enough(&seen) {
            let left = end.checked_duration_since(Instant::now());
            let left = left.unwrap_or_else(|| panic!("only these came: {seen:#?}"));
            seen = came.wait_timeout(seen, left).unwrap().0;
        }
        seen.clone()
    }

    pub(crate) fn wait_for(&self, count: usize) -> Vec<Seen> {
        self.wait(|seen| seen.len() >= count)
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.0.lock().unwrap().len()
    }
}

fn serve(stream: &TcpStream, kept: &(Mutex<Vec<Seen>>, Condvar), answer: &Answers) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read(&mut reader) {
        let before = {
            let mut all = kept.0.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        kept.1.notify_all();
        let answer = match answer(before, &seen) {
            Answer::Status(204) => "HTTP/1.1 204 Answer\r\n\r\n".to_owned(),
            Answer::Status(status) => said(&format!("{status} Answer"), ""),
            Answer::Words(status, body) => said(&format!("{status} Answer"), body),
            Answer::Redirect(to) => said(&format!("307 Elsewhere\r\nLocation: {to}"), ""),
            Answer::Body(body) => said("200 Answer", body),
            Answer::Never => continue,
            Answer::Gone => {
                stream.shutdown(Shutdown::Both).unwrap();
                return;
            }
        };
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn said(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let first = line(reader)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = HeaderMap::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let length = headers.get("content-length").map_or(0, |n| n.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { path, headers, body })
}

fn line(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
}
