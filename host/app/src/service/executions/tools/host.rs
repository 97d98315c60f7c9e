//! Answers what a running tool asks: from the journal what was asked before, else anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use writ_core::journal::{Entry, Journal, Next, Outcome};
use writ_core::tool::{Answer, Halt, HostCall, HostFuture};
use writ_core::{Digest, Sensitive, ToolHost};
use writ_store::{RecordError, Run};

use super::super::Executions;
use crate::tool_set::LoadedTool;

/// The host of one run.
pub(super) struct RunHost {
    pub(super) executions: Executions,
    pub(super) tool: Arc<LoadedTool>,
    pub(super) run: Run,
    /// Digest of the permit of the run's claim.
    pub(super) permit: Digest,
    /// What must not be told of its arguments.
    pub(super) sensitive: Arc<Sensitive>,
    book: Mutex<Book>,
    replays: AtomicBool,
    began: Instant,
    /// How long the run has waited so far, in milliseconds.
    waited_ms: AtomicU64,
}

/// A wait that counts until it is dropped.
pub(super) struct Wait<'a> {
    host: &'a RunHost,
    since: Instant,
}

/// What the run has been answered.
pub(super) struct Book {
    pub(super) journal: Journal,
    /// Entries that only tell what was read: kept with the next one that tells of a change.
    pub(super) unkept: Vec<Entry>,
}

impl RunHost {
    pub(super) fn new(
        executions: Executions,
        tool: Arc<LoadedTool>,
        run: Run,
        permit: Digest,
        book: Book,
    ) -> Self {
        let replays = AtomicBool::new(book.journal.replays());
        let book = Mutex::new(book);
        let (began, waited_ms, sensitive) = (Instant::now(), AtomicU64::new(0), Arc::default());
        Self { executions, tool, run, permit, sensitive, book, replays, began, waited_ms }
    }

    /// The same, with what must not be told of the arguments.
    pub(super) fn keeping(self, sensitive: Arc<Sensitive>) -> Self {
        Self { sensitive, ..self }
    }

    /// What it was answered, once its tool has ended.
    pub(super) async fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().await
    }

    /// Begins to wait. Gives also when the grace period of the run is used up.
    pub(super) fn wait(&self) -> (Wait<'_>, Instant) {
        let since = Instant::now();
        let waited = Duration::from_millis(self.waited_ms.load(Ordering::Relaxed));
        let left = self.executions.workshop.config.grace.saturating_sub(waited);
        (Wait { host: self, since }, since + left)
    }

    async fn answered(&self, call: HostCall) -> Result<Answer, Halt> {
        // Held for the whole call: a tool makes one after the other.
        let mut book = self.book.lock().await;
        let next = book.journal.next(&call).map_err(Halt::Fault)?;
        let replays = book.journal.replays();
        if self.replays.swap(replays, Ordering::Relaxed) && !replays {
            let metrics = self.executions.service.metrics().tool(&self.tool.signature.bound.name);
            metrics.resumed(self.began.elapsed());
        }
        match (next, &call) {
            (Next::Recorded(Outcome::Begun { .. }), _) => unreachable!("no call has its digest"),
            (Next::Recorded(Outcome::Answered(answer)), _) => Ok(answer),
            (Next::Recorded(Outcome::Asked { approval }), _) => self.end_of(&approval).await,
            (Next::New, HostCall::Ask { requirement }) => {
                let requirement = requirement.clone();
                self.ask(&mut book, &call, requirement).await
            }
            (Next::Recorded(Outcome::Called { execution }), call) => match call {
                HostCall::CallTool { name, arguments } => {
                    self.end_of_call(&execution, name, arguments).await
                }
                // The digest of the call is the recorded one's, so it is the same call.
                _ => unreachable!("only a tool is called"),
            },
            (Next::New, HostCall::Search { query, limit }) => {
                book.read(&call, self.search(query, *limit))
            }
            (Next::New, HostCall::CallTool { name, arguments }) => {
                // Boxed: a tool calls another now and then, and its decision would be in every answer.
                Box::pin(self.call_tool(&mut book, &call, name, arguments)).await
            }
            (
                Next::New,
                HostCall::ReadFile { .. }
                | HostCall::WriteFile { .. }
                | HostCall::ListFiles { .. }
                | HostCall::RemoveFile { .. },
            ) => self.file(&mut book, &call).await,
            (Next::New, _) => self.store(&mut book, &call).await,
        }
    }

    /// Why nothing more can be recorded: another run has begun, or the store does not answer. Then
    /// the call begins again, in that run or in a later one.
    pub(super) fn unkept(&self, error: &RecordError) -> Halt {
        let execution = self.run.execution.as_str();
        match error {
            RecordError::Superseded => {
                tracing::info!(execution, "another run goes on with the tool");
            }
            RecordError::Commit(_) | RecordError::Store(_) => {
                tracing::error!(execution, %error, "what a tool did cannot be kept; it runs again");
            }
        }
        Halt::Dropped
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let waited_ms = self.since.elapsed().as_millis() as u64;
        self.host.waited_ms.fetch_add(waited_ms, Ordering::Relaxed);
    }
}

impl Book {
    /// An answer that changes nothing.
    pub(super) fn read(&mut self, call: &HostCall, answer: Answer) -> Result<Answer, Halt> {
        let outcome = Outcome::Answered(answer.clone());
        let entry = self.journal.draft(call, outcome).map_err(Halt::Fault)?;
        self.journal.record(entry.clone());
        self.unkept.push(entry);
        Ok(answer)
    }

    /// All that is to be kept with an entry.
    pub(super) fn with(&self, entry: &Entry) -> Vec<Entry> {
        self.unkept.iter().chain([entry]).cloned().collect()
    }

    /// It is kept.
    pub(super) fn kept(&mut self, entry: Entry) {
        self.unkept.clear();
        self.journal.record(entry);
    }
}

impl ToolHost for RunHost {
    fn answer<'a>(&'a self, call: HostCall) -> HostFuture<'a> {
        Box::pin(self.answered(call))
    }

    fn replays(&self) -> bool {
        self.replays.load(Ordering::Relaxed)
    }
}
