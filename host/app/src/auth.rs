//! Who calls: a bearer token names a [`Principal`], and its roles permit what it may use.
//!
//! A token that begins with `writ_` is a key of this host, any other a token of an issuer that the
//! operator trusts. Nothing else names anybody: not a body, not a header, not an address. Why a
//! token names nobody is for the log alone; the caller learns only that it does.

mod draft;
mod jwt;
mod keyring;
mod secret;
mod text;

use std::sync::Arc;

use writ_core::{Principal, Role};

use crate::clock::now_ms;
pub use draft::{Draft, InvalidDraft};
pub use jwt::{
    ClaimNames, Jwt, JwtConfig, JwtError, KeySource, SigningAlgorithm, TokenFault, description_of,
};
pub use keyring::{Issued, KeyError, Keyring, Unknown};
pub use secret::Secret;

/// Tells who calls, and what they may use.
pub struct Authenticator {
    keys: Keyring,
    jwt: Option<Jwt>,
}

/// A principal who may use one route. Only an [`Authenticator`] makes one.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Principal>);

/// Why somebody may not.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its token names nobody, for a reason that only the log may tell.
    Unknown(Unknown),
    /// It is known, and has none of the roles that may.
    Forbidden(Arc<Principal>),
}

impl Authenticator {
    /// Knows whom the keys name, and whom the tokens of an issuer do where there is one.
    pub fn new(keys: Keyring, jwt: Option<Jwt>) -> Self {
        Self { keys, jwt }
    }

    /// The keys of this host.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The issuer whose tokens are taken, where there is one.
    pub fn issuer(&self) -> Option<&str> {
        self.jwt.as_ref().map(Jwt::issuer)
    }

    /// The right of whoever has this token to do what `roles` may.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] where the token names nobody now; [`Refusal::Forbidden`] where it
    /// names somebody without one of the roles.
    pub async fn caller(&self, token: &str, roles: &[Role]) -> Result<Caller, Refusal> {
        let principal = self.principal(token).await.map_err(Refusal::Unknown)?;
        if principal.has_any(roles) {
            Ok(Caller(principal))
        } else {
            Err(Refusal::Forbidden(principal))
        }
    }

    async fn principal(&self, token: &str) -> Result<Arc<Principal>, Unknown> {
        match &self.jwt {
            Some(jwt) if !token.starts_with(text::PREFIX) => {
                jwt.principal(token).await.map_err(Unknown::Token)
            }
            Some(_) | None => self.keys.principal_anywhere(token, now_ms()).await,
        }
    }
}

impl Caller {
    /// Who may.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.0
    }
}
