//! The task that takes executions whose tools are to be run, a bounded number at once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use writ_store::PAGE_MAX;

use super::super::{ExecutionError, Executions};
use super::Name;
use super::claim::Step;
use crate::clock::now_ms;
use crate::points;

/// How late work may be found that nobody told of: after a start, or where a lease has run out.
const EVERY: Duration = Duration::from_millis(500);
/// After how long what could not be done is tried again, in milliseconds.
const REST_MS: u64 = 5_000;
/// How often it is looked for what waits for tools that nobody has any more.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The task that runs tools. Dropping it stops the task.
#[derive(Debug)]
pub struct Worker {
    task: JoinHandle<()>,
    /// How long runs may take to come to their end.
    stop: watch::Sender<Duration>,
}

/// What the task keeps.
struct Working {
    executions: Executions,
    runs: JoinSet<Result<Step, ExecutionError>>,
    /// What is being run.
    names: HashMap<Id, Name>,
    /// When it is looked for what waits for tools that nobody has any more.
    look_for_changed: Instant,
}

impl Worker {
    /// Starts working.
    pub fn start(executions: Executions) -> Self {
        let (stop, stopped) = watch::channel(Duration::ZERO);
        // Whoever has the other version may be starting, too.
        let look_for_changed = Instant::now() + executions.workshop.config.changed_after;
        let working =
            Working { executions, runs: JoinSet::new(), names: HashMap::new(), look_for_changed };
        Self { task: tokio::spawn(working.run(stopped)), stop }
    }

    /// Begins nothing more, lets go what waits for people, and waits for the rest, at most for
    /// `timeout`. What is then cut off is given back, so that whoever works next takes it over at once.
    pub async fn stop(self, timeout: Duration) {
        self.stop.send_replace(timeout);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the worker ended by itself");
        }
    }
}

impl Working {
    async fn run(mut self, mut stopped: watch::Receiver<Duration>) {
        let executions = self.executions.clone();
        loop {
            let next = Instant::now() + EVERY;
            if let Err(error) = executions.do_errands().await {
                tracing::warn!(%error, "errands could not be done; they are tried again");
            }
            if let Err(error) = self.fill().await {
                tracing::warn!(%error, "no work could be found; it is tried again");
            }
            if Instant::now() >= self.look_for_changed {
                self.look_for_changed = Instant::now() + LOOK_EVERY;
                if let Err(error) = self.refuse_changed().await {
                    tracing::warn!(%error, "what waits for other tools could not be refused");
                }
            }
            tokio::select! {
                () = executions.workshop.bell.notified() => {}
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended).await,
                () = sleep_until(next) => {}
                _ = stopped.changed() => break,
            }
        }
        executions.workshop.stopping.send_replace(true);
        let all = async { while self.runs.join_next().await.is_some() {} };
        let timeout = *stopped.borrow();
        if tokio::time::timeout(timeout, all).await.is_err() {
            tracing::warn!(left = self.runs.len(), "runs of tools are cut off");
            self.runs.shutdown().await;
        }
        self.executions.give_back().await;
    }

    /// Begins as much as there is room for.
    async fn fill(&mut self) -> Result<(), ExecutionError> {
        let room = self.executions.workshop.config.running_max.saturating_sub(self.runs.len());
        if room == 0 {
            return Ok(());
        }
        // What is about to run is found again: it must not take the places of the others.
        let limit = (self.names.len() + room) as u32;
        let tools = self.executions.tools.bound();
        let found = self.executions.store.work(now_ms(), &tools, limit).await?;
        let running: HashSet<_> = self.names.values().cloned().collect();
        let is_new = |name: &Name| !running.contains(name);
        let new: Vec<_> = found.into_iter().filter(is_new).take(room).collect();
        for name in new {
            points::pass("worker.found");
            let (executions, (tenant, id)) = (self.executions.clone(), name.clone());
            let run = async move { Box::pin(executions.carry_out(&tenant, &id)).await };
            let id = self.runs.spawn(run).id();
            self.names.insert(id, name);
        }
        Ok(())
    }

    /// Refuses what has waited for so long for a tool that this host has in another version.
    async fn refuse_changed(&self) -> Result<(), ExecutionError> {
        let executions = &self.executions;
        let after_ms = executions.workshop.config.changed_after.as_millis() as u64;
        let (before_ms, tools) = (now_ms().saturating_sub(after_ms), executions.tools.bound());
        let found = executions.store.work_of_changed_tools(before_ms, &tools, PAGE_MAX).await?;
        for (tenant, id) in &found {
            if let Err(error) = executions.refuse_changed(tenant, id).await {
                tracing::warn!(execution = id, %error, "its tool is another now, and it still waits");
            }
        }
        Ok(())
    }

    async fn ended(
        &mut self,
        ended: Result<(Id, Result<Step, ExecutionError>), tokio::task::JoinError>,
    ) {
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
        if let Some((tenant, execution)) = self.names.remove(&id)
            && !is_done
            && let Err(error) =
                self.executions.store.rest(&tenant, &execution, now_ms() + REST_MS).await
        {
            tracing::warn!(execution, %error, "what cannot be done now is found again at once");
        }
    }
}
