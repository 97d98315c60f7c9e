//! Who elsewhere carries actions out: `[[endpoint]]`, checked.

use std::collections::BTreeSet;

use writ_core::execution::BEGINS_MAX;
use writ_core::{BindingName, Json};

use super::document::{Document, at};
use super::error::ConfigError;
use super::outward::Outward;
use super::raw::{self, Refusal};
use super::root::Root;
use crate::endpoints::EndpointConfig;

/// How large a schema may be, in bytes.
const SCHEMA_BYTES_MAX: u64 = 256 << 10;

/// Checks the endpoints of a file. `taken` are the names that its policies and tools have.
pub(super) fn checked(
    raw: Vec<raw::Endpoint>,
    mut taken: BTreeSet<String>,
    document: &Document,
    root: &Root,
) -> Result<Vec<EndpointConfig>, ConfigError> {
    let mut endpoints = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let what = format!("the endpoint `{}`", raw.name);
        let outward = Outward { at: at!["endpoint", index], what, root };
        let endpoint = endpoint(raw, &outward);
        let endpoint = endpoint.map_err(|(path, text)| document.error(&path, text))?;
        if !taken.insert(raw.name.clone()) {
            let text = format!("another endpoint, tool or binding is called `{}`", raw.name);
            let error = document.error(&at!["endpoint", index, "name"], text);
            return Err(error.with_hint("requests name what carries them out: give it its own"));
        }
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

fn endpoint(raw: &raw::Endpoint, outward: &Outward<'_>) -> Result<EndpointConfig, Refusal> {
    let name = raw.name.parse::<BindingName>();
    let (file, variable) = (raw.secret_file.as_deref(), raw.secret_env.as_deref());
    let waits = [raw.backoff_ms, raw.backoff_ms_max];
    Ok(EndpointConfig {
        name: name.map_err(|error| outward.refused("name", &error))?,
        description: raw.description.clone(),
        input_schema: raw.input_schema.as_deref().map(|path| schema(path, outward)).transpose()?,
        endpoint: outward.endpoint(Some(&raw.url), &raw.allowed_addresses, raw.timeout_ms)?,
        secret: outward.signing_secret(file, variable)?,
        is_idempotent: raw.idempotent,
        backoff: outward.backoff(raw.attempts_max, waits, BEGINS_MAX)?,
    })
}

fn schema(path: &str, outward: &Outward<'_>) -> Result<Json, Refusal> {
    let text = outward.root.read_text(path, SCHEMA_BYTES_MAX);
    let text = text.map_err(|error| outward.refused("input-schema", &error))?;
    Json::parse_object(&text).map_err(|error| {
        outward.refused("input-schema", &format!("`{path}` is no JSON object: {error}"))
    })
}
