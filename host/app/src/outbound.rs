//! Calls that this host makes to others: to an issuer of tokens, to another Writ, to whom channels
//! tell.

mod reachable;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

pub use reachable::Reachable;

/// A client for one server: no redirects, which could lead to another, no proxy that the
/// environment names, and an end. The certificates of an `https` server are checked by what the
/// system trusts.
///
/// # Errors
/// Where the system's certificates cannot be read.
pub fn client(url: &Url, timeout: Duration) -> Result<Client, reqwest::Error> {
    builder(url, timeout).build()
}

/// As [`client`], for a URL that may lead anywhere: it connects to nothing but what is reachable.
/// An address in the URL itself is for the caller to check, with [`Reachable::refused`].
///
/// # Errors
/// Where the system's certificates cannot be read.
pub fn guarded(
    url: &Url,
    timeout: Duration,
    reachable: &Reachable,
) -> Result<Client, reqwest::Error> {
    builder(url, timeout).dns_resolver(Arc::new(reachable.clone())).build()
}

fn builder(url: &Url, timeout: Duration) -> ClientBuilder {
    let builder = ClientBuilder::new().redirect(Policy::none()).no_proxy().timeout(timeout);
    match url.scheme() {
        "https" => builder.https_only(true),
        // A system without any certificates can still call another program on it.
        _ => builder.tls_certs_only([]),
    }
}

/// Whether what is sent to a URL cannot be read or changed on the way: by TLS, or because it does
/// not leave this machine.
pub fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_local(url),
        _ => false,
    }
}

/// Whether a URL says by itself that it leads to this machine.
fn is_local(url: &Url) -> bool {
    let local = |host: &str| {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
    };
    url.host_str().is_some_and(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_loopback_are_private() {
        for url in
            ["https://issuer.example/", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost/"]
        {
            assert!(is_private(&url.parse().unwrap()), "{url}");
        }
        for url in
            ["http://issuer.example/", "http://10.0.0.1/", "http://localhost.example/", "file:///a"]
        {
            assert!(!is_private(&url.parse().unwrap()), "{url}");
        }
    }
}
