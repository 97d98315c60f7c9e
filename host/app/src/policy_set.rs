//! A policy set, in three stages: as it is written (`raw`), as it is meant (`parsed`), and ready
//! to decide (`snapshot`).
//!
//! Each stage is made from the one before and checks what can be checked there: keys and types,
//! then names, globs, limits and settings, then the components themselves. A request is decided by
//! one snapshot, whatever is loaded meanwhile.

mod arrange;
mod component;
pub mod diff;
mod load;
mod parsed;
pub(crate) mod raw;
mod secret_key;
mod settings;
mod snapshot;
mod source;
mod stored;
mod trust;
mod violation;

pub use component::{AddError, Added, Brought, ComponentReport, Kept};
pub use load::{Components, Pulled, Unloaded, Whole, load, load_single, load_whole};
pub(crate) use parsed::parse;
pub use parsed::{PolicyBinding, PolicySetConfig};
pub use secret_key::{Boxed, InvalidSecretKey, NoRandom, SecretKey};
pub use settings::Settings;
pub use snapshot::{Bound, Snapshot};
pub use source::{Found, Source};
pub(crate) use stored::component;
pub use stored::{StoredBinding, StoredError, StoredSet, Unloadable};
pub use trust::{
    InvalidKey, SIGNATURE_BYTES_MAX, SIGNATURE_SUFFIX, Signed, Trust, TrustedKey, Untrusted,
};
