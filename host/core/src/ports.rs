//! What the engine asks of a store, so that neither knows the other.

use std::future::Future;
use std::pin::Pin;

use crate::binding::{BindingName, Tenant};
use crate::ledger::{Listing, Stored, Usage};

/// A future that a port returns.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// The storage of one binding in one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace {
    /// Whose.
    pub tenant: Tenant,
    /// Of which binding.
    pub binding: BindingName,
}

/// The store cannot answer now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot answer: {0}")]
pub struct Unavailable(pub String);

/// Reads what policies stored. Called from host calls while an evaluation runs, any number of
/// times and from any thread; it must not block the thread.
///
/// What is read is what has been committed, also where the commit is not yet durable: a decision
/// that builds on it becomes durable later than it.
pub trait StorageReader: Send + Sync {
    /// One key; a key that never was is [`Stored::ABSENT`].
    fn read<'a>(&'a self, namespace: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored>;

    /// How many keys and bytes the namespace holds.
    fn usage<'a>(&'a self, namespace: &'a Namespace) -> PortFuture<'a, Usage>;

    /// Every live key (at `now_ms`) that starts with `prefix` and comes after `after`, in byte
    /// order, at most `limit`.
    fn list<'a>(&'a self, namespace: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing>;
}

/// Which keys are listed.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What the keys start with.
    pub prefix: &'a str,
    /// The key after which the page starts.
    pub after: Option<&'a str>,
    /// How many keys at most.
    pub limit: usize,
    /// The time at which a key must not have expired, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}
