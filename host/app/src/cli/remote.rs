//! A running server, called over HTTP with the key in `WRIT_KEY`.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, IF_MATCH};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use writ_core::text::visible;

use super::exit::Failure;
use crate::auth::Secret;
use crate::config::Environment;

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to change something: to hear, check and compile what it is sent or told to load.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(300);

/// How many items a server gives at once.
const PAGE_MAX: usize = 100;

/// How much of a list is shown.
#[derive(Debug, clap::Args)]
pub(super) struct LimitArgs {
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

/// Which server is called, and how its answers are told.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// The server, called with the key in `WRIT_KEY`
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8181")]
    pub(super) server: String,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

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
    /// The server that the command line names.
    pub(super) fn open(args: &ServerArgs, environment: &Environment) -> Result<Self, Failure> {
        Self::new(&args.server, environment.key.clone())
    }

    /// A server, to be called with a key.
    pub(super) fn new(url: &str, key: Option<Secret>) -> Result<Self, Failure> {
        let base = base(url)?;
        if !crate::outbound::is_private(&base) {
            return Err(Failure::usage(format!(
                "`{url}` would show the key to everybody on the way\nhint: use `https`"
            )));
        }
        let Some(key) = key else {
            return Err(Failure::usage(
                "a server is called with a key, and there is none\n\
                 hint: put a key into the environment variable WRIT_KEY",
            ));
        };
        let client = crate::outbound::client(&base, TIMEOUT).map_err(Failure::internal)?;
        Ok(Self { client, base, key })
    }

    /// Reads what is at a path; each further segment is taken as it is.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.read(self.request(Method::GET, url)).await
    }

    /// Reads what is at a path; none where nothing is.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<Option<T>, Failure> {
        let response = self.answer(self.request(Method::GET, self.url(path))).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => self.body(self.accepted(response).await?).await.map(Some),
        }
    }

    /// Reads as many pages of a list as it takes for `limit` items: `items`, and `next` where there is
    /// more.
    pub(super) async fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: u32,
    ) -> Result<Value, Failure> {
        let (limit, mut items, mut next) = (limit as usize, Vec::new(), None::<String>);
        // One more than is shown: a full page alone does not tell whether there is more.
        while items.len() <= limit {
            let page = (limit + 1 - items.len()).min(PAGE_MAX).to_string();
            let cursor = next.as_deref().map(|next| ("cursor", next));
            let query = query.iter().copied().chain([("limit", page.as_str())]).chain(cursor);
            let page: Page = self.get(&[path], &query.collect::<Vec<_>>()).await?;
            items.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let is_more = items.len() > limit;
        items.truncate(limit);
        let mut list = json!({ "items": items });
        if let Some(last) = items.last().filter(|_| is_more) {
            list["next"] = last["id"].clone();
        }
        Ok(list)
    }

    /// Sends something to a path, and reads the answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.read(self.change(path).json(body)).await
    }

    /// The same, where what is there has an entity tag still (RFC 9110, section 13.1.1).
    pub(super) async fn post_if_match<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
        tag: &str,
    ) -> Result<T, Failure> {
        self.read(self.change(path).json(body).header(IF_MATCH, tag)).await
    }

    /// Sends bytes of some media type to a path, with one more header where there is one, and reads the answer.
    pub(super) async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &[&str],
        kind: &'static str,
        header: Option<(HeaderName, String)>,
        bytes: Vec<u8>,
    ) -> Result<T, Failure> {
        let request = self.change(path).header(CONTENT_TYPE, kind);
        let request =
            header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        self.read(request.body(bytes)).await
    }

    /// Removes what is at a path.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(self.request(Method::DELETE, self.url(path))).await.map(drop)
    }

    fn change(&self, path: &[&str]) -> RequestBuilder {
        self.request(Method::POST, self.url(path)).timeout(CHANGE_TIMEOUT)
    }

    /// What is at a path below the server's own; of which only the first part has segments.
    fn url(&self, path: &[&str]) -> Url {
        let (mut url, mut path) = (self.base.clone(), path.iter());
        let first = path.next().map_or("", |first| first.trim_start_matches('/'));
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(first.split('/')).extend(path);
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url).bearer_auth(self.key.expose())
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        self.body(self.send(request).await?).await
    }

    async fn body<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        response.json().await.map_err(|error| self.unreadable(&error))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        self.accepted(self.answer(request).await?).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| self.unreadable(&error))
    }

    async fn accepted(&self, response: Response) -> Result<Response, Failure> {
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
        if error.is_connect() {
            text.push_str("\nhint: `--server URL` says where the server is");
        } else if error.is_timeout() {
            text.push_str("\nhint: it may have done, or still do, what it was asked for: look before you ask again");
        }
        Failure::internal(text)
    }
}

/// Where a server is.
fn base(url: &str) -> Result<Url, Failure> {
    let refused =
        |why: &str| Failure::usage(format!("`{url}` {why}\nhint: write `http://127.0.0.1:8181`"));
    let base: Url = url.parse().map_err(|error| refused(&format!("is no URL: {error}")))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(refused("does not begin with `http://` or `https://`"));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(refused("leads to a place on a server, with `?` or `#`"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Failure::usage(
            "the URL of a server names no user\nhint: put a key into the environment variable WRIT_KEY",
        ));
    }
    Ok(base)
}

/// The last line of a list that is not all there is.
pub(super) const MORE: &str = "There is more: a larger `--limit` shows it.\n";

/// That line, where a list needs it.
pub(super) fn more(page: &Value) -> &'static str {
    if page.get("next").is_some() { MORE } else { "" }
}

/// A JSON text without its quotes; anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    visible(value.as_str().unwrap_or(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_servers_own() {
        let key = || Some(Secret::new("k".to_owned()));
        let url = |base: &str| Remote::new(base, key()).unwrap().url(&["/v1/keys", "a/b"]);
        assert_eq!(url("http://127.0.0.1:1").as_str(), "http://127.0.0.1:1/v1/keys/a%2Fb");
        let below = "http://127.0.0.1:1/writ/v1/keys/a%2Fb";
        assert_eq!(url("http://127.0.0.1:1/writ").as_str(), below);
        assert_eq!(url("http://127.0.0.1:1/writ/").as_str(), below);
    }
}
