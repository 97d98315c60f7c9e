//! Decisions that are built on nothing: what comes while one transaction is under way shares the
//! next one. Nothing is ever delayed to make a batch larger.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::backend::Inner;
use super::decisions;
use super::link::Link;
use super::scope::{Access, Scope};
use crate::commit::Answer;
use crate::error::Failure;
use crate::points;
use crate::row::DecisionRow;

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// Make a decision durable.
    Keep(Box<DecisionRow>, oneshot::Sender<Result<(), Failure>>),
    /// Make all before this durable, and stop.
    Close,
}

/// A decision, and whoever waits for it.
type Waiting = (DecisionRow, oneshot::Sender<Result<(), Failure>>);

impl Inner {
    /// Hands a decision to the writer.
    pub(super) async fn queue(&self, mut decision: DecisionRow) -> Result<Answer, Failure> {
        decision.seal(&self.config.sealing);
        let (done, answer) = oneshot::channel();
        let message = Message::Keep(Box::new(decision), done);
        self.messages.send(message).await.map_err(|_| Failure::closed())?;
        Ok(answer)
    }
}

/// Runs until it is told to close, or nobody can ask it any more.
pub(super) async fn run(link: Arc<Link>, mut messages: mpsc::Receiver<Message>, batch_max: usize) {
    let mut received = Vec::new();
    let mut is_closing = false;
    while !is_closing && messages.recv_many(&mut received, batch_max).await > 0 {
        let mut waiting = Vec::with_capacity(received.len());
        for message in received.drain(..) {
            match message {
                Message::Keep(decision, done) => waiting.push((*decision, done)),
                Message::Close => is_closing = true,
            }
        }
        link.keep(waiting).await;
        // Who was just answered goes first: what it decides next joins the next batch.
        tokio::task::yield_now().await;
    }
    messages.close();
    while let Ok(message) = messages.try_recv() {
        if let Message::Keep(_, done) = message {
            // Who no longer waits has given up on the answer.
            done.send(Err(Failure::closed())).ok();
        }
    }
}

impl Link {
    /// A transaction for each tenant's decisions: a host has one, so almost always one.
    async fn keep(&self, mut waiting: Vec<Waiting>) {
        while let Some((first, _)) = waiting.first() {
            let tenant = first.record.tenant.clone();
            let is_theirs = |(decision, _): &Waiting| decision.record.tenant == tenant;
            let (theirs, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_theirs);
            self.keep_some(theirs).await;
            waiting = others;
        }
    }

    /// Keeps decisions of one tenant. Where all together are refused, each is tried by itself, so
    /// that none suffers for another.
    async fn keep_some(&self, waiting: Vec<Waiting>) {
        let (decisions, waiters): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let kept = self.insert(&decisions).await;
        let is_refused = matches!(kept, Err(sqlx::Error::Database(_)));
        if is_refused && decisions.len() > 1 {
            for (decision, waiter) in decisions.iter().zip(waiters) {
                let kept = self.insert(std::slice::from_ref(decision)).await;
                waiter.send(kept.map_err(|error| self.failed(error))).ok();
            }
            return;
        }
        let kept = kept.map_err(|error| self.failed(error));
        for waiter in waiters {
            waiter.send(kept.clone()).ok();
        }
    }

    async fn insert(&self, decisions: &[DecisionRow]) -> Result<(), sqlx::Error> {
        let Some(first) = decisions.first() else { return Ok(()) };
        let started = Instant::now();
        points::pass("store.decisions.begun");
        let scope = Scope::Tenant(&first.record.tenant);
        let mut transaction = self.begin(scope, Access::Write).await?;
        decisions::insert(&mut transaction, decisions).await?;
        transaction.commit().await?;
        points::pass("store.decisions.committed");
        self.counters.count_batch(decisions.len(), 0, started.elapsed());
        Ok(())
    }
}
