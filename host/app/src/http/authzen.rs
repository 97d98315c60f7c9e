//! AuthZEN 1.0: one question, or several at once.
//!
//! A denial is an answer of status 200. Among several, what is wrong with one question is a denial
//! of that one; what is wrong with the whole is a problem.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Request as HttpRequest};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use serde_json::value::RawValue;
use writ_core::Request;

use super::json::{self, FieldError};
use super::problem::{Problem, ProblemCode};
use super::reevaluation::reevaluate;
use super::reply::{DecisionReply, DecisionsReply, ok};
use super::wire::{EvaluationBody, EvaluationsBody, ItemBody, Semantic};
use super::{App, REQUEST_ID, body, guard};
use crate::access_request::Binding;
use crate::auth::Caller;
use crate::clock::now_ms;
use crate::service::beside::InForce;
use crate::service::{Active, Answer, Meta, Undecided};
use crate::telemetry::TraceContext;

/// Which trace a request is part of (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Where one question is asked.
pub const EVALUATION: &str = "/access/v1/evaluation";
/// Where several are.
pub const EVALUATIONS: &str = "/access/v1/evaluations";
/// How many questions may be asked at once.
pub const ITEMS_MAX: usize = 256;
/// How many of them are decided side by side, so that they share the wait for the disk.
const AT_ONCE: usize = 32;
/// How many bytes those may have that are decided side by side: each may have what the whole body has.
const AT_ONCE_BYTES: usize = 8 << 20;

/// Decides one question.
#[utoipa::path(
    post, path = EVALUATION, tag = "authzen", operation_id = "evaluate", security(("bearer" = [])),
    params(("X-Request-ID" = Option<String>, Header, description = "Echoed; at most 256 bytes.")),
    request_body = EvaluationBody,
    responses(
        (status = 200, body = DecisionReply<'static>, description = "Decided. A denial is `decision: false`."),
        super::openapi::DecisionErrors,
    ),
)]
pub async fn evaluation(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: HttpRequest<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, app.body_bytes_max).await?;
    let question = json::read::<EvaluationBody>(&body)?.into_request();
    let active = set_for(&app, &question, &parts.headers);
    let meta = meta(&caller, &parts.headers);
    alone(&app, &caller, &active, question, meta).await
}

/// Decides a question that is asked alone: it may be asked in the name of an approval.
async fn alone(
    app: &App,
    caller: &Caller,
    active: &Active,
    question: Request,
    meta: Meta,
) -> Result<Response, Problem> {
    let approval = reevaluate(app, caller, active, &question, &meta).await?;
    if let Some(Ok(granted)) = &approval {
        return Ok(ok(&DecisionReply::approved(granted)));
    }
    let answer = app.service.decide(active, question, meta).await?;
    let reply = decided(app, caller, &answer);
    Ok(ok(&match approval {
        Some(Err(because)) => reply.in_spite(because),
        Some(Ok(_)) | None => reply,
    }))
}

/// A decision, and how it is put to people where it can be.
fn decided<'a>(app: &App, caller: &Caller, answer: &'a Answer) -> DecisionReply<'a> {
    let reply = DecisionReply::decided(answer);
    let Some(question) = &answer.requestable else { return reply };
    let binding = Binding::of(question, &answer.id);
    let denial = app.signers.sign(&caller.principal().tenant, binding, now_ms());
    reply.requestable(answer, denial)
}

/// Decides several questions.
#[utoipa::path(
    post, path = EVALUATIONS, tag = "authzen", operation_id = "evaluateSeveral", security(("bearer" = [])),
    params(("X-Request-ID" = Option<String>, Header, description = "Echoed; at most 256 bytes.")),
    request_body = EvaluationsBody,
    responses(
        (status = 200, body = super::openapi::OneOrSeveral<'static>, description = "Decided; one decision where `evaluations` was absent or empty."),
        super::openapi::DecisionErrors,
    ),
)]
pub async fn evaluations(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: HttpRequest<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, app.body_bytes_max).await?;
    let mut several = json::read::<EvaluationsBody>(&body)?;
    let defaults = several.take_defaults();
    let meta = meta(&caller, &parts.headers);
    if several.evaluations.is_empty() {
        let question = defaults.into_request(&ItemBody::default(), "").map_err(Problem::field)?;
        let active = set_for(&app, &question, &parts.headers);
        return alone(&app, &caller, &active, question, meta).await;
    }
    if several.evaluations.len() > ITEMS_MAX {
        let message = format!("has more than {ITEMS_MAX} items");
        return Err(Problem::field(FieldError { pointer: "/evaluations".into(), message }));
    }
    let in_force = app.service.in_force();
    let batch = Batch {
        app: &app,
        in_force: &in_force,
        headers: &parts.headers,
        meta,
        defaults: &defaults,
        items: &several.evaluations,
        at_once: (AT_ONCE_BYTES / body.len().max(1)).clamp(1, AT_ONCE),
    };
    let replies = batch.decide(several.options.evaluations_semantic).await;
    let replies = replies.iter().map(|reply| match reply {
        Ok(answer) => decided(&app, &caller, answer),
        Err(problem) => DecisionReply::failed(problem),
    });
    Ok(ok(&DecisionsReply::new(replies.collect())))
}

/// Several questions on their way to an answer.
struct Batch<'a> {
    app: &'a App,
    in_force: &'a InForce,
    headers: &'a HeaderMap,
    meta: Meta,
    defaults: &'a ItemBody,
    items: &'a [Box<RawValue>],
    /// How many are decided side by side, where none depends on another.
    at_once: usize,
}

impl Batch<'_> {
    async fn decide(&self, semantic: Semantic) -> Vec<Result<Answer, Problem>> {
        let last = |reply: &Result<Answer, Problem>| {
            let permits = reply.as_ref().is_ok_and(Answer::permits);
            match semantic {
                Semantic::ExecuteAll => false,
                Semantic::DenyOnFirstDeny => !permits,
                Semantic::PermitOnFirstPermit => permits,
            }
        };
        if semantic == Semantic::ExecuteAll {
            let asked = stream::iter(0..self.items.len()).map(|index| self.one(index));
            return asked.buffered(self.at_once).collect().await;
        }
        let mut replies = Vec::new();
        for index in 0..self.items.len() {
            replies.push(self.one(index).await);
            if replies.last().is_some_and(last) {
                break;
            }
        }
        replies
    }

    async fn one(&self, index: usize) -> Result<Answer, Problem> {
        let question = self.question(index).map_err(Problem::field)?;
        let active = self.in_force.set_for(&question, |name| header(self.headers, name));
        Ok(self.app.service.decide(active, question, self.meta.clone()).await?)
    }

    /// Made when it is its turn: each has its own copy of what they have in common.
    fn question(&self, index: usize) -> Result<Request, FieldError> {
        let pointer = format!("/evaluations/{index}");
        let item = json::read_part::<ItemBody>(self.items[index].get(), &pointer)?;
        item.into_request(self.defaults, &pointer)
    }
}

/// The set that decides what is asked now, with such headers.
pub(super) fn set_for(app: &App, question: &Request, headers: &HeaderMap) -> Arc<Active> {
    app.service.in_force().set_for(question, |name| header(headers, name)).clone()
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn meta(caller: &Caller, headers: &HeaderMap) -> Meta {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Meta {
        caller: Some(caller.principal().clone()),
        request_id: text(REQUEST_ID.as_str()).map(str::to_owned),
        // Where there are several it is part of none: a trace is no reason to refuse a question.
        trace: guard::only(headers, &TRACEPARENT)
            .ok()
            .flatten()
            .and_then(|value| TraceContext::parse(value.as_bytes())),
    }
}

impl From<Undecided> for Problem {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::StorageUnavailable => Self::new(ProblemCode::StorageUnavailable)
                .with_hint("nothing was decided; ask again later"),
        }
    }
}
