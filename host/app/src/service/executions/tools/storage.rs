//! Storage of a running tool: each call is a transaction of its own, kept with its entry.

use writ_core::journal::Outcome;
use writ_core::ledger::{PAGE_KEYS_MAX, StorageError};
use writ_core::ports::{Page, Unavailable};
use writ_core::tool::{Answer, Bytes, Entry, Halt, HostCall};
use writ_core::{Fault, FaultCode, Ledger};
use writ_store::{CommitError, RecordError};

use super::host::{Book, RunHost};
use crate::clock::now_ms;
use crate::points;

/// How often a call is tried again because others changed what it had read.
const ROUNDS_MAX: usize = 64;

impl RunHost {
    /// Does a call of `storage`.
    pub(super) async fn store(&self, book: &mut Book, call: &HostCall) -> Result<Answer, Halt> {
        for _ in 0..ROUNDS_MAX {
            let mut ledger = Ledger::new(now_ms(), &self.tool.tool.limits().of_guest());
            let answer = self.on(&mut ledger, call).await.map_err(|error| {
                let execution = self.run.execution.as_str();
                tracing::error!(execution, %error, "storage cannot be read for a tool; it runs again");
                Halt::Dropped
            })?;
            if ledger.writes().next().is_none() {
                return book.read(call, answer);
            }
            let outcome = Outcome::Answered(answer.clone());
            let entry = book.journal.draft(call, outcome).map_err(Halt::Fault)?;
            let ledgers = vec![(self.tool.namespace.clone(), ledger)];
            match self.executions.store.record(&self.run, &book.with(&entry), ledgers).await {
                Ok(()) => {
                    points::pass("tool.storage.kept");
                    book.kept(entry);
                    return Ok(answer);
                }
                Err(RecordError::Commit(CommitError::Conflict(_))) => {}
                Err(error) => return Err(self.unkept(&error)),
            }
        }
        let text = "others kept changing what the tool had read";
        Err(Halt::Fault(Fault::new(FaultCode::StorageConflict, text)))
    }

    /// Does a call on what the store holds now.
    async fn on(&self, ledger: &mut Ledger, call: &HostCall) -> Result<Answer, Unavailable> {
        let answer = match call {
            HostCall::Get { key } => self.knowing(ledger, key).await?.map(|()| {
                let entry = ledger.get(key);
                let entry =
                    entry.map(|(value, version)| Entry { value: Bytes(value.to_vec()), version });
                Answer::Entry { entry }
            }),
            HostCall::Set { key, value: Bytes(value), ttl } => {
                self.writing(ledger, key).await?.and_then(|()| {
                    let version = ledger.set(key, value.clone(), *ttl)?;
                    Ok(Answer::Version { version })
                })
            }
            HostCall::CompareAndSet { key, expected, value: Bytes(value), ttl } => {
                self.writing(ledger, key).await?.and_then(|()| {
                    let version = ledger.compare_and_set(key, *expected, value.clone(), *ttl)?;
                    Ok(Answer::Version { version })
                })
            }
            HostCall::Increment { key, delta, ttl } => self
                .writing(ledger, key)
                .await?
                .and_then(|()| Ok(Answer::Count { count: ledger.increment(key, *delta, *ttl)? })),
            HostCall::Delete { key } => {
                let known = self.writing(ledger, key).await?;
                known.map(|()| Answer::Deleted { was_there: ledger.delete(key) })
            }
            HostCall::ListKeys { prefix, cursor } => {
                Ok(self.page(ledger, prefix, cursor.as_deref()).await?)
            }
            HostCall::Ask { .. }
            | HostCall::Search { .. }
            | HostCall::CallTool { .. }
            | HostCall::ReadFile { .. }
            | HostCall::WriteFile { .. }
            | HostCall::ListFiles { .. }
            | HostCall::RemoveFile { .. } => unreachable!("it is no call of storage"),
        };
        Ok(answer.unwrap_or_else(|error| Answer::NotStored { error }))
    }

    /// Tells the ledger what the store holds of a key; the inner error is for the tool.
    async fn knowing(
        &self,
        ledger: &mut Ledger,
        key: &str,
    ) -> Result<Result<(), StorageError>, Unavailable> {
        if let Err(error) = Ledger::check_key(key) {
            return Ok(Err(error));
        }
        let stored = self.executions.service.rounds.storage.read(&self.tool.namespace, key).await?;
        ledger.learn(key, stored);
        Ok(Ok(()))
    }

    /// The same, and what is needed to write the key.
    async fn writing(
        &self,
        ledger: &mut Ledger,
        key: &str,
    ) -> Result<Result<(), StorageError>, Unavailable> {
        let usage = self.executions.service.rounds.storage.usage(&self.tool.namespace).await?;
        ledger.learn_usage(usage);
        self.knowing(ledger, key).await
    }

    async fn page(
        &self,
        ledger: &mut Ledger,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Answer, Unavailable> {
        let page = Page { prefix, after, limit: PAGE_KEYS_MAX, now_ms: ledger.now_ms() };
        let listing =
            self.executions.service.rounds.storage.list(&self.tool.namespace, page).await?;
        let (keys, next) = ledger.list(listing, prefix, after, PAGE_KEYS_MAX);
        Ok(Answer::Keys { keys, next })
    }
}
