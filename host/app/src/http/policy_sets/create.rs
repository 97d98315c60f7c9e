//! `POST /v1/policy-sets`: a version that somebody makes, and that does not decide by that.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, LOCATION};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use writ_core::{BindingName, Commit, Digest, Limits, Mode};
use writ_store::KeptVersion;

use super::{ONE, PATH, VersionReply, missing};
use crate::auth::Caller;
use crate::cases::CaseFile;
use crate::http::App;
use crate::http::body;
use crate::http::json::{self, Text};
use crate::http::policies::{refused, trigger};
use crate::http::problem::Problem;
use crate::http::reply::{self, ok};
use crate::policy_set::{Source, StoredBinding, StoredSet};

/// How large a set may be that is sent, in bytes: settings and cases may be large.
const BODY_BYTES_MAX: usize = 64 << 20;

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

/// A version that was made, or was there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedPolicySet)]
pub struct CreatedReply {
    /// Whether it was not there before.
    created: bool,
    /// `false` where a comment was given and the version was there: nothing is there to keep it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_kept: Option<bool>,
    /// The version.
    #[serde(flatten)]
    version: VersionReply,
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
        (status = 201, body = CreatedReply, description = "It is kept.", headers(("Location" = String))),
        (status = 200, body = CreatedReply, description = "There was such a version already."),
        crate::http::openapi::ReloadErrors,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let text = body::read_large(&parts.headers, sent, BODY_BYTES_MAX).await?;
    let CreateBody { bindings, cases, comment } = json::read(&text)?;
    let has_comment = comment.as_ref().is_some_and(|Text(comment)| !comment.is_empty());
    let set = StoredSet { bindings: bindings.into_iter().map(StoredBinding::from).collect() };
    let trigger = trigger(&caller, comment);
    let added = app.reload.add(set, cases, &trigger).await.map_err(refused)?;
    let KeptVersion { number, is_new } = added;
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    let version = store.set_version(tenant, number).await?;
    let version = version.ok_or_else(|| missing(&number.to_string()))?;
    let active = store.active_set(tenant).await?;
    let version = VersionReply::new(version, active.as_ref());
    let comment_kept = (has_comment && !is_new).then_some(false);
    let reply = CreatedReply { created: is_new, comment_kept, version };
    if !is_new {
        return Ok(ok(&reply));
    }
    let mut response = reply::json(StatusCode::CREATED, &reply);
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
            source: told(source, component),
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

/// Where a component came from, as a version tells it: not what is not so.
fn told(source: Option<String>, component: Digest) -> String {
    let told = source.as_deref().map(str::parse);
    match told {
        Some(Ok(Source::Builtin(builtin))) if builtin.digest() != component => None,
        Some(Ok(Source::Digest(_)) | Err(_)) | None => None,
        Some(Ok(_)) => source,
    }
    .unwrap_or_else(|| component.to_string())
}
