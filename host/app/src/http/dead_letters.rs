//! Dead letters over HTTP: what a channel could not tell, and what an endpoint could not be asked. An
//! operator sees them and sends them again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use writ_store::{DeadLetter, Unsent};

use super::page::{Cursor, Id, Limit, Query};
use super::problem::{Problem, ProblemCode};
use super::reply::{json, ok};
use super::{App, executions};
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
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// An event that a channel could not tell, or an execution whose endpoint is given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct LetterReply<'a> {
    /// A UUID version 7; the execution's, where an endpoint is given up.
    #[schema(format = "uuid")]
    id: &'a str,
    /// The channel's name, where it is an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    /// The event's place in the tenant's chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The endpoint's name, where it is an execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    /// How often it was tried.
    attempts: u64,
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
        super::openapi::ListErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Response, Problem> {
    let part =
        Part { before: listing.cursor.as_ref().map(Cursor::as_str), limit: listing.limit.get() };
    let found = app.channels.letters(caller.principal(), part).await?;
    let is_full = found.len() >= part.limit as usize;
    let next = found.last().filter(|_| is_full).map(|last| last.id.as_str());
    Ok(ok(&LettersReply { items: found.iter().map(LetterReply::new).collect(), next }))
}

/// Sends a dead letter once more, under the id that it always had. An endpoint that is given up is
/// called again by a worker: an operator says so, who knows more of it than policies do.
#[utoipa::path(
    post, path = REDELIVER, tag = "channels", operation_id = "redeliverDeadLetter", security(("bearer" = [])),
    params(("id" = String, Path, description = "The dead letter's id.")),
    responses(
        (status = 200, body = LetterReply<'static>, description = "Its receiver has confirmed, and it is gone; as it was."),
        (status = 202, body = LetterReply<'static>, description = "Its endpoint is called again; as it was.", headers(("Location" = String, description = "The execution."))),
        super::openapi::RedeliveryErrors,
    ),
)]
pub async fn redeliver(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let letter = app.channels.letter(by, &id).await?;
    let reply = LetterReply::new(&letter);
    let response = match &letter.unsent {
        Unsent::Event { channel, sequence } => {
            app.channels.redeliver(letter.clone(), channel, *sequence).await?;
            ok(&reply)
        }
        Unsent::Call { .. } => {
            let execution = app.executions.send_again(by, &id).await?;
            let location = [(LOCATION, executions::location(&execution))];
            (location, json(StatusCode::ACCEPTED, &reply)).into_response()
        }
    };
    tracing::info!(letter = id, operator = %by.person, "a dead letter was sent again");
    Ok(response)
}

impl<'a> LetterReply<'a> {
    fn new(letter: &'a DeadLetter) -> Self {
        let DeadLetter { id, tenant: _, unsent, attempts, error, at_ms } = letter;
        let (attempts, at_ms) = (*attempts, *at_ms);
        let (channel, sequence, endpoint) = match unsent {
            Unsent::Event { channel, sequence } => (Some(channel.as_str()), Some(*sequence), None),
            Unsent::Call { endpoint } => (None, None, Some(endpoint.as_str())),
        };
        Self { id, channel, sequence, endpoint, attempts, error, at_ms }
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
            LetterError::Store(error) => error.into(),
        }
    }
}
