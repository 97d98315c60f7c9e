//! Whether a tenant's evidence is whole: its events follow each other, and its executions are what
//! the last event of each tells.
//!
//! What only finds things, and holds nothing itself, is not looked at: which approval belongs to
//! which execution, what it is about, whom it asks, and callers' keys.

use writ_core::chain::{Breach, Break, Head};
use writ_core::{Digest, Execution, Tenant, Verifier};

use crate::error::{Failure, StoreError};
use crate::execution::PAGE_MAX;
use crate::port::on;
use crate::row::{ExecutionRow, KeptEvent, KeptExecution};
use crate::sealing::{Opener, SealError, Sealed};
use crate::store::Store;

/// What was found to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where the chain ends. Noted elsewhere, it tells later whether the end was cut off, or
    /// everything was made anew, which nothing within the store can tell.
    pub head: Head,
    /// How many executions there are.
    pub executions: u64,
}

/// Evidence is not whole, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something was changed by somebody else than the store.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first thing that is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An event.
    #[error("{at}{}", of(execution))]
    Event {
        /// Where in the chain, and what is wrong there.
        at: Break,
        /// The execution that it tells of, as far as that can be told.
        execution: Option<String>,
    },
    /// An execution is not what its last event tells.
    #[error("execution `{execution}` is not what event {sequence} tells")]
    Changed {
        /// Which.
        execution: String,
        /// Its last event's place in the chain.
        sequence: u64,
    },
    /// An execution of which events tell is not there.
    #[error("execution `{execution}`, of which event {sequence} tells, is not there")]
    Removed {
        /// Which.
        execution: String,
        /// The first event that tells of it.
        sequence: u64,
    },
    /// No event tells of an execution that is there.
    #[error("no event tells of execution `{execution}`")]
    Untold {
        /// Which.
        execution: String,
    },
}

fn of(execution: &Option<String>) -> String {
    execution.as_ref().map(|id| format!(" (execution `{id}`)")).unwrap_or_default()
}

impl Store {
    /// Reads all events and executions of a tenant, and checks that none was changed, removed or
    /// put elsewhere by anybody but the store. Sees everything as it is when it begins; SQLite's
    /// write-ahead log cannot be cut before it ends.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] with the first thing that is not whole, and [`VerifyError::Store`].
    pub async fn verify(&self, tenant: &Tenant) -> Result<Verified, VerifyError> {
        on!(self, backend => {
            let mut view = backend.view(tenant).await.map_err(unavailable)?;
            verified(&mut view, backend.sealing().of(tenant)).await
        })
    }
}

/// What is kept of a tenant, all of it as it was at one time.
pub(crate) trait Evidence {
    /// Events in the order of their places, those after one.
    async fn events(&mut self, after: u64, limit: u32) -> Result<Vec<KeptEvent>, sqlx::Error>;

    /// The first event of an execution that is not there, with the execution's id.
    async fn removed(&mut self) -> Result<Option<(String, u64)>, sqlx::Error>;

    /// Executions in the order of their ids, those after one.
    async fn executions(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<KeptExecution>, sqlx::Error>;
}

async fn verified(view: &mut impl Evidence, opener: Opener<'_>) -> Result<Verified, VerifyError> {
    let head = follow(view, opener.tenant).await?;
    if let Some((execution, sequence)) = view.removed().await.map_err(unavailable)? {
        return Err(Broken::Removed { execution, sequence }.into());
    }
    let executions = compare(view, opener).await?;
    Ok(Verified { head, executions })
}

/// Follows the chain to its end.
async fn follow(view: &mut impl Evidence, tenant: &Tenant) -> Result<Head, VerifyError> {
    let mut verifier = Verifier::new(tenant.clone());
    loop {
        let after = verifier.head().sequence;
        let page = view.events(after, PAGE_MAX).await.map_err(unavailable)?;
        if page.is_empty() {
            return Ok(verifier.head().clone());
        }
        for kept in page {
            take(&mut verifier, &kept).map_err(|at| {
                let told = |kept: KeptEvent| kept.event.map(|event| event.execution);
                let execution = (at.breach != Breach::Missing).then(|| told(kept)).flatten();
                Broken::Event { at, execution }
            })?;
        }
    }
}

fn take(verifier: &mut Verifier, kept: &KeptEvent) -> Result<(), Break> {
    let sequence = verifier.head().sequence + 1;
    let broken = |breach| Err(Break { sequence, breach });
    if kept.sequence > sequence {
        return broken(Breach::Missing);
    }
    // What is not written as it would be written is changed, also where it says the same.
    let Some(event) = kept.event.as_ref().filter(|event| kept.is_written_as(event)) else {
        return broken(Breach::Changed);
    };
    if Digest::of(&kept.body) == event.hash && event.sequence != kept.sequence {
        return broken(Breach::OutOfOrder);
    }
    verifier.take(event)
}

/// Compares every execution with the last event that tells of it. Returns how many there are.
async fn compare(view: &mut impl Evidence, opener: Opener<'_>) -> Result<u64, VerifyError> {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = view.executions(&after, PAGE_MAX).await.map_err(unavailable)?;
        let Some(last) = page.last() else { return Ok(count) };
        after.clone_from(&last.row.id);
        count += page.len() as u64;
        page.into_iter().try_for_each(|kept| is_as_told(kept, opener))?;
    }
}

fn is_as_told(kept: KeptExecution, opener: Opener<'_>) -> Result<(), VerifyError> {
    let KeptExecution { mut row, told } = kept;
    let Some(told) = told else { return Err(Broken::Untold { execution: row.id }.into()) };
    row.body = match opener.open(Sealed::Execution, (&row.id, 0), &row.body) {
        Ok(body) => body.into_owned(),
        // Somebody's who has no key: then it is not what was written.
        Err(SealError::Broken { .. }) => String::new(),
        Err(error @ SealError::UnknownKey { .. }) => return Err(StoreError::from(error).into()),
    };
    let execution: Option<Execution> = serde_json::from_str(&row.body).ok();
    let holds = told.state == Digest::of(&row.body)
        && told.version == row.version
        && execution.is_some_and(|execution| row == ExecutionRow::from(&execution));
    match holds {
        true => Ok(()),
        false => Err(Broken::Changed { execution: row.id, sequence: told.sequence }.into()),
    }
}

fn unavailable(error: sqlx::Error) -> VerifyError {
    StoreError::from(Failure::from(error)).into()
}
