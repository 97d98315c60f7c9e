//! Whose tokens are taken: `[auth.jwt]`, checked.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::document::{Document, Step, at};
use super::error::ConfigError;
use super::raw;
use super::root::Root;
use crate::auth::{ClaimNames, JwtConfig, KeySource, description_of};
use crate::outbound::is_private;

pub(super) fn checked(
    raw: raw::Auth,
    document: &Document,
    root: &Arc<Root>,
) -> Result<Option<JwtConfig>, ConfigError> {
    let Some(jwt) = raw.jwt else { return Ok(None) };
    let refused = |key: &str, text: String| document.error(&at!["auth", "jwt", key], text);
    for (key, value) in [
        ("issuer", Some(&jwt.issuer)),
        ("audience", Some(&jwt.audience)),
        ("person-claim", Some(&jwt.person_claim)),
        ("roles-claim", Some(&jwt.roles_claim)),
        ("groups-claim", Some(&jwt.groups_claim)),
        ("tenant-claim", jwt.tenant_claim.as_ref()),
    ] {
        if value.is_some_and(String::is_empty) {
            return Err(refused(key, format!("`auth.jwt.{key}` must not be empty")));
        }
    }
    if jwt.algorithms.is_empty() {
        let text = "an empty list of algorithms lets no token in\nhint: leave the key out for RS256, ES256 and EdDSA";
        return Err(refused("algorithms", text.into()));
    }
    let key = at!["auth", "jwt", "refresh-min-ms"];
    raw::in_range(key, jwt.refresh_min_ms, 1, 3_600_000)
        .map_err(|(path, text)| document.error(&path, text))?;
    let keys = source(&jwt.issuer, jwt.jwks_url, jwt.jwks_file, root)
        .map_err(|(path, text)| document.error(&path, text))?;
    Ok(Some(JwtConfig {
        issuer: jwt.issuer,
        audience: jwt.audience,
        algorithms: jwt.algorithms,
        keys,
        claims: ClaimNames {
            person: jwt.person_claim,
            roles: jwt.roles_claim,
            groups: jwt.groups_claim,
            tenant: jwt.tenant_claim,
        },
        refresh_min: Duration::from_millis(jwt.refresh_min_ms),
    }))
}

fn source(
    issuer: &str,
    url: Option<String>,
    file: Option<String>,
    root: &Arc<Root>,
) -> Result<KeySource, raw::Refusal> {
    let at = |key: &str| -> Vec<Step> { at!["auth", "jwt", key] };
    match (url, file) {
        (None, Some(file)) => Ok(KeySource::File(root.clone(), file)),
        (Some(text), None) => match text.parse::<Url>() {
            Ok(url) if is_private(&url) => Ok(KeySource::Url(url)),
            Ok(_) => Err((
                at("jwks-url"),
                format!(
                    "whoever is between could answer `{text}` with keys of their own\nhint: use `https`"
                ),
            )),
            Err(error) => Err((at("jwks-url"), format!("`{text}` is no URL: {error}"))),
        },
        (None, None) => description_of(issuer).map(KeySource::Described).map_err(|why| {
            let hint = "hint: the issuer's keys are looked for where it describes itself, below its `https` URL; where they are elsewhere, give `jwks-url` or `jwks-file`";
            (at("issuer"), format!("{why}\n{hint}"))
        }),
        (Some(_), Some(_)) => Err((
            at("jwks-file"),
            "the issuer's keys are named twice, by a URL and by a file\n\
             hint: keep one of `jwks-url` and `jwks-file`"
                .into(),
        )),
    }
}
