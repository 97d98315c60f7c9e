//! What an issuer publishes, read within bounds.

use reqwest::{Client, Url};

use super::JwtError;

/// How large what is published may be, in bytes. A key has less than a kilobyte, but may bring the
/// certificates that it comes with.
pub(super) const BYTES_MAX: u64 = 1 << 20;

/// What is at a URL.
///
/// # Errors
/// Where nothing answers in time, or with a failure, or with more than [`BYTES_MAX`].
pub(super) async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, JwtError> {
    let mut response = client.get(url.clone()).send().await?;
    if !response.status().is_success() {
        return Err(JwtError::Status(response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > BYTES_MAX {
            return Err(JwtError::TooLarge(BYTES_MAX));
        }
    }
    Ok(bytes)
}
