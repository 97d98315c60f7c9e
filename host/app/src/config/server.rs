//! Where the server listens, and to whom it answers.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use axum::http::uri::Authority;
use reqwest::Url;

use super::document::{Document, at};
use super::error::ConfigError;
use super::raw;
use crate::outbound::is_private;

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
    /// How callers elsewhere call this host, through whatever is in front of it. Its host and its
    /// origin are answered, too.
    pub public_url: Option<Url>,
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
    if let Some(index) = raw.allowed_hosts.iter().position(|host| !is_host(host)) {
        let host = &raw.allowed_hosts[index];
        let text = format!(
            "`{host}` is no host\n\
             hint: write a name as clients send it in `Host`, such as `writ.example`, or `writ.example:8443` for that port alone"
        );
        return Err(document.error(&at!["server", "allowed-hosts", index], text));
    }
    if let Some(index) = raw.allowed_origins.iter().position(|origin| !is_origin(origin)) {
        let origin = &raw.allowed_origins[index];
        let text = format!(
            "`{origin}` is no origin\n\
             hint: write scheme, host and port as browsers send them, such as `https://console.example`"
        );
        return Err(document.error(&at!["server", "allowed-origins", index], text));
    }
    let public_url = raw.public_url.as_deref().map(public_url).transpose();
    let public_url = public_url.map_err(|text| refused((at!["server", "public-url"], text)))?;
    let host = public_url.as_ref().and_then(Url::host_str).map(str::to_owned);
    let origin = public_url.as_ref().map(|url| url.origin().ascii_serialization());
    Ok(ServerConfig {
        listen,
        allowed_hosts: raw.allowed_hosts.into_iter().chain(host).collect(),
        allowed_origins: raw.allowed_origins.into_iter().chain(origin).collect(),
        public_url,
        drain_timeout: Duration::from_millis(raw.drain_timeout_ms),
        body_bytes_max: raw.body_bytes_max,
    })
}

/// A URL that people's browsers can be sent to.
fn public_url(text: &str) -> Result<Url, String> {
    let hint = "hint: write where people reach this host, such as `https://writ.example`";
    let url = text.parse::<Url>().map_err(|error| format!("this is no URL: {error}\n{hint}"))?;
    if !is_private(&url) {
        let text = "whoever is between could read what is sent there\nhint: use `https`; `http` is for this machine alone";
        return Err(text.to_owned());
    }
    let is_bare = url.username().is_empty() && url.password().is_none();
    match is_bare && url.query().is_none() && url.fragment().is_none() {
        true => Ok(url),
        false => Err(format!("a public URL ends with its path, and names nobody\n{hint}")),
    }
}

/// Whether a text may be the value of `Host` (RFC 9110, section 7.2).
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let name = authority.host();
    let ends_well = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    !name.is_empty() && !text.contains(['@', '*']) && text.strip_prefix(name).is_some_and(ends_well)
}

/// Whether a text is a port as clients write it.
fn is_port(text: &str) -> bool {
    text.parse::<NonZeroU16>().is_ok_and(|port| port.to_string() == text)
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
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for text in ["writ.example", "writ.example:8443", "10.0.0.1", "[::1]", "[::1]:80"] {
            assert!(is_host(text), "{text}");
        }
        for text in ["", ":80", "https://writ.example", "writ.example/", "*.example", "a@b", "a b"]
        {
            assert!(!is_host(text), "{text}");
        }
    }

    #[test]
    fn a_port_of_a_host_is_a_number() {
        for port in ["1", "443", "65535"] {
            for host in ["writ.example", "10.0.0.1", "[2001:db8::1]"] {
                assert!(is_host(&format!("{host}:{port}")), "{host}:{port}");
            }
        }
        for port in ["", "0", "080", "+80", "-1", "https", "65536", "99999", "80:80"] {
            for host in ["writ.example", "10.0.0.1", "[2001:db8::1]"] {
                assert!(!is_host(&format!("{host}:{port}")), "{host}:{port}");
            }
        }
        for text in ["2001:db8::1", "::1", "[::1]80", "[::1", "::1]"] {
            assert!(!is_host(text), "{text}");
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
