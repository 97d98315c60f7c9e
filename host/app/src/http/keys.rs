//! Keys over HTTP: an operator makes, lists and ends them. A key's text is answered once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_core::{Key, KeyId, Person, Role};

use super::App;
use super::body::Sent;
use super::json::FieldError;
use super::page::Id;
use super::problem::{Problem, ProblemCode};
use crate::auth::{Caller, Draft, InvalidDraft, Issued, KeyError};
use crate::clock::now_ms;

/// Where keys are made and listed.
pub const KEYS: &str = "/v1/keys";
/// Where one is ended.
pub const KEY: &str = "/v1/keys/{id}";

/// A key that is to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = KeyRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct KeyBody {
    /// Whom it names.
    #[schema(value_type = String, min_length = 1, max_length = 256, example = "ann")]
    pub name: Name,
    /// What its bearer may do: `agent`, `approver`, `operator`, `auditor`.
    #[schema(value_type = Vec<String>, min_items = 1, example = json!(["approver"]))]
    pub roles: Vec<Role>,
    /// The groups that it is in.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 64, example = json!(["finance"]))]
    pub groups: Vec<Name>,
    /// For how long it is taken; without it, it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub expires_in_seconds: Option<u64>,
}

/// A person's or a group's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(pub Person);

/// A key, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyReply {
    /// Its id: the part of its text between the underscores.
    pub id: String,
    /// Whom it names.
    pub name: String,
    /// What its bearer may do.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// `valid`, `expired` or `revoked`.
    pub status: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// From when on it is not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// Since when it is not taken, because an operator said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<u64>,
}

/// A key that was just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewKey)]
pub struct IssuedReply {
    /// What its bearer sends. It is answered this once.
    #[schema(example = "writ_k3v9qhx2mwpd_…")]
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub kept: KeyReply,
}

/// Keys, oldest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Keys)]
pub struct KeysReply {
    /// The keys, also those that have ended.
    pub items: Vec<KeyReply>,
}

/// Makes a key.
#[utoipa::path(
    post, path = KEYS, tag = "keys", operation_id = "createKey", security(("bearer" = [])),
    request_body = KeyBody,
    responses(
        (status = 201, body = IssuedReply, description = "Made, and durable. Its text is answered this once."),
        super::openapi::KeyErrors,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { body, .. }: Sent<KeyBody>,
) -> Result<Response, Problem> {
    let draft = body.into_draft().map_err(Problem::field)?;
    let issued = app.auth.keys().create(draft, now_ms()).await?;
    let (id, operator) = (issued.key.id, &caller.principal().person);
    tracing::info!(key = %id, %operator, "a key was made");
    let reply = IssuedReply::new(&issued, now_ms());
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(reply)).into_response())
}

/// Lists keys, also those that have ended.
#[utoipa::path(
    get, path = KEYS, tag = "keys", operation_id = "listKeys", security(("bearer" = [])),
    responses(
        (status = 200, body = KeysReply, description = "Every key, oldest first, without secrets."),
        super::openapi::CallerErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>) -> Json<KeysReply> {
    Json(KeysReply::new(&app.auth.keys().list(), now_ms()))
}

/// Ends a key.
#[utoipa::path(
    delete, path = KEY, tag = "keys", operation_id = "revokeKey", security(("bearer" = [])),
    params(("id" = String, Path, description = "Its id.")),
    responses(
        (status = 204, description = "It opens nothing any more; also where it had ended before."),
        super::openapi::KeyErrors,
    ),
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let no_key = || Problem::new(ProblemCode::NotFound).with_detail("there is no key of this id");
    let id: KeyId = id.parse().map_err(|_| no_key())?;
    match app.auth.keys().revoke(id, now_ms()).await {
        Ok(()) => {}
        Err(KeyError::Unknown(_)) => return Err(no_key()),
        Err(error) => return Err(error.into()),
    }
    let operator = &caller.principal().person;
    tracing::info!(key = %id, %operator, "a key was revoked");
    Ok(StatusCode::NO_CONTENT)
}

impl KeyBody {
    /// The draft, checked.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn into_draft(self) -> Result<Draft, FieldError> {
        let Self { name, roles, groups, expires_in_seconds } = self;
        let groups = groups.into_iter().map(|group| group.0);
        Draft::new(name.0, roles, groups, expires_in_seconds).map_err(|error| FieldError {
            pointer: match error {
                InvalidDraft::NoRole => "/roles",
                InvalidDraft::TooManyGroups => "/groups",
                InvalidDraft::Lifetime => "/expires_in_seconds",
            }
            .into(),
            message: error.to_string(),
        })
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A hint is a second line; in an answer it stands in the same sentence.
        let one_line = |error: &dyn std::fmt::Display| error.to_string().replace("\nhint: ", "; ");
        if let Some((kind @ ("user" | "group"), id)) = text.split_once(':') {
            return Err(format!("`{text}` is how approvers are written; this {kind} is `{id}`"));
        }
        text.parse().map(Self).map_err(|error: writ_core::person::InvalidPerson| one_line(&error))
    }
}

impl KeyReply {
    /// What may be told of a key.
    pub fn new(key: &Key, now_ms: u64) -> Self {
        let principal = &key.principal;
        Self {
            id: key.id.to_string(),
            name: principal.person.to_string(),
            roles: principal.roles.iter().copied().collect(),
            groups: principal.groups.iter().map(ToString::to_string).collect(),
            status: key.standing(now_ms).as_str().to_owned(),
            created_at_ms: key.created_at_ms,
            expires_at_ms: key.expires_at_ms,
            revoked_at_ms: key.revoked_at_ms,
        }
    }
}

impl IssuedReply {
    /// A key with its text.
    pub fn new(issued: &Issued, now_ms: u64) -> Self {
        Self { key: issued.text.expose().to_owned(), kept: KeyReply::new(&issued.key, now_ms) }
    }
}

impl KeysReply {
    /// What may be told of keys.
    pub fn new(keys: &[Key], now_ms: u64) -> Self {
        Self { items: keys.iter().map(|key| KeyReply::new(key, now_ms)).collect() }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown(_) => Self::new(ProblemCode::NotFound),
            KeyError::Full => Self::new(ProblemCode::TooManyKeys).with_detail(error.to_string()),
            KeyError::Random(_) => {
                tracing::error!(%error, "a key cannot be made");
                Self::new(ProblemCode::Internal)
            }
            KeyError::Store(_) => {
                tracing::error!(%error, "a key cannot be kept");
                Self::new(ProblemCode::StorageUnavailable)
            }
        }
    }
}
