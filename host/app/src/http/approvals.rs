//! Approvals over HTTP: what people are asked, and their answers.
//!
//! Who answers is who is authenticated: a body cannot say.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ETAG, HeaderValue, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use writ_core::approval::Choice;
use writ_core::{Approval, Execution};
use writ_store::Page;

use super::App;
use super::body::Sent;
use super::executions::etag;
use super::executions::reply::{ApprovalReply, ExecutionReply};
use super::guard::only;
use super::page::{Cursor, Id, Limit, Query};
use super::problem::{Problem, ProblemCode};
use super::reply::{json as reply, ok};
use crate::auth::Caller;
use crate::points;
use crate::service::executions::{ApprovalAnswer, ExecutionError, Part, Seen, View};

/// Where approvals are.
pub const PATH: &str = "/v1/approvals";
/// Where one is.
pub const ONE: &str = "/v1/approvals/{id}";
/// Where it is answered.
pub const DECISION: &str = "/v1/approvals/{id}/decision";

/// Which approvals are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// Those that ask the caller now (`mine`, the default), those that the caller has answered
    /// (`answered`), all that are pending (`pending`), or all that have ended (`history`); the last
    /// two for operators and auditors.
    #[serde(default)]
    view: ViewName,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// Which approvals are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = View)]
pub enum ViewName {
    /// Those that ask the caller now.
    #[default]
    Mine,
    /// All that are pending.
    Pending,
    /// All that have ended.
    History,
    /// Those that the caller has answered, whatever became of them.
    Answered,
}

impl From<ViewName> for View {
    fn from(name: ViewName) -> Self {
        match name {
            ViewName::Mine => Self::Mine,
            ViewName::Pending => Self::Pending,
            ViewName::History => Self::History,
            ViewName::Answered => Self::Answered,
        }
    }
}

/// An approver's answer.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ApprovalDecision)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct AnswerBody {
    /// Yes or no.
    decision: ChoiceBody,
    /// Why; some approvals require it.
    #[serde(default)]
    reason: Option<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", try_from = "String")]
pub enum ChoiceBody {
    /// The action may go on.
    Approve,
    /// The action may not go on.
    Reject,
}

impl TryFrom<String> for ChoiceBody {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        match name.as_str() {
            "approve" => Ok(Self::Approve),
            "reject" => Ok(Self::Reject),
            _ => Err("must be `approve` or `reject`"),
        }
    }
}

/// An approval, and the execution that waits for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovalShown)]
pub struct AskedReply<'a> {
    #[serde(flatten)]
    approval: ApprovalReply<'a>,
    /// What waits for it.
    execution: ExecutionReply<'a>,
}

/// Approvals, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approvals)]
pub struct ApprovalsReply<'a> {
    items: Vec<AskedReply<'a>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Lists approvals, newest first.
#[utoipa::path(
    get, path = PATH, tag = "approvals", operation_id = "listApprovals", security(("bearer" = [])),
    params(Listing),
    responses(
        (status = 200, body = ApprovalsReply<'static>, description = "A page; `next` leads on, where there may be more."),
        super::openapi::SeenErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let part =
        Part { before: listing.cursor.as_ref().map(Cursor::as_str), limit: listing.limit.get() };
    let found = app.executions.approvals(by, listing.view.into(), part).await?;
    let found = found.ok_or_else(|| {
        Problem::new(ProblemCode::Forbidden)
            .with_detail("everybody's approvals are for operators and auditors")
            .with_hint("ask for `view=mine` or `view=answered`")
    })?;
    Ok(ok(&ApprovalsReply::new(&found)))
}

/// One approval.
#[utoipa::path(
    get, path = ONE, tag = "approvals", operation_id = "showApproval", security(("bearer" = [])),
    params(("id" = String, Path, description = "The approval's id.")),
    responses(
        (status = 200, body = AskedReply<'static>, description = "The approval.", headers(("ETag" = String))),
        super::openapi::SeenErrors,
    ),
)]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let by = caller.principal();
    answer(&app.executions.of_approval(by, &id).await?, &id)
}

/// Approves or rejects.
#[utoipa::path(
    post, path = DECISION, tag = "approvals", operation_id = "decideApproval", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The approval's id."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the approver has seen; refused with 412 where it has changed since, and required (428) of who has answered an earlier stage."),
    ),
    request_body = AnswerBody,
    responses(
        (status = 200, body = AskedReply<'static>, description = "It counts; an answer that is given twice counts once.", headers(("ETag" = String))),
        super::openapi::AnswerErrors,
    ),
)]
pub async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Sent { headers, body: AnswerBody { decision, reason }, .. }: Sent<AnswerBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let seen = seen(&headers)?;
    let choice = match decision {
        ChoiceBody::Approve => Choice::Approve,
        ChoiceBody::Reject => Choice::Reject,
    };
    let given = ApprovalAnswer { choice, reason, seen };
    let execution = app.executions.answer(by, &id, given).await?;
    points::pass("http.vote.answer");
    answer(&execution, &id)
}

/// The version that the caller has seen, if it says (RFC 9110, section 13.1.1).
fn seen(headers: &HeaderMap) -> Result<Seen, Problem> {
    let Some(tag) = only(headers, &IF_MATCH)? else { return Ok(Seen::Anything) };
    let tag = tag.to_str().unwrap_or_default().trim();
    let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    match version.and_then(|text| text.parse::<u64>().ok().filter(|n| n.to_string() == text)) {
        Some(version) => Ok(Seen::Version(version)),
        None if tag == "*" => Ok(Seen::Anything),
        None => Err(Problem::new(ProblemCode::Changed)
            .with_detail("`If-Match` holds no entity tag of this host")
            .with_hint("send the `ETag` of the approval as it was read")),
    }
}

fn answer(execution: &Execution, id: &str) -> Result<Response, Problem> {
    let approval = execution.approval(id).ok_or(ExecutionError::NotFound)?;
    let mut response = reply(StatusCode::OK, &AskedReply::new(execution, approval));
    let tag = HeaderValue::from_str(&etag(execution)).expect("a number is visible ASCII");
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

impl<'a> AskedReply<'a> {
    fn new(execution: &'a Execution, approval: &'a Approval) -> Self {
        Self { approval: ApprovalReply::new(approval), execution: ExecutionReply::new(execution) }
    }
}

impl<'a> ApprovalsReply<'a> {
    fn new(page: &'a Page<(Execution, Approval)>) -> Self {
        let last = page.items.last().filter(|_| page.has_more);
        let next = last.map(|(_, last)| last.id.as_str());
        let items =
            page.items.iter().map(|(execution, approval)| AskedReply::new(execution, approval));
        Self { items: items.collect(), next }
    }
}
