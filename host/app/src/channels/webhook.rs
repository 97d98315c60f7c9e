//! A webhook: a CloudEvent (CloudEvents 1.0, structured JSON) in an HTTP request, signed as
//! Standard Webhooks says.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Notice;
use super::config::{Endpoint, WebhookConfig};
use super::delivery::Unsent;
use crate::clock::now_ms;
use crate::outbound;

/// A receiver of CloudEvents.
pub(super) struct Webhook {
    http: Sender,
    signer: standardwebhooks::Webhook,
}

/// Sends to one endpoint.
pub(super) struct Sender {
    client: Client,
    endpoint: Endpoint,
}

/// A CloudEvent in structured JSON.
#[derive(Serialize)]
struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    data: T,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, reqwest::Error> {
        let signer = standardwebhooks::Webhook::new(config.secret.expose())
            .expect("a secret was checked when it was read");
        Ok(Self { http: Sender::new(&config.endpoint)?, signer })
    }

    /// Sends a notice; the receiver confirms it with any status of 200 to 299.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Unsent> {
        let body = cloud_event(notice);
        let seconds = i64::try_from(now_ms() / 1_000).unwrap_or(i64::MAX);
        let signature = self.signer.sign(&notice.id, seconds, body.as_bytes());
        let signature = signature.expect("JSON is UTF-8");
        let request = self.http.post().header(CONTENT_TYPE, "application/cloudevents+json");
        let request = request
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature);
        self.http.send(request.body(body)).await
    }
}

impl Sender {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, reqwest::Error> {
        let client = outbound::guarded(&endpoint.url, endpoint.timeout, &endpoint.reachable)?;
        Ok(Self { client, endpoint: endpoint.clone() })
    }

    pub(super) fn post(&self) -> RequestBuilder {
        self.client.post(self.endpoint.url.clone())
    }

    /// Sends; only the answer's head is read.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<(), Unsent> {
        match request.send().await {
            Ok(response) => confirmed(&response),
            Err(error) => Err(Unsent { error: told(error), retry: true, retry_after: None }),
        }
    }
}

fn cloud_event(notice: &Notice) -> String {
    let event = CloudEvent {
        specversion: "1.0",
        id: &notice.id,
        source: format!("urn:writ:tenant:{}", notice.tenant),
        kind: format!("writ.{}", notice.fact.kind()),
        subject: &notice.execution,
        time: rfc3339(notice.at_ms),
        datacontenttype: "application/json",
        data: notice.content(),
    };
    serde_json::to_string(&event).expect("a notice is JSON")
}

/// A time as RFC 3339 says, in UTC.
pub(super) fn rfc3339(at_ms: u64) -> String {
    let nanoseconds = i128::from(at_ms) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    // Beyond the year 9999 there is no text; whoever set a clock there is told the epoch.
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).expect("a time before the year 10000 has a text")
}

fn confirmed(response: &Response) -> Result<(), Unsent> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let seconds = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
    let retry_after = seconds.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let retry = !status.is_client_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    Err(Unsent { error: format!("the receiver answers {status}"), retry, retry_after })
}

/// What went wrong on the way, without the address.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_published_example() {
        // As the libraries of Standard Webhooks are tested.
        let signer = standardwebhooks::Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = signer.unwrap().sign(id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_614_265_330_123), "2021-02-25T15:02:10.123Z");
        assert_eq!(rfc3339(u64::MAX), "1970-01-01T00:00:00Z");
    }
}
