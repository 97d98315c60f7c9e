//! A small HTTP/1.1 client that sends exactly what a test says, and blocks.
//!
//! A real client would mend or refuse what tests must send: a wrong `Host`, a body that breaks off.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take before a test fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that is kept open.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    key: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), address, key: None })
    }

    /// Sends a key, or another bearer token, with each request from now on.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// Sends no key from now on.
    #[must_use]
    pub fn without_key(self) -> Self {
        Self { key: None, ..self }
    }

    /// `GET`.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.send(&self.head("GET", path), b"")
    }

    /// `POST` of JSON text.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn post(&mut self, path: &str, body: &str) -> io::Result<Reply> {
        self.post_with(path, &[], body)
    }

    /// `POST` of JSON text, with further headers.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn post_with(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Reply> {
        let mut head = self.head("POST", path);
        let length = body.len();
        head += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        self.send(&head, body.as_bytes())
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn delete(&mut self, path: &str) -> io::Result<Reply> {
        self.send(&self.head("DELETE", path), b"")
    }

    /// The first lines of a request: method, path, `Host`, and the key where there is one.
    pub fn head(&self, method: &str, path: &str) -> String {
        let key = self.key.iter().map(|key| format!("Authorization: Bearer {key}\r\n"));
        let key: String = key.collect();
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{key}", self.address)
    }

    /// Sends a head (without its empty line) and a body, and reads the answer.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn send(&mut self, head: &str, body: &[u8]) -> io::Result<Reply> {
        let mut request = format!("{head}\r\n").into_bytes();
        request.extend_from_slice(body);
        self.write(&request)?;
        self.read()
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// Where the connection breaks, or what comes is no answer.
    pub fn read(&mut self) -> io::Result<Reply> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer");
        let status = self.line()?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut reply =
            Reply { status: status.ok_or_else(invalid)?, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(invalid)?;
            reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = reply.header("content-length").map(str::parse);
        reply.body = vec![0; length.transpose().map_err(|_| invalid())?.unwrap_or(0)];
        self.stream.read_exact(&mut reply.body)?;
        Ok(reply)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Reply {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
