//! `GET /v1/events`: everything that happens in a tenant, as server-sent events.
//!
//! An event's id is its place in the tenant's chain, so that a reader who was cut off goes on with
//! `Last-Event-ID` and misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use writ_core::{ChainedEvent, Tenant};

use super::App;
use super::access::{self, WATCHERS};
use super::executions::reply::EventReply;
use super::guard::only;
use super::problem::{Problem, ProblemCode};
use crate::auth::Caller;
use crate::service::executions::ExecutionError;

/// Where events are.
pub const PATH: &str = "/v1/events";
/// With which a reader goes on where it was cut off.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How many events are read at once.
const PAGE: u32 = 256;
/// How often a silent stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams events from the one after `Last-Event-ID`, or from now on.
#[utoipa::path(
    get, path = PATH, tag = "events", operation_id = "streamEvents", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<u64>, Header, description = "The last event that the reader has; 0 for all there are. Without it, the stream begins with what happens next.")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "Events, as they become durable."),
        super::openapi::SeenErrors,
    ),
)]
pub async fn stream(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let store = app.executions.store();
    let changes = store.changes();
    let last = store.last_sequence(&by.tenant).await.map_err(ExecutionError::from)?;
    let after = match only(&headers, &LAST_EVENT_ID)? {
        Some(id) => id.to_str().ok().and_then(|id| id.parse().ok()).filter(|id| *id <= last),
        None => Some(last),
    };
    let after = after.ok_or_else(|| {
        Problem::new(ProblemCode::InvalidRequest)
            .with_detail(format!("`Last-Event-ID` is the place of no event: there are {last}"))
            .with_hint("send the `id` of the last event that was read, or 0")
    })?;
    let tenant = by.tenant.clone();
    let reader =
        Reader { app: app.clone(), tenant, after, page: VecDeque::new(), changes, headers };
    let sse = Sse::new(reader.into_stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(sse.into_response())
}

/// Where a reader is in its tenant's chain.
struct Reader {
    app: Arc<App>,
    tenant: Tenant,
    after: u64,
    page: VecDeque<ChainedEvent>,
    changes: watch::Receiver<u64>,
    /// With which the reader made itself known.
    headers: HeaderMap,
}

impl Reader {
    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok(event), reader))
        })
    }

    /// The next event; none where the host stops or cannot read, or the reader's key has ended: it
    /// comes again, if it may.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.after = event.sequence;
                return Some(write(&event));
            }
            self.changes.borrow_and_update();
            let store = self.app.executions.store();
            let page = store.events_page(&self.tenant, None, self.after, PAGE).await;
            self.page = match page {
                Ok(page) => page.into(),
                Err(error) => {
                    tracing::error!(%error, "a stream of events ends: they cannot be read");
                    return None;
                }
            };
            if !self.page.is_empty() {
                access::caller(&self.app, &self.headers, WATCHERS).await.ok()?;
            } else {
                tokio::select! {
                    changed = self.changes.changed() => changed.ok()?,
                    () = self.app.lifecycle.draining() => return None,
                }
            }
        }
    }
}

fn write(event: &ChainedEvent) -> Event {
    let text = serde_json::to_string(&EventReply::new(event)).expect("a fact is JSON");
    Event::default().id(event.sequence.to_string()).data(text)
}
