//! Policies in the store, over HTTP: components under their digests, whether or not a set binds them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use writ_core::Digest;
use writ_store::KnownComponent;

use super::App;
use super::body;
use super::guard;
use super::json::Text;
use super::page::{Id, Limit, Query};
use super::problem::{Problem, ProblemCode};
use super::reply::{json, ok};
use crate::auth::Caller;
use crate::clock::rfc3339;
use crate::policy_set::{AddError, Added, Brought, ComponentReport, Kept};
use crate::registry::{InvalidReference, PinnedReference};

/// Where policies are.
pub const PATH: &str = "/v1/policies";
/// Where one is.
pub const ONE: &str = "/v1/policies/{digest}";

/// The media type of components.
const WASM: &str = "application/wasm";

/// A signature of the component that is sent.
pub const SIGNATURE: HeaderName = HeaderName::from_static("writ-signature");

/// Which policies are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Digest>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub struct PolicyReply {
    /// SHA-256 of its bytes, as `source` in `writ.toml` names it.
    #[schema(value_type = String)]
    id: Digest,
    /// What it says of itself; absent where it was kept in another form.
    #[serde(flatten)]
    #[schema(value_type = ComponentReport)]
    report: Option<ComponentReport>,
    /// The public keys whose signatures of it are kept; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    signed_by: Vec<String>,
    /// When it came; absent where it has come just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    added_at: Option<String>,
}

/// Policies, by digest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policies)]
pub struct PoliciesReply {
    items: Vec<PolicyReply>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A policy that is pulled.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PolicyReference)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct PullBody {
    /// `oci:HOST/NAME@sha256:…`, with the digest of the artifact's manifest. Its registry must be one
    /// that this host's configuration names.
    #[schema(value_type = String)]
    reference: Text,
    /// The signature of the component, as minisign wrote it: four lines.
    signature: Option<String>,
}

/// Takes a policy, after every check that it must get through to be loaded: its bytes, or a reference
/// by which this host pulls it from a registry. It decides nothing until a set binds it by its digest.
#[utoipa::path(
    post, path = PATH, tag = "policies", operation_id = "addPolicy", security(("bearer" = [])),
    params((
        "Writ-Signature" = Option<String>, Header,
        description = "The base64 of the signature that minisign wrote; it must be by a key that this host trusts.",
    )),
    request_body(
        description = "A component of the world `policy-guest`, or where it is.",
        content((Vec<u8> = "application/wasm"), (PullBody = "application/json")),
    ),
    responses(
        (status = 201, body = PolicyReply, description = "It is kept.", headers(("Location" = String))),
        (status = 200, body = PolicyReply, description = "It was there already."),
        super::openapi::AddErrors,
    ),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let signature = signature(&parts.headers)?;
    let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let brought = if kind == WASM.as_bytes() {
        let bytes_max = app.engine.component_bytes_max();
        let bytes = body::whole_within(body::ARRIVAL, &parts.headers, sent, bytes_max).await?;
        Brought { bytes: bytes.into(), signature, reference: None }
    } else if body::is_json(kind) {
        let text = body::read(&parts.headers, sent, app.body_bytes_max).await?;
        let body: PullBody = super::json::read(&text)?;
        pulled(&app, PullBody { signature: body.signature.or(signature), ..body }).await?
    } else {
        return Err(Problem::new(ProblemCode::HeaderInvalid)
            .with_detail("a component is expected, or a reference to one")
            .with_hint(format!(
                "send the header `Content-Type: {WASM}`, or `application/json` with a `reference`"
            )));
    };
    let added = kept(&app, &caller).add(&app.engine, brought, caller.principal()).await?;
    let Added { digest, report, is_new, signed_by } = added;
    let reply = PolicyReply { id: digest, report: Some(report), signed_by, added_at: None };
    if !is_new {
        return Ok(ok(&reply));
    }
    let mut response = json(StatusCode::CREATED, &reply);
    let location = HeaderValue::from_str(&format!("{PATH}/{digest}"));
    response.headers_mut().insert(LOCATION, location.expect("a digest is visible ASCII"));
    Ok(response)
}

/// What somebody has this host pull.
async fn pulled(app: &App, body: PullBody) -> Result<Brought, Problem> {
    let PullBody { reference: Text(reference), signature } = body;
    let reference: PinnedReference = reference.parse().map_err(|error: InvalidReference| {
        let problem = Problem::new(ProblemCode::InvalidRequest).with_text(&error.to_string());
        Problem { pointer: Some("/reference".to_owned()), ..problem }
    })?;
    let bytes_max = app.engine.component_bytes_max();
    let bytes = app.reload.registries().pull(&reference, bytes_max).await?;
    Ok(Brought { bytes, signature, reference: Some(reference) })
}

/// Lists policies, by digest.
#[utoipa::path(
    get, path = PATH, tag = "policies", operation_id = "listPolicies", security(("bearer" = [])),
    params(Listing),
    responses(
        (status = 200, body = PoliciesReply, description = "A page; `next` leads on, where there may be more."),
        super::openapi::ListErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(Listing { cursor, limit }): Query<Listing>,
) -> Result<Response, Problem> {
    let limit = limit.get();
    let found = kept(&app, &caller).page(cursor, limit).await?;
    let last = found.last().filter(|_| found.len() >= limit as usize);
    let next = last.map(|last| last.digest.to_string());
    Ok(ok(&PoliciesReply { items: found.into_iter().map(PolicyReply::new).collect(), next }))
}

/// One policy.
#[utoipa::path(
    get, path = ONE, tag = "policies", operation_id = "showPolicy", security(("bearer" = [])),
    params(("digest" = String, Path, description = "SHA-256 of its bytes: `sha256:` and 64 hexadecimal digits.")),
    responses(
        (status = 200, body = PolicyReply, description = "The policy."),
        super::openapi::VersionErrors,
    ),
)]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(digest): Id,
) -> Result<Response, Problem> {
    let missing = || {
        Problem::new(ProblemCode::NotFound)
            .with_detail(format!("there is no policy `{digest}`"))
            .with_hint("`writ policy components` tells which there are")
    };
    let digest = digest.parse().map_err(|_| missing())?;
    let found = kept(&app, &caller).known(digest).await?;
    Ok(ok(&PolicyReply::new(found.ok_or_else(missing)?)))
}

/// The signature that comes with a component.
fn signature(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = guard::only(headers, &SIGNATURE)? else { return Ok(None) };
    let text = STANDARD.decode(value.as_bytes()).ok().and_then(|text| String::from_utf8(text).ok());
    text.map(Some).ok_or_else(|| {
        Problem::new(ProblemCode::HeaderInvalid)
            .with_detail(format!("`{SIGNATURE}` is no base64 of a text"))
            .with_hint("send the whole file: `base64 -w0 NAME.wasm.minisig`")
    })
}

/// What the store has of components, for a caller's tenant.
pub(super) fn kept<'a>(app: &'a App, caller: &'a Caller) -> Kept<'a> {
    let (store, trust) = (app.executions.store(), app.reload.trust());
    Kept { store, tenant: &caller.principal().tenant, trust }
}

impl PolicyReply {
    fn new(known: KnownComponent) -> Self {
        let report = ComponentReport::read(&known);
        let added_at = Some(rfc3339(known.added_ms));
        Self { id: known.digest, report, signed_by: known.signed_by, added_at }
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        let texts: Vec<_> = match error {
            AddError::Store(error) => return error.into(),
            AddError::Tool | AddError::Untrusted(_) => vec![error.to_string()],
            AddError::Refused(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        let told = texts.iter().map(|text| text.split_once("\nhint: ").unwrap_or((text, "")));
        let (details, mut hints): (Vec<_>, Vec<_>) = told.unzip();
        hints.retain(|hint| !hint.is_empty());
        hints.dedup();
        let problem = Self::new(ProblemCode::ComponentRefused).with_detail(details.join("; "));
        if hints.is_empty() { problem } else { problem.with_hint(hints.join("; ")) }
    }
}
