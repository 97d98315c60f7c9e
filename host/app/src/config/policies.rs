//! Whose signatures of policies count: `[policies]`, checked.

use super::document::{Document, at};
use super::error::ConfigError;
use super::raw;
use crate::policy_set::{Trust, TrustedKey};

/// How many keys there may be: each signature may be tried with each.
const KEYS_MAX: usize = 64;

pub(super) fn checked(raw: raw::Policies, document: &Document) -> Result<Trust, ConfigError> {
    let raw::Policies { require_signatures, keys } = raw;
    if require_signatures && keys.is_empty() {
        let text = "signatures are required, and no key is given to check them by\n\
                    hint: add public keys to `keys`; `writ policy keygen NAME` makes one";
        return Err(document.error(&at!["policies", "require-signatures"], text));
    }
    if keys.len() > KEYS_MAX {
        let text = format!("there are {} keys, and at most {KEYS_MAX} are taken", keys.len());
        return Err(document.error(&at!["policies", "keys"], text));
    }
    let key = |(index, text): (usize, &String)| {
        let key = text.parse::<TrustedKey>();
        key.map_err(|error| document.error(&at!["policies", "keys", index], error))
    };
    let keys = keys.iter().enumerate().map(key).collect::<Result<_, _>>()?;
    Ok(Trust::new(keys, require_signatures))
}
