//! With which keys what is kept is sealed: `[encryption]`, checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_store::{InvalidSealing, SEALING_KEY_BYTES, Sealing};

use super::document::{Document, at};
use super::environment;
use super::error::ConfigError;
use super::raw::{self, Refusal};
use super::root::Root;

/// How large a file with a key may be, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 4 << 10;
/// What to do where a key cannot be one.
const MAKE: &str = "make one with `openssl rand -base64 32`";

pub(super) fn checked(
    raw: raw::Encryption,
    document: &Document,
    root: &Root,
) -> Result<Sealing, ConfigError> {
    sealing(&raw, root).map_err(|(path, text)| document.error(&path, text))
}

fn sealing(raw: &raw::Encryption, root: &Root) -> Result<Sealing, Refusal> {
    let active = match (&raw.active, raw.keys.is_empty()) {
        (Some(active), _) => active,
        (None, true) => return Ok(Sealing::default()),
        (None, false) => {
            let text = "there are keys, and it is not said which of them seals\nhint: give its id in `active`";
            return Err((at!["encryption"], text.into()));
        }
    };
    let key = |(id, source): (&String, &raw::KeySource)| Ok((id.clone(), key(id, source, root)?));
    let keys = raw.keys.iter().map(key).collect::<Result<Vec<_>, Refusal>>()?;
    Sealing::new(active, keys).map_err(|error| {
        let path = match &error {
            InvalidSealing::NoActive(_) | InvalidSealing::Random => at!["encryption", "active"],
            InvalidSealing::Id(id) => at!["encryption", "keys", id.as_str()],
        };
        (path, error.to_string())
    })
}

/// A key. Nothing of it is ever told.
fn key(id: &str, source: &raw::KeySource, root: &Root) -> Result<[u8; SEALING_KEY_BYTES], Refusal> {
    let refused = |text: String| (at!["encryption", "keys", id], text);
    let text = match (&source.file, &source.env) {
        (Some(file), None) => {
            let read = root.read_secret(file, KEY_FILE_BYTES_MAX);
            read.map_err(|error| refused(error.to_string()))?
        }
        (None, Some(variable)) => {
            let found = environment::secret(variable).ok_or_else(|| {
                refused(format!(
                    "there is nothing in the environment variable `{variable}`\nhint: set it where the host is started"
                ))
            })?;
            found.expose().to_owned()
        }
        (None, None) | (Some(_), Some(_)) => {
            let text =
                format!("the key `{id}` is in one place\nhint: give one of `file` and `env`");
            return Err(refused(text));
        }
    };
    let bytes = STANDARD.decode(text.trim());
    let bytes = bytes.map_err(|_| refused(format!("the key `{id}` is no base64\nhint: {MAKE}")))?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| {
        refused(format!("the key `{id}` has {found} bytes, not {SEALING_KEY_BYTES}\nhint: {MAKE}"))
    })
}
