//! Sealing what is kept with the active key, over HTTP: a batch at a time, so that no request holds
//! anybody up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_store::{ResealFrom, Resealed};

use super::App;
use super::body::Sent;
use super::json::FieldError;
use super::problem::Problem;
use crate::auth::Caller;

/// Where a batch is asked for.
pub const PATH: &str = "/v1/data-rotation";
/// How many values a batch looks at where nobody says.
pub const BATCH: u32 = 200;

/// A batch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DataRotationRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct RotationBody {
    /// How many values are sealed at most.
    #[serde(default = "RotationBody::batch")]
    #[schema(minimum = 1, maximum = 1000)]
    pub batch: u32,
    /// Where it begins: `next` of the batch before; at the start without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What a batch has done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DataRotation)]
pub struct RotationReply {
    /// The id of the key with which values are sealed now.
    pub key: String,
    /// The table in which the batch has looked.
    pub table: String,
    /// How many values were sealed.
    pub values: u64,
    /// Where the next batch begins; without it, this was the last one. Once a whole pass has sealed
    /// nothing, no other key is needed any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Seals a batch of values with the active key.
#[utoipa::path(
    post, path = PATH, tag = "keys", operation_id = "rotateData", security(("bearer" = [])),
    request_body = RotationBody,
    responses(
        (status = 200, body = RotationReply, description = "Sealed, and durable."),
        super::openapi::DecisionErrors,
    ),
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { body, .. }: Sent<RotationBody>,
) -> Result<Json<RotationReply>, Problem> {
    let from = body.place()?;
    let store = app.executions.store();
    let resealed = store.reseal(&caller.principal().tenant, &from, body.batch).await?;
    let key = store.sealing_key().unwrap_or_default();
    Ok(Json(RotationReply::new(key, &from, &resealed)))
}

impl RotationBody {
    /// Where the batch begins.
    ///
    /// # Errors
    /// Where the text names no place.
    pub fn place(&self) -> Result<ResealFrom, Problem> {
        let Some(text) = &self.from else { return Ok(ResealFrom::start()) };
        ResealFrom::parse(text).ok_or_else(|| {
            let message = "is no `next` of a batch".to_owned();
            Problem::field(FieldError { pointer: "/from".into(), message })
        })
    }

    fn batch() -> u32 {
        BATCH
    }
}

impl RotationReply {
    /// What is told of a batch.
    pub fn new(key: String, from: &ResealFrom, resealed: &Resealed) -> Self {
        let next = resealed.next.as_ref().map(ToString::to_string);
        Self { key, table: from.table().to_owned(), values: resealed.values, next }
    }
}
