//! The task that takes executions whose tools are to be run, a bounded number at once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use writ_core::Tenant;
use writ_core::execution::{Awaited, Status};
use writ_store::{ExecutionFilter, PAGE_MAX};

use super::super::{ExecutionError, Executions};
use super::Name;
use super::run::Step;
use crate::clock::now_ms;

/// How late work may be found that nobody told of: after a start, or where a lease has run out.
const EVERY: Duration = Duration::from_millis(500);
/// How often tools are looked for that nobody told of what they wait for. It reads all that are
/// suspended, and there may be many.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// After how long what could not be done is tried again.
const REST: Duration = Duration::from_secs(5);
/// How long runs may take to come to their end when the host stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The task that runs tools. Dropping it stops the task.
#[derive(Debug)]
pub struct Worker {
    task: JoinHandle<()>,
    stop: watch::Sender<()>,
}

/// What the task keeps.
struct Working {
    executions: Executions,
    runs: JoinSet<Result<Step, ExecutionError>>,
    /// What is being run.
    names: HashMap<Id, Name>,
    /// What could not be done, and when it is tried again.
    resting: HashMap<Name, Instant>,
}

impl Worker {
    /// Starts working.
    pub fn start(executions: Executions) -> Self {
        let (stop, stopped) = watch::channel(());
        let working = Working {
            executions,
            runs: JoinSet::new(),
            names: HashMap::new(),
            resting: HashMap::new(),
        };
        Self { task: tokio::spawn(working.run(stopped)), stop }
    }

    /// Begins nothing more, lets go what waits for people, and waits for the rest for a while. What
    /// is then cut off is given back, so that whoever works next takes it over at once.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the worker ended by itself");
        }
    }
}

impl Working {
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let executions = self.executions.clone();
        let mut look = Instant::now();
        loop {
            let next = Instant::now() + EVERY;
            if Instant::now() >= look && self.find_untold().await.is_ok() {
                look = Instant::now() + LOOK_EVERY;
            }
            self.tell_callers().await;
            if let Err(error) = self.fill().await {
                tracing::warn!(%error, "no work could be found; it is tried again");
            }
            tokio::select! {
                () = executions.workshop.bell.notified() => {}
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended),
                () = sleep_until(next) => {}
                // The sender is dropped: that is the sign.
                _ = stopped.changed() => break,
            }
        }
        executions.workshop.stopping.send_replace(true);
        let all = async { while self.runs.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
            tracing::warn!(left = self.runs.len(), "runs of tools are cut off");
            self.runs.shutdown().await;
        }
        self.executions.give_back().await;
        self.tell_callers().await;
    }

    /// Looks, after a start and now and then, for tools that wait for what has ended: whoever was to
    /// tell them may have been killed before.
    async fn find_untold(&self) -> Result<(), ExecutionError> {
        let (store, tenant) = (&self.executions.store, Tenant::default());
        let filter =
            ExecutionFilter { status: Some("suspended".to_owned()), ..ExecutionFilter::default() };
        let mut before = None;
        loop {
            let page = store.executions_page(&tenant, &filter, before.as_deref(), PAGE_MAX).await?;
            for waiting in &page {
                let Status::Suspended { awaits: Awaited::Execution { id, has_ended: false } } =
                    &waiting.status
                else {
                    continue;
                };
                if let Some(called) = store.execution(&tenant, id).await? {
                    self.executions.workshop.note(&called);
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE_MAX as usize => before = Some(last.id.clone()),
                _ => return Ok(()),
            }
        }
    }

    /// Tells tools that wait for others that those have ended.
    async fn tell_callers(&self) {
        let calls = std::mem::take(&mut *self.executions.workshop.ended());
        for call in calls {
            if let Err(error) = self.executions.tell_caller(&call).await {
                tracing::warn!(execution = call.caller, %error, "a caller is told later");
                self.executions.workshop.ended().push(call);
            }
        }
    }

    /// Begins as much as there is room for.
    async fn fill(&mut self) -> Result<(), ExecutionError> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let room = self.executions.workshop.config.running_max.saturating_sub(self.runs.len());
        if room == 0 {
            return Ok(());
        }
        // What runs or rests is found again: it must not take the places of the others.
        let known = (self.names.len() + self.resting.len()) as u32;
        let limit = known.saturating_add(room as u32).min(PAGE_MAX);
        let found = self.executions.store.work(now_ms(), limit).await?;
        let running: HashSet<_> = self.names.values().cloned().collect();
        let is_new = |name: &Name| !running.contains(name) && !self.resting.contains_key(name);
        let new: Vec<_> = found.into_iter().filter(is_new).take(room).collect();
        for name in new {
            let (executions, (tenant, id)) = (self.executions.clone(), name.clone());
            let run = async move { executions.carry_out(&tenant, &id).await };
            let id = self.runs.spawn(run).id();
            self.names.insert(id, name);
        }
        Ok(())
    }

    fn ended(&mut self, ended: Result<(Id, Result<Step, ExecutionError>), tokio::task::JoinError>) {
        let (id, is_done) = match ended {
            Ok((id, Ok(step))) => (id, step == Step::Done),
            Ok((id, Err(error))) => {
                tracing::warn!(%error, "a tool could not be run; it is tried again");
                (id, false)
            }
            Err(error) => {
                tracing::error!(%error, "a run of a tool ended by itself");
                (error.id(), false)
            }
        };
        if let Some(name) = self.names.remove(&id)
            && !is_done
        {
            self.resting.insert(name, Instant::now() + REST);
        }
    }
}
