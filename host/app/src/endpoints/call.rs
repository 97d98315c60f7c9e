//! One call, and what its answer means.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use writ_core::{Action, Digest, Entity, Execution, Json};

use super::RegisteredEndpoint;
use crate::outbound::told;

/// How long an answer may be, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// How much of a refusal is told, in characters.
const REFUSAL_CHARS_MAX: usize = 1_000;

/// What an endpoint answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Called {
    /// It has carried the action out: any status of 200 to 299.
    Done(Json),
    /// It has not, and will not: another status that is the caller's fault.
    Refused(Refusal),
}

/// Why an endpoint does not carry an action out.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that it answers.
    pub status: StatusCode,
    /// What it says, which may repeat arguments: nothing that is told everywhere.
    pub text: String,
}

/// What an endpoint answered is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Why. Shown to operators, so it holds no address and no secret.
    pub error: String,
    /// Whether the call may have arrived, and have been carried out.
    pub may_have_arrived: bool,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

/// What is sent.
#[derive(Serialize)]
struct Call<'a> {
    /// The execution's id.
    id: &'a str,
    tenant: &'a str,
    /// The action's digest, as people agreed to it.
    digest: Digest,
    subject: &'a Entity,
    action: &'a Action,
    resource: &'a Entity,
}

impl RegisteredEndpoint {
    /// Calls once, within the endpoint's time-out.
    ///
    /// # Errors
    /// That nobody knows what it answered.
    pub async fn call(&self, execution: &Execution) -> Result<Called, Unanswered> {
        let request = self.client.post(self.endpoint.url.clone());
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            // As draft-ietf-httpapi-idempotency-key-header says: a structured string.
            .header("idempotency-key", format!("\"{}\"", execution.id));
        let request = self.signer.signed(request, &execution.id, body(execution));
        let response = request.send().await.map_err(|error| Unanswered {
            may_have_arrived: !error.is_connect(),
            error: told(error),
            retry_after: None,
        })?;
        answered(response).await
    }
}

fn body(execution: &Execution) -> String {
    let call = Call {
        id: &execution.id,
        tenant: execution.tenant.as_str(),
        digest: execution.digest,
        subject: &execution.request.subject,
        action: execution.action(),
        resource: &execution.request.resource,
    };
    serde_json::to_string(&call).expect("a request is JSON")
}

async fn answered(response: Response) -> Result<Called, Unanswered> {
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let unanswered = |may_have_arrived| Unanswered {
        error: format!("it answers {status}"),
        may_have_arrived,
        retry_after,
    };
    match status {
        // It says that it has not looked at the request.
        StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => Err(unanswered(false)),
        // A proxy may say so of a request that it has passed on.
        StatusCode::REQUEST_TIMEOUT => Err(unanswered(true)),
        status if status.is_success() => Ok(Called::Done(result(response).await?)),
        status if status.is_client_error() => {
            let text = read(response).await.unwrap_or_default();
            let text: String =
                String::from_utf8_lossy(&text).chars().take(REFUSAL_CHARS_MAX).collect();
            Ok(Called::Refused(Refusal { status, text }))
        }
        _ => Err(unanswered(true)),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// What it gave: JSON as it is, any other text as a string, and nothing as null.
async fn result(response: Response) -> Result<Json, Unanswered> {
    let bytes = read(response).await?;
    if bytes.is_empty() {
        return Ok(json(&Value::Null));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Json::parse(&text).unwrap_or_else(|_| json(&Value::String(text))))
}

fn json(value: &Value) -> Json {
    Json::from_value(value).expect("a text or nothing is JSON")
}

async fn read(mut response: Response) -> Result<Vec<u8>, Unanswered> {
    let broken = |error| Unanswered { error, may_have_arrived: true, retry_after: None };
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| broken(told(error)))? {
        bytes.extend_from_slice(&part);
        if bytes.len() > ANSWER_BYTES_MAX {
            let error = format!("its answer has more than {ANSWER_BYTES_MAX} bytes");
            return Err(broken(error));
        }
    }
    Ok(bytes)
}
