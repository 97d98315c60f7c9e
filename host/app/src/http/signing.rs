//! The key that signs denials, over HTTP: an operator has another made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::problem::{Problem, ProblemCode};
use crate::access_request::SignerError;
use crate::auth::Caller;
use crate::background::to_its_end;

/// Where one is made.
pub const PATH: &str = "/v1/signing-keys";

/// The key in use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct SigningKeyReply {
    /// Its id in `/access/v1/jwks`.
    pub kid: String,
}

/// Makes a key that signs denials from now on. The one before it verifies until what it has signed
/// has ended.
#[utoipa::path(
    post, path = PATH, tag = "keys", operation_id = "rotateSigningKey", security(("bearer" = [])),
    responses(
        (status = 201, body = SigningKeyReply, description = "Made, and durable. Hosts that share the database sign with it within half a minute."),
        super::openapi::StoreErrors,
    ),
)]
pub async fn rotate(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    // Whoever stops waiting does not keep this host from reading its new key.
    let kid = to_its_end(async move { app.signers.rotate().await }).await?;
    let operator = &caller.principal().person;
    tracing::info!(%kid, %operator, "denials are signed with a new key");
    Ok((StatusCode::CREATED, Json(SigningKeyReply { kid })).into_response())
}

impl From<SignerError> for Problem {
    fn from(error: SignerError) -> Self {
        tracing::error!(%error, "a signing key cannot be made");
        match error {
            SignerError::Store(_) => Self::new(ProblemCode::StorageUnavailable),
            SignerError::Random | SignerError::NoKey | SignerError::NoneInUse => {
                Self::new(ProblemCode::Internal)
            }
        }
    }
}
