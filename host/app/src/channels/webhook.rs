//! A webhook: a CloudEvent (CloudEvents 1.0, structured JSON) in an HTTP request, signed as
//! Standard Webhooks says.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;

use super::Notice;
use super::config::WebhookConfig;
use super::delivery::Unsent;
use crate::clock::rfc3339;
use crate::outbound::{Connections, Endpoint, Signer, told};

/// A receiver of CloudEvents.
pub(super) struct Webhook {
    http: Sender,
    signer: Signer,
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
        Ok(Self { http: Sender::new(&config.endpoint)?, signer: Signer::new(&config.secret) })
    }

    /// Sends a notice; the receiver confirms it with any status of 200 to 299.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Unsent> {
        let body = cloud_event(notice);
        let request = self.http.post().header(CONTENT_TYPE, "application/cloudevents+json");
        self.http.send(self.signer.signed(request, &notice.id, body)).await
    }
}

impl Sender {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, reqwest::Error> {
        let client = endpoint.client(Connections::Kept)?;
        Ok(Self { client, endpoint: endpoint.clone() })
    }

    pub(super) fn post(&self) -> RequestBuilder {
        self.client.post(self.endpoint.url.clone())
    }

    /// The same, to another address of the same host.
    pub(super) fn post_to(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
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
