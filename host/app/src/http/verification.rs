//! `GET /v1/events/verification`: whether the evidence is whole.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_core::chain::{Anchor, Head};
use writ_store::{StoreError, Verified, VerifyError};

use super::App;
use super::problem::Problem;
use super::reply::ok;
use crate::auth::Caller;
use crate::service::executions::ExecutionError;

/// Where events are checked.
pub const PATH: &str = "/v1/events/verification";

/// Whether a tenant's evidence is whole.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Verification)]
#[serde(untagged)]
pub enum VerificationReply {
    /// It is.
    Whole {
        /// How many events there are.
        events: u64,
        /// Where the chain begins, where older events have been removed.
        #[serde(skip_serializing_if = "Option::is_none")]
        anchor: Option<AnchorReply>,
        /// How many executions they tell of.
        executions: u64,
        /// How many decisions there are; those from before they were kept in batches do not count.
        #[serde(default)]
        decisions: u64,
        /// The last event's hash: kept elsewhere, it tells later whether the end was cut off.
        head: String,
    },
    /// It is not.
    Broken {
        /// The first thing that is not whole.
        broken: String,
    },
}

/// Where a chain begins. An event in the chain vouches for it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Anchor)]
pub struct AnchorReply {
    /// The place of the last event that was removed.
    pub after: u64,
    /// That event's hash.
    pub hash: String,
    /// What had ended before was removed, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

impl AnchorReply {
    /// None where nothing was removed.
    fn of(anchor: Anchor) -> Option<Self> {
        let Anchor { head: Head { sequence: after, hash, .. }, until_ms } = anchor;
        (after > 0).then(|| Self { after, hash: hash.to_string(), until_ms })
    }
}

impl VerificationReply {
    /// What was found.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub fn of(found: Result<Verified, VerifyError>) -> Result<Self, StoreError> {
        match found {
            Ok(Verified { anchor, head, executions, decisions }) => Ok(Self::Whole {
                events: head.sequence - anchor.head.sequence,
                executions,
                decisions,
                head: head.hash.to_string(),
                anchor: AnchorReply::of(anchor),
            }),
            Err(VerifyError::Broken(broken)) => Ok(Self::Broken { broken: broken.to_string() }),
            Err(VerifyError::Store(error)) => Err(error),
        }
    }
}

/// Checks that no event, no execution and no decision was changed, removed or put elsewhere.
#[utoipa::path(
    get, path = PATH, tag = "events", operation_id = "verifyEvents", security(("bearer" = [])),
    responses(
        (status = 200, body = VerificationReply, description = "`broken` names the first thing that is not whole, and is absent where everything is."),
        super::openapi::SeenErrors,
    ),
)]
pub async fn verification(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let tenant = &caller.principal().tenant;
    let found = VerificationReply::of(app.executions.verify(tenant).await);
    Ok(ok(&found.map_err(ExecutionError::from)?))
}
