//! Where an issuer says that its keys are (OpenID Connect Discovery 1.0, section 4).

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::JwtError;
use super::fetch::fetch;
use crate::outbound::{self, is_private};

/// Where an issuer describes itself, below its own URL.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// What is read of the description.
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

/// Where an issuer describes itself.
///
/// # Errors
/// Why the issuer's name leads nowhere, or where others could answer in its place.
pub fn description_of(issuer: &str) -> Result<Url, String> {
    let url: Url = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))
        .parse()
        .map_err(|error| format!("`{issuer}` is no URL: {error}"))?;
    if !is_private(&url) {
        return Err(format!("whoever is between could answer for `{issuer}`"));
    }
    Ok(url)
}

/// The URL of an issuer's keys, asked for at its own description.
///
/// # Errors
/// Where it does not answer, or describes another issuer, or has keys where others could change them.
pub(super) async fn keys_of(
    issuer: &str,
    description: &Url,
    timeout: Duration,
) -> Result<Url, JwtError> {
    let client = outbound::client(description, timeout)?;
    let bytes = fetch(&client, description).await?;
    let described: Description = serde_json::from_slice(&bytes).map_err(JwtError::Description)?;
    if described.issuer != issuer {
        return Err(JwtError::AnotherIssuer(described.issuer));
    }
    let keys = described.jwks_uri.parse().ok().filter(is_private);
    keys.ok_or(JwtError::KeysUrl(described.jwks_uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_describes_itself_below_its_own_url() {
        let described = |issuer| description_of(issuer).map(String::from);
        for (issuer, url) in [
            ("https://i.example", "https://i.example/.well-known/openid-configuration"),
            ("https://i.example/", "https://i.example/.well-known/openid-configuration"),
            ("https://i.example/a/b", "https://i.example/a/b/.well-known/openid-configuration"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/.well-known/openid-configuration"),
        ] {
            assert_eq!(described(issuer).as_deref(), Ok(url));
        }
        for issuer in ["http://i.example", "i.example", "urn:issuer"] {
            assert!(described(issuer).is_err(), "{issuer}");
        }
    }
}
