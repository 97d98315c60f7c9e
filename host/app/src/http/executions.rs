//! Executions over HTTP: asking for an action, following it, carrying it out.

pub mod carry;
pub mod create;
mod prefer;
pub mod read;
pub mod reply;
pub mod retry;

use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderValue, LOCATION, RETRY_AFTER};
use axum::response::Response;
use writ_core::Execution;
use writ_core::approval::VoteRefused;
use writ_core::execution::Refused;

use super::json::FieldError;
use super::problem::{Problem, ProblemCode};
use super::reply::json;
use crate::service::executions::ExecutionError;
use crate::tool_set::Flaw;
use reply::ExecutionReply;

/// Where executions are.
pub const PATH: &str = "/v1/executions";
/// Where one is.
pub const ONE: &str = "/v1/executions/{id}";
/// Where what happened to it is.
pub const EVENTS: &str = "/v1/executions/{id}/events";
/// Where it is claimed.
pub const CLAIM: &str = "/v1/executions/{id}/claim";
/// Where it is told how it ended.
pub const REPORT: &str = "/v1/executions/{id}/report";
/// Where it is called off.
pub const CANCEL: &str = "/v1/executions/{id}/cancel";
/// Where it is done once more.
pub const RETRY: &str = "/v1/executions/{id}/retry";
/// Where an operator says what became of it.
pub const RESOLVE: &str = "/v1/executions/{id}/resolve";
/// How long a caller should wait before it asks again about an execution that waits for people, in
/// seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// An execution as an answer: 202 while people are waited for, or this host carries it out; else
/// `status`.
fn answer(status: StatusCode, execution: &Execution) -> Response {
    let waits = execution.is_under_way();
    let status = if waits { StatusCode::ACCEPTED } else { status };
    let mut response = json(status, &ExecutionReply::new(execution));
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&etag(execution)));
    if matches!(status, StatusCode::ACCEPTED | StatusCode::CREATED) {
        headers.insert(LOCATION, location(execution));
    }
    if waits {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

/// The entity tag of an execution's version (RFC 9110, section 8.8.3).
pub(super) fn etag(execution: &Execution) -> String {
    format!("\"{}\"", execution.version)
}

/// Where an execution is.
pub(super) fn location(execution: &Execution) -> HeaderValue {
    header(&format!("{PATH}/{}", execution.id))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and numbers are visible ASCII")
}

impl From<ExecutionError> for Problem {
    fn from(error: ExecutionError) -> Self {
        let text = error.to_string();
        let errors = match &error {
            ExecutionError::Arguments(_, flaws) => flaws.iter().map(flaw).collect(),
            _ => Vec::new(),
        };
        let code = match error {
            ExecutionError::NotFound => ProblemCode::NoSuchExecution,
            ExecutionError::NoVerdict(_) => ProblemCode::NoVerdict,
            ExecutionError::Changed(_) => ProblemCode::Changed,
            ExecutionError::Unclear(_) => ProblemCode::PreconditionRequired,
            ExecutionError::CarriedOutHere(_) | ExecutionError::EndpointChanged(_) => {
                ProblemCode::NotNow
            }
            ExecutionError::NoSuchTool(_) => ProblemCode::NoSuchTool,
            ExecutionError::OtherAction { .. } => ProblemCode::InvalidRequest,
            ExecutionError::Arguments(..) => ProblemCode::ArgumentsInvalid,
            ExecutionError::KeyReused => ProblemCode::KeyReused,
            ExecutionError::NotRetried(_) | ExecutionError::Answered => ProblemCode::NotNow,
            ExecutionError::Undecided(undecided) => return undecided.into(),
            ExecutionError::Unavailable => return Self::new(ProblemCode::StorageUnavailable),
            ExecutionError::Refused(refused) => code(&refused),
        };
        let (detail, hint) = match text.split_once("\nhint: ") {
            Some((detail, hint)) => (detail, Some(hint)),
            None => (text.as_str(), None),
        };
        let problem = Self::new(code).with_detail(detail).with_errors(errors);
        match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

/// Where in the request the arguments of a tool are wrong.
fn flaw(flaw: &Flaw) -> FieldError {
    let pointer = format!("/action/properties{}", flaw.pointer);
    FieldError { pointer, message: flaw.message.clone() }
}

fn code(refused: &Refused) -> ProblemCode {
    match refused {
        Refused::NotNow { .. } | Refused::NotSettled | Refused::Nothing => ProblemCode::NotNow,
        Refused::TooManyApprovals | Refused::MayHaveArrived => ProblemCode::NotNow,
        Refused::TooLate => ProblemCode::TooLate,
        Refused::ActionChanged { .. } => ProblemCode::ActionChanged,
        Refused::WrongPermit => ProblemCode::WrongPermit,
        Refused::NoSuchApproval(_) => ProblemCode::NoSuchExecution,
        Refused::Vote(VoteRefused::Ended(_)) => ProblemCode::ApprovalEnded,
        Refused::Vote(VoteRefused::NotAnApprover { .. }) => ProblemCode::NotAnApprover,
        Refused::Vote(VoteRefused::SelfApproval(_)) => ProblemCode::SelfApproval,
        Refused::Vote(VoteRefused::ReasonRequired) => ProblemCode::ReasonRequired,
        Refused::Vote(VoteRefused::ReasonTooLong(_)) => ProblemCode::InvalidRequest,
    }
}
