//! What a policy is to the SDK: its name, its settings, and one function.

use serde::de::DeserializeOwned;

use crate::decision::Decision;
use crate::host::Host;
use crate::request::Request;
use crate::text::without_place;

/// A policy. [`export!`](crate::export) makes a component of it.
///
/// The host calls `configure` once, when the policy is activated, and takes a snapshot of the
/// memory that it leaves. Each `evaluate` starts from that snapshot on a fresh instance: what
/// `configure` has parsed costs nothing in an evaluation, and nothing that an evaluation writes
/// to memory is seen by another.
pub trait Policy: Sized + Send + Sync + 'static {
    /// Lower-case letters, digits and hyphens; 1 to 64 characters.
    const NAME: &'static str;

    /// Semantic version; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;

    /// One sentence.
    const SUMMARY: &'static str;

    /// JSON Schema (2020-12) of the settings. The host activates a policy only with settings that satisfy
    /// it, but may call [`Policy::configure`] before it knows.
    const SETTINGS_SCHEMA: &'static str;

    /// What the schema describes.
    type Settings: DeserializeOwned;

    /// Makes the policy from its settings; may not ask the host anything, so it is not given one.
    ///
    /// # Errors
    /// A text refuses the activation; the operator reads it.
    fn configure(settings: Self::Settings) -> Result<Self, String>;

    /// Decides one request.
    ///
    /// # Errors
    /// A text is a fault of this policy and denies the action. What the caller should read is a
    /// denial, not an error.
    fn evaluate(&self, request: &Request, host: &impl Host) -> Result<Decision, String>;
}

/// Parses settings as the exported `configure` does.
///
/// # Errors
/// Where they are not what the policy takes, or the policy refuses them.
pub fn configure<P: Policy>(settings: &str) -> Result<P, String> {
    let settings = serde_json::from_str(settings).map_err(|e| {
        format!("the settings of `{}` cannot be read: {}", P::NAME, without_place(&e))
    })?;
    P::configure(settings)
}
