//! The only way out of a pull: a proxy for one client and the time of one pull, which leads to the
//! places of one registry and nowhere else.
//!
//! `oci-client` makes its own HTTP client, which would follow a registry to wherever it sends: to
//! addresses that only this host can reach, or with a password to somebody else. It can be given a
//! proxy; so it is given this one. What goes through is not read: TLS is between the client and the
//! registry. Bytes that come back are counted, so that no answer grows without end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::PullError;
use crate::outbound::Reachable;

/// How long the head of a call may be, in bytes: what our own client asks for has some hundreds.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long somebody may take to say what is asked for: our own client says it at once.
const HEAD_WAIT: Duration = Duration::from_secs(5);
/// How many may be about to say so; the oldest goes where another comes.
const NEWCOMERS_MAX: usize = 64;
/// How many connections of those who do not say who they are may be let through at once.
const NAMELESS_MAX: usize = 16;
/// How long accepting rests after the system refused, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The client's name here, which says nothing.
const NAME: &str = "writ";

/// A place that may be called.
pub(super) struct Door {
    host: String,
    port: u16,
    reachable: Reachable,
}

/// What was stopped.
#[derive(Clone, Debug)]
pub(super) enum Stopped {
    /// A call to a place that has no door.
    Elsewhere(String),
    /// A call through TLS, where all places are called without.
    WithTls(String),
    /// A call without TLS, where all places are called through it.
    WithoutTls(String),
    /// A call without TLS to a place that has no door, of somebody who does not say who they are: after a
    /// redirect our client does not, and others on this machine cannot. So it is not told what they asked for.
    Nameless,
    /// A call to a place whose addresses may not be called.
    Address(String),
    /// A call that nobody takes.
    Unreachable(String),
    /// More bytes than are admitted.
    TooMuch,
}

/// A proxy on this machine.
pub(super) struct Gate {
    listener: TcpListener,
    url: String,
    keeper: Arc<Keeper>,
}

struct Keeper {
    doors: Vec<Door>,
    is_plain: bool,
    connect_timeout: Duration,
    /// What our client says to be let in: others on this machine do not know it.
    pass: String,
    /// How many bytes may still come.
    left: AtomicU64,
    // Guards what was stopped first; held to copy or to set, never across an await.
    stopped: Mutex<Option<Stopped>>,
}

/// What somebody asks of the proxy.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    url: Url,
    is_tunnel: bool,
    is_ours: bool,
}

/// Somebody who is let in, and what they have sent: a call, and maybe more.
struct Guest {
    inside: TcpStream,
    sent: Vec<u8>,
    head_end: usize,
    call: Call,
    door: usize,
}

impl Door {
    /// A place, and which addresses it may have.
    pub(super) fn new(url: &Url, reachable: Reachable) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        Self { host, port: url.port_or_known_default().unwrap_or_default(), reachable }
    }

    fn leads_to(&self, url: &Url) -> bool {
        url.host_str() == Some(&self.host) && url.port_or_known_default() == Some(self.port)
    }
}

impl Stopped {
    /// As an error of a pull from a registry.
    pub(super) fn of(self, registry: &str) -> PullError {
        let registry = registry.to_owned();
        match self {
            Self::Elsewhere(place) => PullError::Elsewhere { registry, place },
            Self::WithTls(place) => PullError::WithTls { registry, place },
            Self::WithoutTls(place) => PullError::WithoutTls { registry, place },
            Self::Nameless => PullError::Astray { registry },
            Self::Address(place) => PullError::Address { registry, place },
            Self::Unreachable(why) => PullError::Unreachable { registry, why },
            Self::TooMuch => PullError::TooMuch { registry },
        }
    }
}

impl Gate {
    /// A gate with some doors: through TLS, or on this machine without where `is_plain`. Nothing comes
    /// back before it is admitted.
    pub(super) async fn open(
        doors: Vec<Door>,
        is_plain: bool,
        connect_timeout: Duration,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let secret = URL_SAFE_NO_PAD.encode(random);
        let pass = format!("Basic {}", STANDARD.encode(format!("{NAME}:{secret}")));
        let (left, stopped) = (AtomicU64::new(0), Mutex::default());
        let keeper = Keeper { doors, is_plain, connect_timeout, pass, left, stopped };
        let url = format!("http://{NAME}:{secret}@{address}");
        Ok(Self { listener, url, keeper: Arc::new(keeper) })
    }

    /// The proxy's URL, for the client.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// From now on, so many bytes may come back.
    pub(super) fn admit(&self, bytes: u64) {
        self.keeper.left.store(bytes, Ordering::Relaxed);
    }

    /// What was stopped first.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.keeper.stopped().clone()
    }

    /// Lets calls through for as long as it is polled.
    pub(super) async fn serve(&self) -> Infallible {
        let (mut newcomers, mut oldest_first) = (JoinSet::new(), VecDeque::new());
        let mut calls = JoinSet::new();
        loop {
            let keeper = self.keeper.clone();
            tokio::select! {
                accepted = self.listener.accept() => {
                    let Ok((inside, _)) = accepted else {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    };
                    oldest_first.retain(|newcomer: &AbortHandle| !newcomer.is_finished());
                    if oldest_first.len() >= NEWCOMERS_MAX && let Some(oldest) = oldest_first.pop_front() {
                        oldest.abort();
                    }
                    oldest_first.push_back(newcomers.spawn(async move { keeper.let_in(inside).await }));
                }
                Some(admitted) = newcomers.join_next() => {
                    let Ok(Some(guest)) = admitted else { continue };
                    if guest.call.is_ours || calls.len() < NAMELESS_MAX {
                        // Whoever called sees the end of the connection.
                        calls.spawn(async move { keeper.answer(guest).await.ok() });
                    }
                }
                Some(_) = calls.join_next() => {}
            }
        }
    }
}

impl Keeper {
    /// Whoever asks for what they may have.
    async fn let_in(&self, mut inside: TcpStream) -> Option<Guest> {
        let head = tokio::time::timeout(HEAD_WAIT, head(&mut inside)).await;
        let (sent, head_end) = head.ok()?.ok()?;
        let call = Call::parse(sent.get(..head_end)?, &self.pass)?;
        match self.door(&call) {
            Ok(door) => Some(Guest { inside, sent, head_end, call, door }),
            Err(stopped) => {
                stopped.into_iter().for_each(|stopped| self.stop(stopped));
                None
            }
        }
    }

    /// The door that a call may take; otherwise what was stopped, where our client may have called.
    fn door(&self, call: &Call) -> Result<usize, Option<Stopped>> {
        // Without TLS, a password would be there for everybody to read.
        let is_fit = call.is_tunnel != self.is_plain;
        let door = self.doors.iter().position(|door| is_fit && door.leads_to(&call.url));
        match (call.is_ours, call.is_tunnel, door) {
            (true, _, Some(door)) => Ok(door),
            (true, _, None) if is_fit => Err(Some(Stopped::Elsewhere(call.place()))),
            (true, true, None) => Err(Some(Stopped::WithTls(call.place()))),
            (true, false, None) => Err(Some(Stopped::WithoutTls(call.place()))),
            // Without TLS, a door is on this machine, where anybody gets to it by themselves; and our
            // client does not say who it is after a redirect.
            (false, false, Some(door)) => Ok(door),
            (false, false, None) => Err(Some(Stopped::Nameless)),
            (false, true, _) => Err(None),
        }
    }

    async fn answer(&self, guest: Guest) -> io::Result<()> {
        let Guest { mut inside, sent, head_end, call, door } = guest;
        let mut outside = match self.connect(&self.doors[door], &call).await {
            Ok(outside) => outside,
            Err(stopped) => {
                self.stop(stopped);
                return Ok(());
            }
        };
        if call.is_tunnel {
            inside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        }
        // A server takes the absolute form of a request, too (RFC 9112, section 3.2.2).
        let sent = if call.is_tunnel { &sent[head_end..] } else { &sent[..] };
        outside.write_all(sent).await?;
        let (mut from_inside, to_inside) = inside.split();
        let (from_outside, mut to_outside) = outside.split();
        let asked = async {
            tokio::io::copy(&mut from_inside, &mut to_outside).await?;
            to_outside.shutdown().await
        };
        tokio::try_join!(asked, self.pass_back(from_outside, to_inside)).map(drop)
    }

    async fn connect(&self, door: &Door, call: &Call) -> Result<TcpStream, Stopped> {
        let place = call.place();
        let unreachable = |error: io::Error| Stopped::Unreachable(format!("{place}: {error}"));
        let host = door.host.trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((host, door.port)).await;
        let found = found.map_err(unreachable)?;
        let found: Vec<SocketAddr> =
            found.filter(|address| door.reachable.permits(address.ip())).collect();
        if found.is_empty() {
            return Err(Stopped::Address(place));
        }
        let connecting = TcpStream::connect(&found[..]);
        match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(connected) => connected.map_err(unreachable),
            Err(_) => Err(unreachable(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn pass_back(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            let (spend, order) = (|left: u64| left.checked_sub(read as u64), Ordering::Relaxed);
            if self.left.fetch_update(order, order, spend).is_err() {
                self.stop(Stopped::TooMuch);
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            to.write_all(&buffer[..read]).await?;
        }
    }

    fn stop(&self, stopped: Stopped) {
        let mut first = self.stopped();
        // What anybody may have done does not hide what our client has.
        if matches!(*first, None | Some(Stopped::Nameless)) {
            *first = Some(stopped);
        }
    }

    fn stopped(&self) -> std::sync::MutexGuard<'_, Option<Stopped>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// What the head of a request asks for.
    fn parse(head: &[u8], pass: &str) -> Option<Self> {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let is_ours = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == pass
        });
        let is_tunnel = method == "CONNECT";
        let url = if is_tunnel { format!("https://{target}") } else { target.to_owned() };
        let url = url.parse::<Url>().ok()?;
        (is_tunnel || url.scheme() == "http").then_some(Self { url, is_tunnel, is_ours })
    }

    /// Host and port.
    fn place(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }
}

/// What comes first on a connection, and where the head in it ends.
async fn head(stream: &mut TcpStream) -> io::Result<(Vec<u8>, usize)> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
        if let Some(end) = head.windows(END.len()).position(|window| window == END) {
            return Ok((head, end + END.len()));
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests;
