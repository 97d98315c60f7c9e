//! The description of this interface: OpenAPI 3.1, generated from the handlers and their types.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::App;
use super::problem::{ProblemBody, ProblemCode};
use super::reply::{DecisionReply, DecisionsReply};
use super::{
    access_requests, answer, approvals, authzen, backtests, channels, components, dead_letters,
    decisions, discovery, events, executions, health, keys, metrics, policies, policy_sets,
    rollouts, rotation, signing, slack, verification, wire,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Writ",
        description = "Decides what agents may do. Errors are problem details (RFC 9457); a path that is not described answers 404, another method 405.",
    ),
    servers((url = "/", description = "This host, by the name under which this description was read.")),
    paths(
        authzen::evaluation,
        authzen::evaluations,
        access_requests::submit,
        access_requests::task,
        access_requests::cancel,
        discovery::configuration,
        discovery::keys,
        executions::create::create,
        executions::read::list,
        executions::read::one,
        executions::read::events,
        executions::carry::claim,
        executions::carry::report,
        executions::carry::cancel,
        executions::carry::resolve,
        executions::retry::retry,
        approvals::list,
        approvals::one,
        approvals::decide,
        answer::show,
        answer::answer,
        events::stream,
        verification::verification,
        channels::list,
        channels::forget,
        slack::press,
        dead_letters::list,
        dead_letters::redeliver,
        components::add,
        components::list,
        components::one,
        policies::status,
        policies::reload,
        policy_sets::rollback,
        policy_sets::create::create,
        policy_sets::list,
        policy_sets::one,
        policy_sets::diff,
        policy_sets::activate,
        backtests::run,
        decisions::list,
        decisions::receipt,
        rollouts::shadow,
        rollouts::report,
        rollouts::stop_shadow,
        rollouts::canary,
        rollouts::stop_canary,
        policy_sets::promote,
        health::live,
        health::ready,
        health::ready_below_health,
        health::startup,
        keys::create,
        keys::list,
        keys::revoke,
        signing::rotate,
        rotation::rotate,
        metrics::page,
        page,
    ),
    components(schemas(ProblemBody<'static>, wire::ItemBody)),
    tags(
        (name = "authzen", description = "OpenID AuthZEN Authorization API 1.0"),
        (name = "access requests", description = "OpenID AuthZEN Access Request and Approval Profile, draft 1"),
        (name = "executions", description = "Actions that are decided, agreed to by people, and carried out once"),
        (name = "approvals", description = "What people are asked"),
        (name = "events", description = "What happens, as evidence"),
        (name = "channels", description = "For operators: what others could not be told"),
        (name = "policies", description = "The policy set that decides"),
        (name = "decisions", description = "What was decided, as evidence"),
        (name = "health", description = "For orchestrators"),
        (name = "keys", description = "For operators: who may call"),
        (name = "telemetry", description = "For operators"),
    ),
    modifiers(&Bearer),
)]
struct Document;

/// How callers say who they are.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key of this host (`writ_…`), or a token of an issuer that it trusts.",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The whole description.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The description of this interface.
#[utoipa::path(
    get, path = "/openapi.json", tag = "telemetry", operation_id = "describe",
    responses(
        (status = 200, body = Object, description = "OpenAPI 3.1."),
        NameErrors,
    ),
)]
pub async fn page(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], app.openapi.clone())
}

/// One decision, or several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrSeveral<'a> {
    /// Where `evaluations` had items.
    Several(DecisionsReply<'a>),
    /// Where it had none.
    One(Box<DecisionReply<'a>>),
}

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
