//! Where the server listens, and to whom it answers.

use std::net::SocketAddr;
use std::time::Duration;

use super::document::{Document, at};
use super::error::ConfigError;
use super::raw;

/// `[server]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens. Where other machines can reach that, callers must be able to have a key
    /// or a token.
    pub listen: SocketAddr,
    /// Values of `Host` that are answered beside the address itself and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that are answered; a request without `Origin` always is.
    pub allowed_origins: Vec<String>,
    /// How long requests under way may take to finish when the server stops.
    pub drain_timeout: Duration,
    /// How large the body of a request may be, in bytes.
    pub body_bytes_max: usize,
}

pub(super) fn checked(
    raw: raw::Server,
    listen: Option<SocketAddr>,
    document: &Document,
) -> Result<ServerConfig, ConfigError> {
    let refused = |(path, text): raw::Refusal| document.error(&path, text);
    let key = at!["server", "drain-timeout-ms"];
    raw::in_range(key, raw.drain_timeout_ms, 0, 3_600_000).map_err(refused)?;
    let key = at!["server", "body-bytes-max"];
    raw::in_range(key, raw.body_bytes_max as u64, 1_024, 64 << 20).map_err(refused)?;
    let listen = match listen {
        Some(address) => address,
        None => {
            address(&raw.listen).map_err(|text| document.error(&at!["server", "listen"], text))?
        }
    };
    if let Some(index) = raw.allowed_origins.iter().position(|origin| !is_origin(origin)) {
        let origin = &raw.allowed_origins[index];
        let text = format!(
            "`{origin}` is no origin\n\
             hint: write scheme, host and port as browsers send them, such as `https://console.example`"
        );
        return Err(document.error(&at!["server", "allowed-origins", index], text));
    }
    Ok(ServerConfig {
        listen,
        allowed_hosts: raw.allowed_hosts,
        allowed_origins: raw.allowed_origins,
        drain_timeout: Duration::from_millis(raw.drain_timeout_ms),
        body_bytes_max: raw.body_bytes_max,
    })
}

/// Whether a text may be the value of `Origin` (RFC 6454, section 7) that a browser sends.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '*']))
}

/// An address to listen on.
///
/// # Errors
/// Where the text is none.
pub fn address(text: &str) -> Result<SocketAddr, InvalidAddress> {
    text.parse().map_err(|_| InvalidAddress(text.to_owned()))
}

/// Whether only this machine can reach an address.
pub fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Not an address and a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no address to listen on\nhint: write an IP address and a port, such as `127.0.0.1:8181` or `[::1]:8181`"
)]
pub struct InvalidAddress(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_and_a_port() {
        for text in ["127.0.0.1:0", "[::1]:8181", "0.0.0.0:8181", "10.0.0.1:80"] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in ["localhost:8181", "127.0.0.1", "", ":80"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_local() {
        for text in ["127.0.0.1:0", "127.8.8.8:1", "[::1]:8181", "[::ffff:127.0.0.1]:1"] {
            assert!(is_local(address(text).unwrap()), "{text}");
        }
        for text in ["0.0.0.0:8181", "[::]:1", "10.0.0.1:80", "[::ffff:10.0.0.1]:1"] {
            assert!(!is_local(address(text).unwrap()), "{text}");
        }
    }
}
