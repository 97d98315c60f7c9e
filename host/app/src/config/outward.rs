//! What sections say that name somebody whom this host calls: where, with which secret, and for how
//! long.

use std::time::Duration;

use reqwest::Url;

use super::document::Step;
use super::environment;
use super::raw::{Refusal, in_range};
use super::root::Root;
use crate::auth::Secret;
use crate::outbound::{Backoff, Endpoint, Reachable, check_secret, is_private};

/// The keys that say where a section's secret is.
pub(super) const SECRET_FILE: &str = "secret-file";
pub(super) const SECRET_ENV: &str = "secret-env";

/// How large a file with a secret may be, in bytes.
const SECRET_BYTES_MAX: u64 = 4 << 10;

/// A section that names somebody whom this host calls.
pub(super) struct Outward<'a> {
    /// Where the section is.
    pub(super) at: Vec<Step>,
    /// What it is, for whoever has left something out: `a channel of kind `webhook``.
    pub(super) what: String,
    pub(super) root: &'a Root,
}

impl Outward<'_> {
    /// Where requests are sent. What is refused is not repeated: a path may be a secret.
    pub(super) fn endpoint(
        &self,
        url: Option<&str>,
        allowed_addresses: &[String],
        timeout_ms: u64,
    ) -> Result<Endpoint, Refusal> {
        let text = url.ok_or_else(|| self.missing("`url`, to which requests are sent"))?;
        self.endpoint_at("url", text, allowed_addresses, timeout_ms)
    }

    /// Where requests are sent, as the value of a key says.
    pub(super) fn endpoint_at(
        &self,
        key: &str,
        text: &str,
        allowed_addresses: &[String],
        timeout_ms: u64,
    ) -> Result<Endpoint, Refusal> {
        let (url, reachable) = self.place(key, text, allowed_addresses)?;
        self.bounded("timeout-ms", timeout_ms, 1, 60_000)?;
        Ok(Endpoint { url, reachable, timeout: Duration::from_millis(timeout_ms) })
    }

    /// A URL that may be called, and the addresses to which it may lead.
    pub(super) fn place(
        &self,
        key: &str,
        text: &str,
        allowed_addresses: &[String],
    ) -> Result<(Url, Reachable), Refusal> {
        let url = text.parse::<Url>();
        let url = url.map_err(|error| self.refused(key, &format!("this is no URL: {error}")))?;
        if !is_private(&url) {
            let text = "whoever is between could read what is sent there\nhint: use `https`; `http` is for this machine alone";
            return Err(self.refused(key, &text));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.refused(key, &"a URL must not hold a name or a password"));
        }
        let reachable = Reachable::new(&url, self.networks(allowed_addresses)?);
        if let Some(address) = reachable.refused(&url) {
            let text = format!(
                "`{address}` is not an address of the internet\nhint: list its network in `allowed-addresses`, if this host may call it"
            );
            return Err(self.refused(key, &text));
        }
        Ok((url, reachable))
    }

    fn networks(&self, allowed: &[String]) -> Result<Vec<ipnet::IpNet>, Refusal> {
        let network = |(place, text): (usize, &String)| {
            text.parse::<ipnet::IpNet>().map_err(|_| {
                let text = format!("`{text}` is no network\nhint: write an address and how many of its bits count, such as `10.1.0.0/16`");
                let mut path = self.path("allowed-addresses");
                path.push(Step::Index(place));
                (path, text)
            })
        };
        allowed.iter().enumerate().map(network).collect()
    }

    /// A secret of Standard Webhooks, from a file or a variable of the environment.
    pub(super) fn signing_secret(
        &self,
        file: Option<&str>,
        variable: Option<&str>,
    ) -> Result<Secret, Refusal> {
        let (key, secret) = self.secret([SECRET_FILE, SECRET_ENV], [file, variable])?;
        if !check_secret(&secret) {
            let text = "the secret is not `whsec_` and 24 to 64 random bytes in base64\nhint: make one with `echo whsec_$(openssl rand -base64 32)`";
            return Err(self.refused(key, &text));
        }
        Ok(secret)
    }

    /// A secret that two keys may say where to find, in a file or in a variable; and the key that
    /// does.
    pub(super) fn secret(
        &self,
        [by_file, by_variable]: [&'static str; 2],
        [file, variable]: [Option<&str>; 2],
    ) -> Result<(&'static str, Secret), Refusal> {
        match (file, variable) {
            (Some(path), None) => {
                let read = self.root.read_secret(path, SECRET_BYTES_MAX);
                let text = read.map_err(|error| self.refused(by_file, &error))?;
                Ok((by_file, Secret::new(text.trim())))
            }
            (None, Some(named)) => match environment::secret(named) {
                Some(secret) => Ok((by_variable, secret)),
                None => {
                    let text = format!(
                        "there is nothing in the environment variable `{named}`\nhint: set it where the host is started"
                    );
                    Err(self.refused(by_variable, &text))
                }
            },
            (None, None) => Err(self.missing(&format!("`{by_file}` or `{by_variable}`"))),
            (Some(_), Some(_)) => {
                let text = format!(
                    "the secret is in two places\nhint: keep one of `{by_file}` and `{by_variable}`"
                );
                Err(self.refused(by_variable, &text))
            }
        }
    }

    /// How often something is tried, at most `attempts_bound` times.
    pub(super) fn backoff(
        &self,
        attempts_max: u32,
        [first_ms, max_ms]: [u64; 2],
        attempts_bound: u64,
    ) -> Result<Backoff, Refusal> {
        self.bounded("attempts-max", u64::from(attempts_max), 1, attempts_bound)?;
        self.bounded("backoff-ms-max", max_ms, 1, 86_400_000)?;
        self.bounded("backoff-ms", first_ms, 1, max_ms)?;
        let [first, max] = [first_ms, max_ms].map(Duration::from_millis);
        Ok(Backoff { attempts_max, first, max })
    }

    pub(super) fn bounded(&self, key: &str, value: u64, min: u64, max: u64) -> Result<(), Refusal> {
        in_range(self.path(key), value, min, max)
    }

    pub(super) fn missing(&self, what: &str) -> Refusal {
        (self.at.clone(), format!("{} needs {what}", self.what))
    }

    pub(super) fn refused(&self, key: &str, text: &dyn std::fmt::Display) -> Refusal {
        (self.path(key), text.to_string())
    }

    pub(super) fn path(&self, key: &str) -> Vec<Step> {
        let key = Step::Key(key.to_owned());
        self.at.iter().cloned().chain([key]).collect()
    }
}
