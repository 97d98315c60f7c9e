//! Which problems an operation may answer with.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::http::problem::ProblemCode;

/// Problems of a caller: headers that cannot be used, a name or an origin that is not known.
pub struct NameErrors;

/// Problems of a caller that is not known, or may not.
pub struct CallerErrors;

/// Problems of a change to keys.
pub struct KeyErrors;

/// Problems of what asks for nothing but the store.
pub struct StoreErrors;

/// Problems of reading versions of the policy set.
pub struct VersionErrors;

/// Problems of having another policy set decide.
pub struct ReloadErrors;

/// Problems of trying a version on what was decided.
pub struct BacktestErrors;

/// Problems of adding a policy.
pub struct AddErrors;

/// Problems of a question.
pub struct DecisionErrors;

/// Problems of reading executions and approvals.
pub struct SeenErrors;

/// Problems of giving a channel up.
pub struct ForgetErrors;

/// Problems of a page, before it is one.
pub struct PageErrors;

/// Problems of a press of a button in Slack.
pub struct PressErrors;

/// Problems of listing what operators see.
pub struct ListErrors;

/// Problems of sending a dead letter again.
pub struct RedeliveryErrors;

/// Problems of a change to an execution.
pub struct ExecutionErrors;

/// Problems of an answer to an approval.
pub struct AnswerErrors;

/// Problems of putting a denial to people.
pub struct AccessRequestErrors;

/// Problems of following what was put to people.
pub struct TaskErrors;

impl IntoResponses for NameErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemCode::HeaderInvalid,
            ProblemCode::OriginNotAllowed,
            ProblemCode::HostNotAllowed,
        ])
    }
}

impl IntoResponses for CallerErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&CALLER)
    }
}

impl IntoResponses for KeyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = DecisionErrors::responses();
        responses.extend(problems(&[ProblemCode::NotFound, ProblemCode::TooManyKeys]));
        responses
    }
}

impl IntoResponses for StoreErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[&CALLER[..], &[ProblemCode::StorageUnavailable]].concat())
    }
}

impl IntoResponses for VersionErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [ProblemCode::NotFound, ProblemCode::StorageUnavailable, ProblemCode::Internal];
        problems(&[&CALLER[..], &own].concat())
    }
}

impl IntoResponses for ReloadErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::PolicySetRefused,
            ProblemCode::PolicySetNotNow,
            ProblemCode::NotFound,
            ProblemCode::Internal,
        ];
        problems(&[&CALLER[..], &BODY, &own].concat())
    }
}

impl IntoResponses for BacktestErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::NotFound,
            ProblemCode::BacktestRuns,
            ProblemCode::PolicySetRefused,
            ProblemCode::StorageUnavailable,
            ProblemCode::Internal,
        ];
        problems(&[&CALLER[..], &BODY, &own].concat())
    }
}

impl IntoResponses for AddErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::ComponentRefused,
            ProblemCode::RegistryNotAllowed,
            ProblemCode::ArtifactRefused,
            ProblemCode::NotPulled,
        ];
        problems(&[&CALLER[..], &BODY, &own].concat())
    }
}

impl IntoResponses for DecisionErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[&CALLER[..], &BODY].concat())
    }
}

impl IntoResponses for SeenErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::InvalidRequest,
            ProblemCode::NoSuchExecution,
            ProblemCode::StorageUnavailable,
        ];
        problems(&[&CALLER[..], &own].concat())
    }
}

impl IntoResponses for ForgetErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own =
            [ProblemCode::NotFound, ProblemCode::ChannelInUse, ProblemCode::StorageUnavailable];
        problems(&[&CALLER[..], &own].concat())
    }
}

impl IntoResponses for PageErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = NameErrors::responses();
        let own = [ProblemCode::BodyUnreadable, ProblemCode::BodyTimeout];
        responses.extend(problems(&own));
        responses
    }
}

impl IntoResponses for PressErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = PageErrors::responses();
        responses.extend(problems(&[ProblemCode::Unauthenticated, ProblemCode::BodyTooLarge]));
        let invalid = [ProblemCode::HeaderInvalid, ProblemCode::InvalidRequest];
        responses.extend(problems(&[&invalid[..], &[ProblemCode::BodyUnreadable]].concat()));
        responses
    }
}

impl IntoResponses for ListErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [ProblemCode::InvalidRequest, ProblemCode::StorageUnavailable];
        problems(&[&CALLER[..], &own].concat())
    }
}

impl IntoResponses for RedeliveryErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::NotFound,
            ProblemCode::NoSuchChannel,
            ProblemCode::NotNow,
            ProblemCode::NotDelivered,
            ProblemCode::StorageUnavailable,
        ];
        problems(&[&CALLER[..], &own].concat())
    }
}

impl IntoResponses for ExecutionErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::NoSuchExecution,
            ProblemCode::NotNow,
            ProblemCode::TooLate,
            ProblemCode::ActionChanged,
            ProblemCode::DecidedOtherwise,
            ProblemCode::NoVerdict,
            ProblemCode::WrongPermit,
            ProblemCode::KeyReused,
        ];
        problems(&[&CALLER[..], &BODY, &own].concat())
    }
}

impl IntoResponses for AnswerErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::NoSuchExecution,
            ProblemCode::ApprovalEnded,
            ProblemCode::NotAnApprover,
            ProblemCode::SelfApproval,
            ProblemCode::ReasonRequired,
            ProblemCode::Changed,
            ProblemCode::PreconditionRequired,
        ];
        problems(&[&CALLER[..], &BODY, &own].concat())
    }
}

impl IntoResponses for AccessRequestErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ProblemCode::ExpiredDenial,
            ProblemCode::InvalidDenialBinding,
            ProblemCode::DuplicateRequest,
            ProblemCode::UnknownTask,
            ProblemCode::InvalidTaskState,
        ];
        problems(&[&CALLER[..], &BODY, &own].concat())
    }
}

impl IntoResponses for TaskErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [ProblemCode::UnknownTask, ProblemCode::StorageUnavailable];
        problems(&[&CALLER[..], &own].concat())
    }
}

/// What any caller of a route that is not public may be told.
const CALLER: [ProblemCode; 5] = [
    ProblemCode::HeaderInvalid,
    ProblemCode::Unauthenticated,
    ProblemCode::Forbidden,
    ProblemCode::OriginNotAllowed,
    ProblemCode::HostNotAllowed,
];

/// What whoever sends a body may be told besides.
const BODY: [ProblemCode; 7] = [
    ProblemCode::MalformedJson,
    ProblemCode::InvalidRequest,
    ProblemCode::ContentType,
    ProblemCode::BodyUnreadable,
    ProblemCode::BodyTimeout,
    ProblemCode::BodyTooLarge,
    ProblemCode::StorageUnavailable,
];

/// Declares problems, one response a status.
fn problems(codes: &[ProblemCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for code in codes {
        let line = format!("`{}`: {}", code.as_str(), code.title());
        by_status.entry(code.status().as_u16().to_string()).or_default().push(line);
    }
    let response = |lines: Vec<String>| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new()
            .description(lines.join("; "))
            .content("application/problem+json", content);
        RefOr::T(response.build())
    };
    by_status.into_iter().map(|(status, lines)| (status, response(lines))).collect()
}
