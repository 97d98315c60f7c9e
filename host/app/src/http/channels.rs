//! Channels over HTTP: an operator sees how far each has come, and gives up those that nobody tells.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use writ_store::KnownChannel;

use super::App;
use super::page::Id;
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::channels::ForgetError;

/// Where channels are.
pub const PATH: &str = "/v1/channels";
/// Where one is given up.
pub const ONE: &str = "/v1/channels/{name}";

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Channel)]
pub struct ChannelReply<'a> {
    name: &'a str,
    /// The place in the tenant's chain of the first event that is still to be told.
    next: u64,
    /// Whether this host's configuration has it.
    configured: bool,
    /// Until when some host has it, in milliseconds since the Unix epoch; absent where none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    leased_until_ms: Option<u64>,
}

/// Every channel, by name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Channels)]
pub struct ChannelsReply<'a> {
    items: Vec<ChannelReply<'a>>,
}

/// Lists channels by name, also those that no configuration has any more.
#[utoipa::path(
    get, path = PATH, tag = "channels", operation_id = "listChannels", security(("bearer" = [])),
    responses(
        (status = 200, body = ChannelsReply<'static>, description = "Every channel."),
        super::openapi::StoreErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    let known = app.channels.known(caller.principal()).await.map_err(ForgetError::from)?;
    let reply = |known| ChannelReply::new(known, app.channels.is_configured(&known.name));
    Ok(ok(&ChannelsReply { items: known.iter().map(reply).collect() }))
}

/// Gives a channel up that no host tells any more: events that it had still to tell are not told, and
/// not kept for it.
#[utoipa::path(
    delete, path = ONE, tag = "channels", operation_id = "forgetChannel", security(("bearer" = [])),
    params(("name" = String, Path, description = "Its name.")),
    responses(
        (status = 204, description = "It is gone, and the chain of events tells who said so."),
        super::openapi::ForgetErrors,
    ),
)]
pub async fn forget(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(name): Id,
) -> Result<StatusCode, Problem> {
    let by = caller.principal();
    app.channels.forget(by, &name).await?;
    tracing::info!(channel = name, operator = %by.person, "a channel was given up");
    Ok(StatusCode::NO_CONTENT)
}

impl<'a> ChannelReply<'a> {
    fn new(known: &'a KnownChannel, configured: bool) -> Self {
        let KnownChannel { name, next, leased_until_ms } = known;
        let leased_until_ms = Some(*leased_until_ms).filter(|until_ms| *until_ms > 0);
        Self { name: name.as_str(), next: *next, configured, leased_until_ms }
    }
}

impl From<ForgetError> for Problem {
    fn from(error: ForgetError) -> Self {
        match error {
            ForgetError::NotFound(_) => {
                Self::new(ProblemCode::NotFound).with_detail(error.to_string())
            }
            ForgetError::InUse(_) => Self::new(ProblemCode::ChannelInUse)
                .with_detail(error.to_string())
                .with_hint("take it out of the configuration of every host, and start them again"),
            ForgetError::Store(error) => error.into(),
        }
    }
}
