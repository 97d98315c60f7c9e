//! From whom components are pulled: `[[registry]]`, checked.

use std::time::Duration;

use reqwest::Url;

use super::document::{Document, at};
use super::error::ConfigError;
use super::outward::Outward;
use super::raw::{self, Refusal};
use super::root::Root;
use crate::auth::Secret;
use crate::outbound::{Reachable, is_private};
use crate::registry::{PinnedReference, RegistryConfig};

/// How long a pull may take at most, in milliseconds: whoever waits for it waits for five minutes.
const TIMEOUT_MS_MAX: u64 = 240_000;
/// How many further hosts a registry may lead to.
const ALSO_MAX: usize = 16;

pub(super) fn checked(
    raw: Vec<raw::Registry>,
    document: &Document,
    root: &Root,
) -> Result<Vec<RegistryConfig>, ConfigError> {
    let mut registries: Vec<RegistryConfig> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let what = format!("the registry `{}`", raw.host);
        let outward = Outward { at: at!["registry", index], what, root };
        let registry = registry(raw, &outward);
        let registry = registry.map_err(|(path, text)| document.error(&path, text))?;
        if registries.iter().any(|other| other.host == registry.host) {
            let text = format!("the registry `{}` is there twice", registry.host);
            return Err(document.error(&at!["registry", index, "host"], text));
        }
        registries.push(registry);
    }
    Ok(registries)
}

fn registry(raw: &raw::Registry, outward: &Outward<'_>) -> Result<RegistryConfig, Refusal> {
    if raw.host.is_empty() {
        return Err(outward.refused("host", &"a registry needs `host`\nhint: write it as references do, such as `registry.example` or `registry.example:5000`"));
    }
    if raw.also.len() > ALSO_MAX {
        let text = format!("these are {} hosts, and at most {ALSO_MAX} are taken", raw.also.len());
        return Err(outward.refused("also", &text));
    }
    let hosts = [("host", &raw.host)].into_iter().chain(raw.also.iter().map(|host| ("also", host)));
    let places =
        hosts.map(|(key, host)| place(key, host, raw, outward)).collect::<Result<_, _>>()?;
    outward.bounded("timeout-ms", raw.timeout_ms, 1, TIMEOUT_MS_MAX)?;
    Ok(RegistryConfig {
        host: raw.host.to_ascii_lowercase(),
        places,
        is_plain: raw.insecure,
        credentials: credentials(raw, outward)?,
        timeout: Duration::from_millis(raw.timeout_ms),
    })
}

fn place(
    key: &str,
    host: &str,
    raw: &raw::Registry,
    outward: &Outward<'_>,
) -> Result<(Url, Reachable), Refusal> {
    let scheme = if raw.insecure { "http" } else { "https" };
    let text = format!("{scheme}://{host}");
    let is_named = key != "host" || is_nameable(host);
    if !is_named || !text.parse().is_ok_and(|url| is_bare(&url)) {
        let text = format!(
            "`{host}` is no host\nhint: write it as references do, such as `registry.example` or `registry.example:5000`"
        );
        return Err(outward.refused(key, &text));
    }
    let is_private = text.parse().is_ok_and(|url| is_private(&url));
    let place = outward.place(key, &text, &raw.allowed_addresses);
    place.map_err(|(path, text)| match raw.insecure && !is_private {
        true => outward.refused(key, &format!("`{host}` is not on this machine, and whoever is between could read and change what is sent\nhint: take `insecure` out; it is for a registry on this machine alone")),
        false => (path, text),
    })
}

/// Whether references can name a host as it is written.
fn is_nameable(host: &str) -> bool {
    let reference = format!("oci:{host}/a@sha256:{}", "0".repeat(64));
    let reference = reference.parse::<PinnedReference>();
    reference.is_ok_and(|reference| reference.registry() == host.to_ascii_lowercase())
}

/// Whether a URL is a host and maybe a port, and nothing else.
fn is_bare(url: &Url) -> bool {
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    let is_whole = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    has_host && is_anonymous && is_whole
}

fn credentials(
    raw: &raw::Registry,
    outward: &Outward<'_>,
) -> Result<Option<(String, Secret)>, Refusal> {
    let places = [raw.password_file.as_deref(), raw.password_env.as_deref()];
    match (&raw.username, places) {
        (None, [None, None]) => Ok(None),
        (None, [file, _]) => {
            let key = if file.is_some() { "password-file" } else { "password-env" };
            Err(outward.refused(key, &"it needs `username`, whose password this is"))
        }
        (Some(_), [None, None]) => {
            Err(outward.refused("username", &"it needs `password-file` or `password-env`"))
        }
        (Some(name), _) => {
            let (_, secret) = outward.secret(["password-file", "password-env"], places)?;
            Ok(Some((name.clone(), secret)))
        }
    }
}
