//! Versions of the policy set over HTTP: which there are, what each says, what differs, and making one
//! decide.

pub mod create;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use writ_core::Digest;
use writ_store::{ActiveSet, Occasion, SetVersion};

use super::App;
use super::body::MaybeSent;
use super::page::{Id, Limit, Query};
use super::policies::{self, ChangeBody, ReloadReply};
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::clock::rfc3339;
use crate::policy_set::diff::Diff;
use crate::policy_set::{StoredError, StoredSet};
use crate::reload::Wish;

/// Where versions are.
pub const PATH: &str = "/v1/policy-sets";
/// Where one is.
pub const ONE: &str = "/v1/policy-sets/{id}";
/// Where one is compared with another.
pub const DIFF: &str = "/v1/policy-sets/{id}/diff/{other}";
/// Where one is made to decide.
pub const ACTIVATE: &str = "/v1/policy-sets/{id}/activate";
/// Where one that decides for some is made to decide everything.
pub const PROMOTE: &str = "/v1/policy-sets/{id}/canary/promote";
/// Where the one before it is made to decide.
pub const ROLLBACK: &str = "/v1/policies/rollback";

/// Which versions are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    cursor: Option<u64>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// A version of the policy set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicySetVersion)]
pub struct VersionReply {
    /// Its number, as the id by which it is asked for.
    id: u64,
    /// Digest of the set.
    #[schema(value_type = String)]
    policy_set: Digest,
    /// Whether it decides.
    active: bool,
    /// What led to it: `start`, `file`, `signal` or `request`; absent where it is older than such notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    trigger: String,
    /// Who made it; absent where nobody asked for it, but files of a host said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    /// Why, as they say.
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
    /// When.
    #[schema(format = "date-time")]
    created_at: String,
    /// What made it decide, the last time; only of the one that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated: Option<ActivationReply>,
    /// What it says: its bindings, in the order in which they are evaluated; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    bindings: Option<serde_json::Value>,
}

/// What made a version decide.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicySetActivation)]
struct ActivationReply {
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// What led to it: `start`, `file`, `signal` or `request`; absent where it is older than such notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    trigger: String,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Why, as they say.
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
}

/// Versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicySetVersions)]
pub struct VersionsReply {
    items: Vec<VersionReply>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists versions, newest first.
#[utoipa::path(
    get, path = PATH, tag = "policies", operation_id = "listPolicySets", security(("bearer" = [])),
    params(Listing),
    responses(
        (status = 200, body = VersionsReply, description = "A page; `next` leads on, where there may be more."),
        super::openapi::ListErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Response, Problem> {
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    let limit = listing.limit.get();
    let active = store.active_set(tenant).await?;
    let found = store.set_versions(tenant, listing.cursor, limit).await?;
    let is_full = found.len() >= limit as usize;
    let next = found.last().filter(|_| is_full).map(|last| last.number.to_string());
    let items =
        found.into_iter().map(|version| VersionReply::new(version, active.as_ref())).collect();
    Ok(ok(&VersionsReply { items, next }))
}

/// One version, with what it says.
#[utoipa::path(
    get, path = ONE, tag = "policies", operation_id = "policySet", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    responses(
        (status = 200, body = VersionReply, description = "The version."),
        super::openapi::VersionErrors,
    ),
)]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    let (version, set) = version(&app, &caller, &id).await?;
    let active = store.active_set(tenant).await?;
    let bindings = serde_json::to_value(set.bindings).ok();
    Ok(ok(&VersionReply { bindings, ..VersionReply::new(version, active.as_ref()) }))
}

/// What differs from one version to another.
#[utoipa::path(
    get, path = DIFF, tag = "policies", operation_id = "diffPolicySets", security(("bearer" = [])),
    params(
        ("id" = u64, Path, description = "The number of the first."),
        ("other" = u64, Path, description = "The number of the second."),
    ),
    responses(
        (status = 200, body = Diff, description = "What the second says and the first does not, and so on."),
        super::openapi::VersionErrors,
    ),
)]
pub async fn diff(
    State(app): State<Arc<App>>,
    caller: Caller,
    numbers: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((id, other)) = numbers.map_err(|_| missing(""))?;
    let (_, from) = version(&app, &caller, &id).await?;
    let (_, to) = version(&app, &caller, &other).await?;
    Ok(ok(&Diff::between(&from, &to)))
}

/// Makes a version decide, on every host that shares the store.
#[utoipa::path(
    post, path = ACTIVATE, tag = "policies", operation_id = "activatePolicySet", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    request_body = Option<ChangeBody>,
    responses(
        (status = 200, body = ReloadReply, description = "It decides."),
        super::openapi::ReloadErrors,
    ),
)]
pub async fn activate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    MaybeSent { body, .. }: MaybeSent<ChangeBody>,
) -> Result<Json<ReloadReply>, Problem> {
    policies::changed(&app, &caller, Wish::Version(number(&id)?), body).await
}

/// Makes a version decide everything that decides for some, if it still does.
#[utoipa::path(
    post, path = PROMOTE, tag = "policies", operation_id = "promoteCanary", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    request_body = Option<ChangeBody>,
    responses(
        (status = 200, body = ReloadReply, description = "It decides."),
        super::openapi::ReloadErrors,
    ),
)]
pub async fn promote(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    MaybeSent { body, .. }: MaybeSent<ChangeBody>,
) -> Result<Json<ReloadReply>, Problem> {
    policies::changed(&app, &caller, Wish::Promoted(number(&id)?), body).await
}

/// Makes the version decide that did before the one that does.
#[utoipa::path(
    post, path = ROLLBACK, tag = "policies", operation_id = "rollBackPolicies", security(("bearer" = [])),
    request_body = Option<ChangeBody>,
    responses(
        (status = 200, body = ReloadReply, description = "It decides."),
        super::openapi::ReloadErrors,
    ),
)]
pub async fn rollback(
    State(app): State<Arc<App>>,
    caller: Caller,
    MaybeSent { body, .. }: MaybeSent<ChangeBody>,
) -> Result<Json<ReloadReply>, Problem> {
    policies::changed(&app, &caller, Wish::Previous, body).await
}

impl VersionReply {
    fn new(version: SetVersion, active: Option<&ActiveSet>) -> Self {
        let SetVersion { number, policy_set, document: _, occasion, created_ms } = version;
        let Occasion { trigger, by, comment } = occasion;
        let active = active.filter(|active| active.number == number);
        Self {
            id: number,
            policy_set,
            active: active.is_some(),
            trigger,
            author: by.map(|by| by.to_string()),
            comment,
            created_at: rfc3339(created_ms),
            activated: active.map(ActivationReply::new),
            bindings: None,
        }
    }
}

impl ActivationReply {
    fn new(active: &ActiveSet) -> Self {
        let Occasion { trigger, by, comment } = active.occasion.clone();
        Self { at: rfc3339(active.at_ms), trigger, by: by.map(|by| by.to_string()), comment }
    }
}

/// A version, and what it says.
pub(super) async fn version(
    app: &App,
    caller: &Caller,
    id: &str,
) -> Result<(SetVersion, StoredSet), Problem> {
    let tenant = &caller.principal().tenant;
    let found = app.executions.store().set_version(tenant, number(id)?).await;
    let version = found?.ok_or_else(|| missing(id))?;
    let set = StoredSet::read(&version).map_err(|error: StoredError| {
        tracing::error!(%error, "a version of the policy set cannot be read");
        Problem::new(ProblemCode::Internal)
    })?;
    Ok((version, set))
}

pub(super) fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| missing(id))
}

fn missing(id: &str) -> Problem {
    Problem::new(ProblemCode::NotFound)
        .with_detail(format!("there is no version `{id}` of the policy set"))
        .with_hint("`writ policy list` tells which there are")
}
