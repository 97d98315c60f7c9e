//! Dead letters over HTTP: what a channel could not tell. An operator sees them and sends them again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use writ_store::DeadLetter;

use super::App;
use super::page::{Id, Limit, Query};
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::channels::LetterError;
use crate::service::executions::Part;

/// Where dead letters are.
pub const PATH: &str = "/v1/dead-letters";
/// Where one is sent again.
pub const REDELIVER: &str = "/v1/dead-letters/{id}/redeliver";

/// Which dead letters are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// An event that a channel could not tell.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct LetterReply<'a> {
    /// A UUID version 7.
    #[schema(format = "uuid")]
    id: &'a str,
    /// The channel's name.
    channel: &'a str,
    /// The event's place in the tenant's chain.
    sequence: u64,
    /// How often it was tried.
    attempts: u32,
    /// Why the last attempt failed.
    error: &'a str,
    /// When that was, in milliseconds since the Unix epoch.
    at_ms: u64,
}

/// Dead letters, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetters)]
pub struct LettersReply<'a> {
    items: Vec<LetterReply<'a>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Lists dead letters, newest first.
#[utoipa::path(
    get, path = PATH, tag = "channels", operation_id = "listDeadLetters", security(("bearer" = [])),
    params(Listing),
    responses(
        (status = 200, body = LettersReply<'static>, description = "A page; `next` leads on, where there may be more."),
        super::openapi::LetterErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Response, Problem> {
    let part = Part { before: listing.cursor.as_deref(), limit: listing.limit.get() };
    let found = app.channels.letters(caller.principal(), part).await?;
    let is_full = found.len() >= part.limit as usize;
    let next = found.last().filter(|_| is_full).map(|last| last.id.as_str());
    Ok(ok(&LettersReply { items: found.iter().map(LetterReply::new).collect(), next }))
}

/// Sends a dead letter once more, under the id that its event always had.
#[utoipa::path(
    post, path = REDELIVER, tag = "channels", operation_id = "redeliverDeadLetter", security(("bearer" = [])),
    params(("id" = String, Path, description = "The dead letter's id.")),
    responses(
        (status = 200, body = LetterReply<'static>, description = "Its receiver has confirmed, and it is gone; as it was."),
        super::openapi::RedeliveryErrors,
    ),
)]
pub async fn redeliver(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let letter = app.channels.redeliver(by, &id).await?;
    tracing::info!(letter = id, operator = %by.person, "a dead letter was sent again");
    Ok(ok(&LetterReply::new(&letter)))
}

impl<'a> LetterReply<'a> {
    fn new(letter: &'a DeadLetter) -> Self {
        let DeadLetter { id, tenant: _, channel, sequence, attempts, error, at_ms } = letter;
        let (sequence, attempts, at_ms) = (*sequence, *attempts, *at_ms);
        Self { id, channel: channel.as_str(), sequence, attempts, error, at_ms }
    }
}

impl From<LetterError> for Problem {
    fn from(error: LetterError) -> Self {
        match error {
            LetterError::NotFound => {
                Self::new(ProblemCode::NotFound).with_detail(error.to_string())
            }
            LetterError::NoChannel(_) => Self::new(ProblemCode::NoSuchChannel)
                .with_detail(error.to_string())
                .with_hint("configure the channel again, and start the host"),
            LetterError::Unsent(error) => {
                Self::new(ProblemCode::NotDelivered).with_detail(error).with_hint(
                    "the dead letter is still there; send it again when the receiver is well",
                )
            }
            LetterError::Store(error) => {
                tracing::error!(%error, "a dead letter cannot be read or kept");
                Self::new(ProblemCode::StorageUnavailable)
            }
        }
    }
}
