//! By which name and from where this host may be called: `Host` and `Origin` against lists.
//!
//! A page that a browser on this machine shows could otherwise reach a server on loopback, under
//! its own name by DNS rebinding or from another origin (security.md, rule 20). Who calls is
//! told elsewhere: see [`crate::auth`].
//!
//! A header that is there twice could mean one thing to a proxy in front and another here, so it
//! means nothing.

use std::net::SocketAddr;

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Request};
use reqwest::Url;

use super::problem::{Problem, ProblemCode};

/// Names by which this host may be called, and origins that may call it.
#[derive(Clone, Debug)]
pub struct Guard {
    listen: String,
    hosts: Vec<String>,
    origins: Vec<String>,
    /// How callers elsewhere call this host, without a slash at its end.
    public_url: Option<String>,
}

impl Guard {
    /// Answers to the address that it listens on and to the names of loopback, at any port, and to
    /// what the operator lists: an entry of `allowed_hosts` with a port answers at that port alone.
    /// Admits requests without `Origin`, those whose origin is the very host that they are for,
    /// and the listed origins.
    pub fn new(listen: SocketAddr, allowed_hosts: &[String], allowed_origins: &[String]) -> Self {
        let own = [listen.ip().to_string(), "localhost".into(), "127.0.0.1".into(), "::1".into()];
        let own = own.map(|name| if name.contains(':') { format!("[{name}]") } else { name });
        let lower = |text: &String| text.to_ascii_lowercase();
        Self {
            listen: listen.to_string(),
            origins: allowed_origins.iter().map(lower).collect(),
            hosts: own.into_iter().chain(allowed_hosts.iter().map(lower)).collect(),
            public_url: None,
        }
    }

    /// The same for a host that callers elsewhere know by a URL, whatever they are led through.
    pub fn known_as(self, public_url: Option<&Url>) -> Self {
        let public_url = public_url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        Self { public_url, ..self }
    }

    /// The URL before every path: the one that callers elsewhere know; else that by which this caller
    /// has reached the host, by its `Host`, which has been checked, and `https` where a proxy in front
    /// says so.
    pub(super) fn base(&self, headers: &HeaderMap) -> String {
        if let Some(known) = &self.public_url {
            return known.clone();
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_secure = headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        format!("{}://{host}", if is_secure { "https" } else { "http" })
    }

    /// Whether a request may be answered.
    ///
    /// # Errors
    /// A problem, where its `Host`, target or `Origin` is not allowed, or there is more than one.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let host = only(request.headers(), &HOST)?;
        let origin = only(request.headers(), &ORIGIN)?;
        let named = host.is_some_and(|host| self.answers_to(host.as_bytes()));
        let target = request.uri().authority();
        if !named || !target.is_none_or(|target| self.answers_to(target.as_str().as_bytes())) {
            let shown = target.map_or_else(|| show(host), |target| format!("`{target}`"));
            return Err(Problem::new(ProblemCode::HostNotAllowed)
                .with_detail(format!("the request is for {shown}"))
                .with_hint("add the name to `allowed-hosts` of `[server]`, if callers use it"));
        }
        match origin {
            Some(origin) if !self.admits(origin, host) => {
                Err(Problem::new(ProblemCode::OriginNotAllowed)
                    .with_detail(format!("the request comes from {}", show(Some(origin))))
                    .with_hint("add the origin to `allowed-origins` of `[server]`, if it is yours"))
            }
            _ => Ok(()),
        }
    }

    fn answers_to(&self, host: &[u8]) -> bool {
        if host == self.listen.as_bytes() {
            return true;
        }
        let Ok(host) = std::str::from_utf8(host) else { return false };
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        if !host.strip_prefix(name).is_some_and(is_port) {
            return false;
        }
        let is_it =
            |known: &String| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name);
        self.hosts.iter().any(is_it)
    }

    fn admits(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let origin = origin.as_bytes();
        let of_host = |scheme: &[u8]| {
            let rest = origin.strip_prefix(scheme);
            host.zip(rest).is_some_and(|(host, rest)| host.as_bytes().eq_ignore_ascii_case(rest))
        };
        of_host(b"http://")
            || of_host(b"https://")
            || self.origins.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin))
    }
}

/// Whether what stands behind a name is nothing, or a port (RFC 9110, section 7.2), which may be empty.
fn is_port(rest: &str) -> bool {
    let is_number = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && (port.is_empty() || port.parse::<u16>().is_ok())
    };
    rest.is_empty() || rest.strip_prefix(':').is_some_and(is_number)
}

/// The header of a name, where there is one.
///
/// # Errors
/// A problem, where there are several.
pub(super) fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Problem::new(ProblemCode::HeaderInvalid)
            .with_detail(format!("there are several headers `{name}`"))
            .with_hint("send it once")),
    }
}

fn show(value: Option<&HeaderValue>) -> String {
    match value.map(HeaderValue::to_str) {
        None => "no host".into(),
        Some(Ok(text)) => format!("`{}`", text.chars().take(255).collect::<String>()),
        Some(Err(_)) => "a name that is not text".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, headers: &[(&str, &str)]) -> Result<(), ProblemCode> {
        let allowed_hosts = ["writ.example".to_owned(), "proxy.example:8443".to_owned()];
        let allowed_origins = ["https://console.example".to_owned()];
        let listen = "127.0.0.1:8181".parse().unwrap();
        let guard = Guard::new(listen, &allowed_hosts, &allowed_origins);
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.check(&request.body(()).unwrap()).map_err(|problem| problem.code)
    }

    #[test]
    fn answers_to_loopback_and_to_what_is_listed() {
        for host in [
            "127.0.0.1:8181",
            "127.0.0.1",
            "localhost:9",
            "LOCALHOST",
            "localhost:",
            "[::1]:8181",
            "[::1]",
            "writ.example",
            "Writ.Example:80",
            "proxy.example:8443",
        ] {
            assert_eq!(check("/x", &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn answers_to_no_other_name() {
        let refused = Err(ProblemCode::HostNotAllowed);
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "user@localhost",
            "proxy.example",
            "proxy.example:443",
            "10.0.0.1:8181",
            "[::2]",
            "[::1]x",
            "localhost:99999",
            "localhost:80,evil.example",
            "127.0.0.1:a",
        ] {
            assert_eq!(check("/x", &[("host", host)]), refused, "{host}");
        }
        assert_eq!(check("/x", &[]), refused);
        assert_eq!(check("http://evil.example/x", &[("host", "localhost")]), refused);
    }

    #[test]
    fn what_is_there_twice_is_refused() {
        let host = ("host", "localhost");
        let origin = ("origin", "http://localhost");
        assert_eq!(check("/x", &[host, origin]), Ok(()));
        let refused = Err(ProblemCode::HeaderInvalid);
        assert_eq!(check("/x", &[host, host]), refused);
        assert_eq!(check("/x", &[host, origin, origin]), refused);
        assert_eq!(check("/x", &[host, origin, ("origin", "https://evil.example")]), refused);
    }

    #[test]
    fn another_origin_is_refused() {
        let from = |origin| check("/x", &[("host", "localhost:8181"), ("origin", origin)]);
        for origin in ["http://localhost:8181", "https://LOCALHOST:8181", "https://console.example"]
        {
            assert_eq!(from(origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "http://localhost:3000",
            "http://localhost",
            "http://127.0.0.1:8181",
            "https://evil.example",
        ] {
            assert_eq!(from(origin), Err(ProblemCode::OriginNotAllowed), "{origin}");
        }
    }
}
