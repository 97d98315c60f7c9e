//! Decisions that are built on nothing: what comes while one transaction is under way shares the
//! next one. Nothing is ever delayed to make a batch larger.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use writ_core::Tenant;

use super::backend::Inner;
use super::link::Link;
use super::scope::{Access, Scope};
use super::strands::Strands;
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
    pub(super) async fn queue(&self, decision: DecisionRow) -> Result<Answer, Failure> {
        let (done, answer) = oneshot::channel();
        let message = Message::Keep(Box::new(decision), done);
        self.messages.send(message).await.map_err(|_| Failure::closed())?;
        Ok(answer)
    }
}

/// Writes decisions, for as long as somebody may ask it to.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) link: Arc<Link>,
    pub(super) strands: Arc<Strands>,
    /// How many decisions one transaction carries at most.
    pub(super) batch_max: usize,
}

impl Writer {
    /// Runs until it is told to close, or nobody can ask it any more.
    pub(super) async fn run(self, mut messages: mpsc::Receiver<Message>) {
        let mut received = Vec::new();
        let mut is_closing = false;
        while !is_closing && messages.recv_many(&mut received, self.batch_max).await > 0 {
            let mut waiting = Vec::with_capacity(received.len());
            for message in received.drain(..) {
                match message {
                    Message::Keep(decision, done) => waiting.push((*decision, done)),
                    Message::Close => is_closing = true,
                }
            }
            self.keep(waiting).await;
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

    /// A transaction for each tenant's decisions: a host has one, so almost always one.
    async fn keep(&self, mut waiting: Vec<Waiting>) {
        while let Some((first, _)) = waiting.first() {
            let tenant = first.tenant.clone();
            let is_theirs = |(decision, _): &Waiting| decision.tenant == tenant;
            let (theirs, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_theirs);
            let (decisions, waiters): (Vec<_>, Vec<_>) = theirs.into_iter().unzip();
            let kept = self.insert(&tenant, decisions).await;
            let kept = kept.map_err(|error| self.link.failed(error));
            for waiter in waiters {
                waiter.send(kept.clone()).ok();
            }
            waiting = others;
        }
    }

    async fn insert(
        &self,
        tenant: &Tenant,
        decisions: Vec<DecisionRow>,
    ) -> Result<(), sqlx::Error> {
        let (started, count) = (Instant::now(), decisions.len());
        points::pass("store.decisions.begun");
        let mut transaction = self.link.begin(Scope::Tenant(tenant), Access::Write).await?;
        let written = self.strands.write(&mut transaction, tenant, decisions).await?;
        transaction.commit().await?;
        points::pass("store.decisions.committed");
        self.strands.settle(written);
        self.link.counters.count_batch(count, 0, started.elapsed());
        Ok(())
    }
}
