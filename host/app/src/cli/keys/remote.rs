//! The keys of a running server, over HTTP.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use writ_core::KeyId;

use crate::auth::Secret;
use crate::cli::exit::Failure;
use crate::http::keys::{IssuedReply, KEYS, KeyBody, KeysReply};

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running server, and the key that it is called with.
pub(super) struct Remote {
    client: Client,
    base: Url,
    key: Secret,
}

/// What is read of problem details (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    title: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Remote {
    pub(super) fn new(url: &str, key: Option<Secret>) -> Result<Self, Failure> {
        let base: Url = url.parse().map_err(|error| {
            Failure::usage(format!(
                "`{url}` is no URL: {error}\nhint: write `http://127.0.0.1:8181`"
            ))
        })?;
        if !crate::outbound::is_private(&base) {
            return Err(Failure::usage(format!(
                "`{url}` would show the key to everybody on the way\nhint: use `https`"
            )));
        }
        let Some(key) = key else {
            return Err(Failure::usage(
                "a server is called with a key, and there is none\n\
                 hint: put an operator's key into the environment variable WRIT_KEY",
            ));
        };
        let client = crate::outbound::client(&base, TIMEOUT).map_err(Failure::internal)?;
        Ok(Self { client, base, key })
    }

    pub(super) async fn create(&self, body: &KeyBody) -> Result<IssuedReply, Failure> {
        self.read(self.request(Method::POST, KEYS)?.json(body)).await
    }

    pub(super) async fn list(&self) -> Result<KeysReply, Failure> {
        self.read(self.request(Method::GET, KEYS)?).await
    }

    pub(super) async fn revoke(&self, id: KeyId) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &format!("{KEYS}/{id}"))?;
        self.send(request).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = self.base.join(path).map_err(Failure::usage)?;
        Ok(self.client.request(method, url).bearer_auth(self.key.expose()))
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.send(request).await?;
        response.json().await.map_err(|error| self.unreadable(&error))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreadable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let Told { title, detail, hint } = response.json().await.unwrap_or_default();
        let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let text = format!("{} answers {status}: {title}{detail}{hint}", self.base);
        Err(if status.is_client_error() { Failure::refused(text) } else { Failure::internal(text) })
    }

    fn unreadable(&self, error: &reqwest::Error) -> Failure {
        let mut text = format!("{} gives no answer that can be read: {error}", self.base);
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Failure::internal(text)
    }
}
