//! Calls that this host makes to others: to an issuer of tokens, to another Writ, to whom channels
//! tell, to endpoints that carry actions out.

mod backoff;
mod endpoint;
mod reachable;
mod signed;

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

pub use backoff::Backoff;
pub use endpoint::{Connections, Endpoint, told};
pub use reachable::Reachable;
pub use signed::{Signer, check_secret};

/// A client for one server: no redirects, which could lead to another, no proxy that the
/// environment names, and an end. The certificates of an `https` server are checked by what the
/// system trusts.
///
/// # Errors
/// Where the system's certificates cannot be read.
pub fn client(url: &Url, timeout: Duration) -> Result<Client, reqwest::Error> {
    builder(url, timeout).build()
}

fn builder(url: &Url, timeout: Duration) -> ClientBuilder {
    // Shorter, so that a connection that is never made is told from an answer that never comes.
    let builder = ClientBuilder::new().connect_timeout(timeout / 2).timeout(timeout);
    let builder = builder.redirect(Policy::none()).no_proxy();
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
pub(crate) fn is_local(url: &Url) -> bool {
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
