//! Decisions over HTTP: what was decided, as it was recorded.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use writ_store::{PAGE_BYTES_MAX, StoredDecision};

use super::App;
use super::page::{Cursor, Id, Limit, Query};
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::receipt::NoReceipt;

/// Where decisions are.
pub const PATH: &str = "/v1/decisions";
/// Where the receipt of one is.
pub const RECEIPT: &str = "/v1/decisions/{id}/receipt";

/// Which decisions are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// How many, 1 to 100; 50 where it is absent. Where they are large, there are fewer.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// Decisions, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedDecisions)]
pub struct DecisionsPage {
    /// Each as it was recorded: its id, when and by which policy set it was made, what each policy said,
    /// and what it takes to make it again (`whole`): the request, and what the store answered.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists decisions, newest first, as they were recorded: arguments are in them.
#[utoipa::path(
    get, path = PATH, tag = "decisions", operation_id = "listDecisions", security(("bearer" = [])),
    params(Listing),
    responses(
        (status = 200, body = DecisionsPage, description = "A page; `next` leads on, where there may be more."),
        super::openapi::ListErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(Listing { cursor, limit }): Query<Listing>,
) -> Result<Response, Problem> {
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    let found =
        store.decisions_page(tenant, cursor.as_ref().map(Cursor::as_str), limit.get()).await?;
    Ok(ok(&DecisionsPage::of(&found, limit)?))
}

/// The receipt of a decision: what was asked, what decided, what the store answered, and where the record
/// is, signed. `writ receipt verify` decides the same again.
#[utoipa::path(
    get, path = RECEIPT, tag = "decisions", operation_id = "receipt", security(("bearer" = [])),
    params(("id" = String, Path, description = "The decision's id.")),
    responses(
        (status = 200, body = Object, description = "The receipt."),
        super::openapi::VersionErrors,
    ),
)]
pub async fn receipt(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    Ok(ok(&crate::receipt::issue(store, &app.signers, tenant, &id).await?))
}

impl From<NoReceipt> for Problem {
    fn from(error: NoReceipt) -> Self {
        let text = error.to_string();
        let (detail, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
        let problem = Self::new(ProblemCode::NotFound).with_detail(detail);
        match error {
            NoReceipt::Store(error) => error.into(),
            NoReceipt::Decision(_) => problem.with_hint(hint),
            NoReceipt::PolicySet(_) => problem,
        }
    }
}

impl DecisionsPage {
    fn of(found: &[StoredDecision], limit: Limit) -> Result<Self, Problem> {
        let (mut items, mut bytes, mut last) = (Vec::with_capacity(found.len()), 0, None);
        for decision in found {
            let item = serde_json::value::to_raw_value(decision).map_err(|error| {
                tracing::error!(%error, "a decision cannot be told");
                Problem::new(ProblemCode::Internal)
            })?;
            bytes += item.get().len();
            items.push(item);
            last = Some(&decision.id);
            if bytes > PAGE_BYTES_MAX {
                break;
            }
        }
        let is_full = items.len() >= limit.get() as usize || items.len() < found.len();
        Ok(Self { items, next: last.filter(|_| is_full).cloned() })
    }
}
