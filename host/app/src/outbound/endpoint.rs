//! Somebody elsewhere who takes HTTP requests, as an operator named them.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url};

use super::{Reachable, builder};

/// Somebody who takes HTTP requests.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where. Never shown: its path may be a secret.
    pub url: Url,
    /// Which addresses may be connected to.
    pub reachable: Reachable,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Whether a connection serves more than one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// It does.
    Kept,
    /// Each request has its own. So none is lost with a connection that the other side closes just
    /// then, of which nobody could say whether it had arrived.
    Fresh,
}

impl Endpoint {
    /// A client for this endpoint alone: no redirects, no proxy, an end, and no address that is not
    /// reachable. An address in the URL itself is for the caller to check, with
    /// [`Reachable::refused`].
    ///
    /// # Errors
    /// Where the system's certificates cannot be read.
    pub fn client(&self, connections: Connections) -> Result<Client, reqwest::Error> {
        let builder = builder(&self.url, self.timeout);
        let builder = builder.dns_resolver(Arc::new(self.reachable.clone()));
        match connections {
            Connections::Kept => builder.build(),
            Connections::Fresh => builder.pool_max_idle_per_host(0).build(),
        }
    }
}

/// What went wrong on the way, without the address.
pub fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
