//! What the engine asks of a store, so that neither knows the other.

use std::future::Future;
use std::pin::Pin;

use crate::approval::Approval;
use crate::binding::{BindingName, Tenant};
use crate::decision::DecisionRecord;
use crate::ledger::{Listing, Stored, Usage};
use crate::request::Request;

/// How many approvals `approval-history` tells at most.
pub const APPROVALS_RECENT_MAX: usize = 100;

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

/// Reads what people were asked before. Called from the host call `approval-history`, once each
/// time that a policy makes it, any number of times in an evaluation and from any thread; it must
/// not block the thread.
///
/// What is read is what is durable: an approval shows once the execution that asks for it has been
/// answered, and as the last vote that was answered has left it. It is no part of a ledger: a vote
/// that comes later is in conflict with nothing.
pub trait ApprovalReader: Send + Sync {
    /// Approvals about the same, those within the window, newest first.
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>>;
}

/// What an approval is about, as far as policies tell one question from another: arguments, other
/// properties and context do not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct About {
    /// For whom it was decided.
    pub tenant: Tenant,
    /// Type and id of the subject.
    pub subject: (String, String),
    /// The action's name.
    pub action: String,
    /// Type and id of the resource.
    pub resource: (String, String),
}

impl About {
    /// What a tenant's request is about.
    pub fn of(tenant: &Tenant, request: &Request) -> Self {
        let (subject, action, resource) = DecisionRecord::parties(request);
        Self { tenant: tenant.clone(), subject, action, resource }
    }
}

/// Which approvals are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// No approval that was first asked before this, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// How many at most.
    pub limit: usize,
}
