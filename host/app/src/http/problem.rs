//! Errors over HTTP: problem details (RFC 9457), a stable `type` for each code.
//!
//! A denial is no error: it is an answer of status 200 with `decision: false`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use writ_store::StoreError;

use super::access::CHALLENGE;
use super::json::{BodyError, FieldError};
use crate::registry::PullError;

/// The media type of problem details.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// What went wrong. Codes are stable: they are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemCode { $($(#[doc = $doc])+ $variant,)+ }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code, as callers read it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The status that it is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// What it means, whatever the occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

problem_codes! {
    /// The body is not JSON.
    MalformedJson = "malformed-json", BAD_REQUEST, "the body is not JSON";
    /// A field is missing, empty, of the wrong type or out of its bounds.
    InvalidRequest = "invalid-request", BAD_REQUEST, "a field of the request cannot be used";
    /// A header is there twice, or too long.
    HeaderInvalid = "header-invalid", BAD_REQUEST, "a header of the request cannot be used";
    /// The body is not announced as JSON. 400 and not 415, as the certification of AuthZEN asks.
    ContentType = "content-type-unsupported", BAD_REQUEST, "the body must be `application/json`";
    /// The body breaks HTTP.
    BodyUnreadable = "body-unreadable", BAD_REQUEST, "the body ended before it was complete";
    /// The body did not come.
    BodyTimeout = "body-timeout", REQUEST_TIMEOUT, "the body took too long to arrive";
    /// The body is larger than the host takes.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "the body is larger than this host takes";
    /// No token came, or one that names nobody.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "it is not known who calls";
    /// The caller has none of the roles that may.
    Forbidden = "forbidden", FORBIDDEN, "the caller may not do this";
    /// The `Origin` is not one of those that may call.
    OriginNotAllowed = "origin-not-allowed", FORBIDDEN, "this origin may not call this host";
    /// There is none, or none that the caller may see.
    NoSuchExecution = "no-such-execution", NOT_FOUND, "there is no execution or approval of this id";
    /// Its state does not let it happen.
    NotNow = "not-now", CONFLICT, "the execution's state does not let this happen";
    /// Nobody began in time.
    TooLate = "too-late", CONFLICT, "the permission to begin has run out";
    /// What is to begin is not what was allowed.
    ActionChanged = "action-changed", CONFLICT, "what is to begin is not what was allowed";
    /// Policies were asked again before it began, and do not let it.
    DecidedOtherwise = "decided-otherwise", CONFLICT, "policies were asked again, and do not let it begin";
    /// Policies were asked again before it began, and one gave no verdict.
    NoVerdict = "no-verdict", SERVICE_UNAVAILABLE, "a policy gave no verdict, so nothing has changed";
    /// The approval has ended.
    ApprovalEnded = "approval-ended", CONFLICT, "the approval has ended";
    /// The permit is another claim's.
    WrongPermit = "wrong-permit", FORBIDDEN, "the permit is not the one of this execution";
    /// They are not asked.
    NotAnApprover = "not-an-approver", FORBIDDEN, "the caller is not asked";
    /// They ask themselves.
    SelfApproval = "self-approval", FORBIDDEN, "nobody decides about their own action";
    /// The approval asks for a reason.
    ReasonRequired = "reason-required", UNPROCESSABLE_ENTITY, "the answer must give a reason";
    /// The key was used for another request.
    KeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "the idempotency key was used for another request";
    /// There is no such tool.
    NoSuchTool = "no-such-tool", UNPROCESSABLE_ENTITY, "this host has no tool of this name";
    /// The arguments break the tool's schema.
    ArgumentsInvalid = "arguments-invalid", UNPROCESSABLE_ENTITY, "the arguments break the tool's schema";
    /// The caller has seen an earlier version.
    Changed = "changed", PRECONDITION_FAILED, "it has changed since the caller read it";
    /// The caller has answered an earlier stage, and does not say which one is meant.
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, "the caller must say which version was seen";
    /// The denial's time is over.
    ExpiredDenial = "expired_denial", GONE, "the denial can no longer be put to people";
    /// What is submitted is not what was denied.
    InvalidDenialBinding = "invalid_denial_binding", BAD_REQUEST, "the request is not bound to a denial";
    /// The key, or the denial, was used for another request.
    DuplicateRequest = "duplicate_request", CONFLICT, "the same was submitted before, with another body";
    /// There is none, or none that the caller may see.
    UnknownTask = "unknown_task", NOT_FOUND, "there is no access request of this id";
    /// It is not pending any more.
    InvalidTaskState = "invalid_task_state", CONFLICT, "the access request has ended";
    /// Its channel is not configured any more.
    NoSuchChannel = "no-such-channel", CONFLICT, "the channel is not configured";
    /// Some host still tells it.
    ChannelInUse = "channel-in-use", CONFLICT, "the channel is still told";
    /// The receiver did not confirm.
    NotDelivered = "not-delivered", BAD_GATEWAY, "the receiver did not confirm";
    /// It did not get through everything: the set before it decides.
    PolicySetRefused = "policy-set-refused", UNPROCESSABLE_ENTITY, "the policy set is refused, and what decides stays as it is";
    /// It decides already, or there is nothing of the kind to go back to or to end.
    PolicySetNotNow = "policy-set-not-now", CONFLICT, "what decides, or is rolled out, does not let this happen";
    /// Another one is under way.
    BacktestRuns = "backtest-runs", CONFLICT, "another backtest is under way on this host";
    /// It would not load as a policy.
    ComponentRefused = "component-refused", UNPROCESSABLE_ENTITY, "the component is no policy that this host would load";
    /// It is not named in the configuration, or leads to where it should not.
    RegistryNotAllowed = "registry-not-allowed", UNPROCESSABLE_ENTITY, "this host may not pull from there";
    /// It is not what was pinned, or nothing that could be a policy.
    ArtifactRefused = "artifact-refused", UNPROCESSABLE_ENTITY, "the registry's artifact is not taken";
    /// It cannot be reached, or does not give it.
    NotPulled = "not-pulled", BAD_GATEWAY, "the registry did not give the artifact";
    /// No such resource.
    NotFound = "not-found", NOT_FOUND, "there is nothing at this path";
    /// Another method is wanted.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "this path takes another method";
    /// There are as many keys as the host keeps.
    TooManyKeys = "too-many-keys", CONFLICT, "this host keeps no more keys";
    /// The `Host` is not one of this host's names.
    HostNotAllowed = "host-not-allowed", MISDIRECTED_REQUEST, "this host does not answer to this name";
    /// Something could not be stored, so it did not happen; or it could not be read.
    StorageUnavailable = "storage-unavailable", SERVICE_UNAVAILABLE, "the store cannot answer now";
    /// The host itself failed.
    Internal = "internal", INTERNAL_SERVER_ERROR, "the host failed";
}

impl ProblemCode {
    /// The problem's type: a URN of this host, or of the profile that defines it.
    fn kind(self) -> String {
        let code = self.as_str();
        match self {
            Self::ExpiredDenial
            | Self::InvalidDenialBinding
            | Self::DuplicateRequest
            | Self::UnknownTask
            | Self::InvalidTaskState => {
                format!("urn:openid:authzen:access-request:error:{code}")
            }
            _ => format!("urn:writ:problem:{code}"),
        }
    }
}

/// An error, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: ProblemCode,
    /// What is particular to this occurrence.
    pub detail: Option<String>,
    /// A next step for the caller.
    pub hint: Option<String>,
    /// The field that is wrong: a JSON pointer into the body (RFC 6901).
    pub pointer: Option<String>,
    /// Where there is more than one: each field that is wrong.
    pub errors: Vec<FieldError>,
}

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// `urn:writ:problem:` and the code, or the URN of the profile that defines it.
    #[serde(rename = "type")]
    #[schema(example = "urn:writ:problem:invalid-request")]
    kind: String,
    /// What the code means.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A stable code.
    #[schema(example = "invalid-request")]
    code: &'a str,
    /// What is particular to this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// A next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    /// The field of the body that is wrong: a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/subject/id")]
    pointer: Option<&'a str>,
    /// Each field of the body that is wrong, where more than one is told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FlawBody<'a>>,
}

/// A field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flaw)]
struct FlawBody<'a> {
    /// A JSON pointer (RFC 6901).
    #[schema(example = "/action/properties/cents")]
    pointer: &'a str,
    /// What is wrong with it.
    detail: &'a str,
}

impl Problem {
    /// A problem of which nothing more is to be said.
    pub fn new(code: ProblemCode) -> Self {
        Self { code, detail: None, hint: None, pointer: None, errors: Vec::new() }
    }

    /// Adds what is particular to this occurrence.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Adds a next step.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds what is particular to this occurrence, and the next step where the text ends with one.
    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        match text.split_once("\nhint: ") {
            Some((detail, hint)) => self.with_detail(detail).with_hint(hint),
            None => self.with_detail(text),
        }
    }

    /// A field that is wrong.
    pub fn field(error: FieldError) -> Self {
        let problem = Self::new(ProblemCode::InvalidRequest).with_detail(error.message);
        Self { pointer: Some(error.pointer), ..problem }
    }

    /// Adds each field that is wrong.
    #[must_use]
    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    pub(super) fn body(&self) -> ProblemBody<'_> {
        ProblemBody {
            kind: self.code.kind(),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: self.detail.as_deref(),
            hint: self.hint.as_deref(),
            pointer: self.pointer.as_deref(),
            errors: self.errors.iter().map(FlawBody::new).collect(),
        }
    }
}

impl<'a> FlawBody<'a> {
    fn new(error: &'a FieldError) -> Self {
        Self { pointer: &error.pointer, detail: &error.message }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed(detail) => {
                Self::new(ProblemCode::MalformedJson).with_detail(detail)
            }
            BodyError::Invalid(error) => Self::field(error),
        }
    }
}

impl From<PullError> for Problem {
    fn from(error: PullError) -> Self {
        let code = match &error {
            PullError::Unnamed { .. }
            | PullError::Elsewhere { .. }
            | PullError::WithTls { .. }
            | PullError::WithoutTls { .. }
            | PullError::Astray { .. }
            | PullError::Address { .. } => ProblemCode::RegistryNotAllowed,
            PullError::OtherManifest { .. }
            | PullError::OtherLayer { .. }
            | PullError::NoComponent(_)
            | PullError::TooLarge { .. } => ProblemCode::ArtifactRefused,
            PullError::Unreachable { .. }
            | PullError::Late { .. }
            | PullError::NotAllowed { .. }
            | PullError::Missing(_)
            | PullError::NoRegistry { .. }
            | PullError::TooMuch { .. }
            | PullError::Broken { .. } => ProblemCode::NotPulled,
        };
        Self::new(code).with_text(&error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotSealing => Self::new(ProblemCode::InvalidRequest)
                .with_detail("there is no active key")
                .with_hint("give one in `[encryption]`, and start each host with it first"),
            error => {
                tracing::error!(%error, "the store cannot answer");
                Self::new(ProblemCode::StorageUnavailable)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).expect("strings and a number are always JSON");
        let mut response =
            (self.code.status(), [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response();
        if self.code == ProblemCode::Unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_and_their_statuses_are_errors() {
        let codes: HashSet<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ProblemCode::ALL.len());
        assert!(ProblemCode::ALL.iter().all(|code| code.status().as_u16() >= 400));
    }

    #[test]
    fn a_problem_is_written_as_rfc_9457_says() {
        let error = FieldError { pointer: "/subject/id".into(), message: "is required".into() };
        let text = serde_json::to_string(&Problem::field(error).body()).unwrap();
        assert_eq!(
            text,
            r#"{"type":"urn:writ:problem:invalid-request","title":"a field of the request cannot be used","status":400,"code":"invalid-request","detail":"is required","pointer":"/subject/id"}"#
        );
    }
}
