//! Running cases: each against the whole set, on storage of its own, at the times that it says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use writ_core::ports::{Namespace, StorageReader};
use writ_core::{BindingName, Tenant};

use super::{Case, CaseReport, Step};
use crate::breaker::BreakerConfig;
use crate::policy_set::Snapshot;
use crate::service::ephemeral::Ephemeral;
use crate::service::{Meta, Records, Service};
use crate::telemetry::Metrics;

/// How long all cases of a set may take: somebody waits for it to be active.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What came of all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each case, in order.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Those that do not hold.
    pub fn failed(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|case| !case.holds())
    }
}

/// Runs cases against a set. Nothing that policies log or store in it is told or kept.
pub async fn run(snapshot: &Snapshot, cases: &[Case], breaker: BreakerConfig) -> Report {
    let start = Instant::now();
    let mut report = Report::default();
    for case in cases {
        let differs = match start.elapsed() < TIME_MAX {
            true => {
                let run = Run::new(snapshot, case, breaker);
                run.steps(case).with_subscriber(NoSubscriber::default()).await
            }
            false => {
                let text =
                    format!("the cases before it took {} s: it was not run", TIME_MAX.as_secs());
                Some((1, vec![text]))
            }
        };
        let (step, differences) =
            differs.map_or((None, Vec::new()), |(step, differences)| (Some(step), differences));
        let (file, name) = (case.file.clone(), case.name.clone());
        report.cases.push(CaseReport { file, name, step, differences });
    }
    report
}

/// One case, with a service of its own: what an earlier case has stored or worn out is not there.
struct Run {
    service: Service,
    memory: Ephemeral,
}

impl Run {
    fn new(snapshot: &Snapshot, case: &Case, breaker: BreakerConfig) -> Self {
        let memory = case.given.memory();
        let records = Records::Ephemeral(memory.clone());
        let metrics = Arc::new(Metrics::new());
        let service = Service::telling_shadows(snapshot.clone(), breaker, records, metrics);
        Self { service, memory }
    }

    /// The first step that differs, from 1, and how.
    async fn steps(&self, case: &Case) -> Option<(usize, Vec<String>)> {
        let unknown = self.unknown(case);
        if !unknown.is_empty() {
            return Some((1, unknown));
        }
        for (index, step) in case.steps.iter().enumerate() {
            let differences = self.step(step).await;
            if !differences.is_empty() {
                return Some((index + 1, differences));
            }
        }
        None
    }

    async fn step(&self, step: &Step) -> Vec<String> {
        let active = self.service.active();
        let request = step.request.clone();
        let decided = self.service.decide_at(&active, request, Meta::default(), step.at_ms).await;
        let mut differences = match decided {
            Ok(answer) => step.expect.differences(&answer),
            Err(undecided) => return vec![undecided.to_string()],
        };
        for (binding, values) in &step.expect.storage {
            let namespace = Namespace { tenant: Tenant::default(), binding: binding.clone() };
            for (key, expected) in values {
                let read = self.memory.read(&namespace, key).await;
                let stored = read.expect("memory always answers");
                let bytes = stored.live(step.at_ms);
                if !super::json::is_stored(bytes, expected) {
                    let held = bytes.map_or("not there".into(), |bytes| {
                        format!("`{}`", String::from_utf8_lossy(bytes))
                    });
                    differences.push(format!("storage.{binding}.{key} is {held}, not {expected}"));
                }
            }
        }
        differences
    }

    /// Bindings that the case names and the set does not have.
    fn unknown(&self, case: &Case) -> Vec<String> {
        let active = self.service.active();
        let expected = case.steps.iter().flat_map(|step| {
            let expect = &step.expect;
            let named = expect.verdicts.keys().chain(expect.requirements.keys());
            named.chain(expect.storage.keys())
        });
        let named = case.given.storage.keys().chain(expected);
        let mut unknown: Vec<&BindingName> = named.filter(|name| !active.binds(name)).collect();
        unknown.sort();
        unknown.dedup();
        unknown.into_iter().map(|name| format!("the set has no binding `{name}`")).collect()
    }
}
