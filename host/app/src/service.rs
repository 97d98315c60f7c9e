//! Deciding: evaluates the bound policies, combines what they say, and keeps the decision.
//!
//! One request goes one way: an [`Active`] set is taken once, each binding that matches is
//! evaluated in order ([`round`]), the decision is committed together with what the policies want
//! to store, and only then answered. HTTP and commands are not known here.

pub mod active;
pub mod answer;
mod contention;
mod decide;
pub mod ephemeral;
pub mod executions;
mod keep;
pub mod recording;
pub mod records;
pub mod replay;
mod retention;
mod round;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use writ_core::ports::{ApprovalReader, StorageReader};
use writ_core::{Request, Sensitive, Tenant};

use crate::breaker::BreakerConfig;
use crate::policy_set::Snapshot;
use crate::telemetry::Metrics;
use crate::tool_set::Toolbox;
pub use active::Active;
pub use answer::{Answer, Undecided};
pub use decide::Meta;
pub use executions::Executions;
pub use recording::Recording;
pub use records::Records;
pub use retention::Retention;

/// What decides: a policy set, behind a pointer that a reload swaps, and where decisions go.
pub struct Service {
    active: ArcSwap<Active>,
    breaker: BreakerConfig,
    records: Records,
    reader: Arc<dyn StorageReader>,
    approvals: Arc<dyn ApprovalReader>,
    metrics: Arc<Metrics>,
    tools: Arc<Toolbox>,
    recording: Recording,
    contention: contention::Contention,
    started: Instant,
}

impl Service {
    /// A service that decides by `snapshot`, for the only tenant that there is so far.
    pub fn new(
        snapshot: Snapshot,
        breaker: BreakerConfig,
        records: Records,
        metrics: Arc<Metrics>,
    ) -> Self {
        let active = Active::new(snapshot, &Tenant::default(), breaker, &metrics);
        Self {
            active: ArcSwap::from_pointee(active),
            breaker,
            reader: records.reader(),
            approvals: records.approval_reader(),
            records,
            metrics,
            tools: Arc::default(),
            recording: Recording::default(),
            contention: contention::Contention::default(),
            started: Instant::now(),
        }
    }

    /// The same, where tools say which of their arguments must not be told.
    #[must_use]
    pub fn with_tools(self, tools: Arc<Toolbox>) -> Self {
        Self { tools, ..self }
    }

    /// The same, where so much is kept of each decision.
    #[must_use]
    pub fn recording(self, recording: Recording) -> Self {
        Self { recording, ..self }
    }

    /// What must not be told of a request, by the tool that has the action's name.
    fn sensitive(&self, request: &Request) -> Arc<Sensitive> {
        let action = &request.action;
        let signature = self.tools.signature(&action.name);
        signature.map(|signature| signature.sensitive(&action.properties)).unwrap_or_default()
    }

    /// The policy set as it is now. A request takes it once and keeps it to its end.
    pub fn active(&self) -> Arc<Active> {
        self.active.load_full()
    }

    /// Decides by another set from now on. Requests under way keep the one that they took; bindings
    /// that are the same keep what is known of them. Called by one reload at a time.
    pub fn activate(&self, snapshot: Snapshot) {
        let next = Active::after(&self.active(), snapshot, self.breaker, &self.metrics);
        self.active.store(Arc::new(next));
    }

    /// Where decisions are kept.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Counters of what the service does.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Milliseconds since the service began, on a clock that does not go backwards.
    fn clock_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}
