//! `POST /v1/channels/{name}/slack`: presses of buttons in Slack, as its interactivity sends them.
//!
//! Slack has no key of this host. Who sends is told by the signature over all that it sends, and who
//! pressed by the configuration; what comes of it is an answer like any other.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};

use super::App;
use super::access::Access;
use super::body;
use super::guard::only;
use super::page::Id;
use super::problem::{Problem, ProblemCode};
use crate::channels::{Signed, SlackRefused};

/// Where Slack sends presses.
pub const PATH: &str = "/v1/channels/{name}/slack";
/// Who may.
pub const ACCESS: Access = Access::Shown("the signature of Slack's app");

/// How large a press may be, in bytes: Slack sends the message along with it.
const PRESS_BYTES_MAX: usize = 256 << 10;

const TIMESTAMP: HeaderName = HeaderName::from_static("x-slack-request-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-slack-signature");

/// Takes a press of a button as the answer of whoever pressed it. They are told in Slack what came of
/// it, also where it does not count.
#[utoipa::path(
    post, path = PATH, tag = "channels", operation_id = "pressInSlack",
    params(
        ("name" = String, Path, description = "The channel's name."),
        ("X-Slack-Request-Timestamp" = u64, Header, description = "When Slack signed, in seconds since the Unix epoch."),
        ("X-Slack-Signature" = String, Header, description = "Slack's signature over it and the body."),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Slack's `payload`."),
    responses(
        (status = 200, description = "It was looked at; whoever pressed is told in Slack."),
        super::openapi::PressErrors,
    ),
)]
pub async fn press(
    State(app): State<Arc<App>>,
    Id(name): Id,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (parts, sent) = request.into_parts();
    let (timestamp, signature) =
        (header(&parts.headers, &TIMESTAMP)?, header(&parts.headers, &SIGNATURE)?);
    let sent = body::whole(&parts.headers, sent, PRESS_BYTES_MAX).await?;
    let signed = Signed { timestamp, signature, body: &sent };
    app.channels.pressed(&name, signed, &app.executions).await?;
    Ok(StatusCode::OK)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Problem> {
    Ok(only(headers, name)?.and_then(|value| value.to_str().ok()).unwrap_or_default())
}

impl From<SlackRefused> for Problem {
    fn from(refused: SlackRefused) -> Self {
        tracing::warn!(%refused, "a request in the name of Slack is refused");
        let code = match refused {
            SlackRefused::Unsigned => ProblemCode::Unauthenticated,
            SlackRefused::Unreadable => ProblemCode::InvalidRequest,
        };
        Self::new(code).with_detail(refused.to_string())
    }
}
