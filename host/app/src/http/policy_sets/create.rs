//! `POST /v1/policy-sets`: a version that somebody makes, and that does not decide by that.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, LOCATION};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use writ_core::{BindingName, Commit, Digest, Limits, Mode};
use writ_store::KeptVersion;

use super::{ONE, PATH, VersionReply, missing};
use crate::auth::Caller;
use crate::cases::CaseFile;
use crate::http::App;
use crate::http::body::Sent;
use crate::http::json::Text;
use crate::http::policies::{refused, trigger};
use crate::http::problem::Problem;
use crate::http::reply::{json, ok};
use crate::policy_set::{StoredBinding, StoredSet};

/// What a version is to say.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewPolicySet)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct CreateBody {
    /// Its bindings; none deny everything.
    bindings: Vec<BindingBody>,
    /// Files of cases, as `[tests]` of a configuration has them: they must hold.
    #[serde(default)]
    cases: Vec<CaseFile>,
    /// Why it is made: kept with the version, and told in the chain of events. At most 1,024 bytes.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    comment: Option<Text>,
}

/// A binding, as a version tells it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewBinding)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct BindingBody {
    /// Its name; also the name of its storage.
    #[schema(value_type = String)]
    name: BindingName,
    /// SHA-256 of its component, which must have been pushed.
    #[schema(value_type = String)]
    component: Digest,
    /// Where the component came from, for whoever reads the version. The digest, where it is absent.
    #[serde(default)]
    source: Option<String>,
    /// Globs by part of the request: `subject-type`, `subject-id`, `action`, `resource-type`,
    /// `resource-id`. A part that is absent matches everything.
    #[serde(rename = "match", default)]
    matches: BTreeMap<String, Vec<String>>,
    /// What the policy is configured with.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// What each evaluation runs under, as `limits` of a binding in a configuration.
    #[serde(default)]
    #[schema(value_type = Object)]
    limits: Limits,
    /// Whether its verdict counts: `enforce` or `shadow`.
    #[serde(default)]
    #[schema(value_type = String)]
    mode: Mode,
    /// When its storage writes are kept: `on-permit` or `always`.
    #[serde(default)]
    #[schema(value_type = String)]
    commit: Commit,
    /// Its place among the bindings: lower ones first, ties as they are sent. A text, since it may be
    /// larger than JSON's exact integers.
    #[serde(default = "first")]
    #[schema(example = "0")]
    order: String,
}

fn first() -> String {
    "0".to_owned()
}

/// Makes a version, once all of it loads and its cases hold. What decides stays as it is: roll the version
/// out, try it on what was decided, or activate it.
#[utoipa::path(
    post, path = PATH, tag = "policies", operation_id = "createPolicySet", security(("bearer" = [])),
    request_body = CreateBody,
    responses(
        (status = 201, body = VersionReply, description = "It is kept.", headers(("Location" = String))),
        (status = 200, body = VersionReply, description = "There was such a version already."),
        crate::http::openapi::ReloadErrors,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { body, .. }: Sent<CreateBody>,
) -> Result<Response, Problem> {
    let CreateBody { bindings, cases, comment } = body;
    let set = StoredSet { bindings: bindings.into_iter().map(StoredBinding::from).collect() };
    let trigger = trigger(&caller, comment);
    let added = app.reload.add(set, cases, &trigger).await.map_err(refused)?;
    let KeptVersion { number, is_new } = added;
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    let version = store.set_version(tenant, number).await?;
    let version = version.ok_or_else(|| missing(&number.to_string()))?;
    let active = store.active_set(tenant).await?;
    let reply = VersionReply::new(version, active.as_ref());
    if !is_new {
        return Ok(ok(&reply));
    }
    let mut response = json(StatusCode::CREATED, &reply);
    let location = HeaderValue::from_str(&ONE.replace("{id}", &number.to_string()));
    response.headers_mut().insert(LOCATION, location.expect("a number is visible ASCII"));
    Ok(response)
}

impl From<BindingBody> for StoredBinding {
    fn from(body: BindingBody) -> Self {
        let BindingBody { name, component, source, matches, settings, .. } = body;
        let BindingBody { limits, mode, commit, order, .. } = body;
        Self {
            name,
            source: source.unwrap_or_else(|| component.to_string()),
            component,
            matches,
            settings: settings.into(),
            limits,
            mode,
            commit,
            order,
        }
    }
}
