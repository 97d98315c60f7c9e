//! What is told of a version that is rolled out.

use serde::Serialize;
use utoipa::ToSchema;
use writ_core::rollout::{Canary, Header, How, Rollout, Single, Tally};
use writ_core::{BindingName, Digest};
use writ_store::Occasion;

use super::body::{GuardBody, HeaderBody};
use crate::clock::rfc3339;
use crate::http::App;
use crate::reload::{Ended, RolloutStatus};
use crate::service::beside::{Beside, Part};
use crate::service::change::Change;
use crate::service::shadow::{Example, Report, Said};

/// A version that is rolled out, or the last that was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rollout)]
pub struct RolloutReply {
    /// The version.
    version: u64,
    /// Digest of its set.
    #[schema(value_type = String)]
    policy_set: Digest,
    /// The binding in which alone it differs from the version that decides, and was made for that;
    /// absent where it is rolled out whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    single: Option<SingleReply>,
    /// `shadow` or `canary`.
    how: &'static str,
    /// For which part of all requests, in percent.
    share_percent: f64,
    /// What that is a part of.
    by: String,
    /// The header of a request for which it decides as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<HeaderBody>,
    /// When it must decide no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<GuardBody>,
    /// Since when.
    #[schema(format = "date-time")]
    since: String,
    /// Who wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    /// Why, as they say.
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
    /// What its guard has seen on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<SeenReply>,
    /// How it ended; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedReply>,
    /// The rollout that has ended, since this one began; only where it has begun just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<ReplacedReply>,
}

/// A rollout of which another took the place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplacedRollout)]
struct ReplacedReply {
    /// The version.
    version: u64,
    /// `shadow` or `canary`.
    how: &'static str,
}

/// One binding of a version, tried within the version that decides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RolloutSingle)]
struct SingleReply {
    /// Its name.
    #[schema(value_type = String)]
    binding: BindingName,
    /// The version that has it so.
    of: u64,
    /// The version that has all the rest: once it does not decide any more, the rollout ends.
    within: u64,
}

/// How a rollout ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RolloutEnd)]
struct EndedReply {
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// `stopped`, `promoted`, `replaced` or `overtaken` (a single binding was tried within a version that
    /// no longer decides), or what was exceeded: `max-fault-rate`,
    /// `max-deny-rate-increase` or `max-latency`.
    because: String,
    /// What was seen, where something was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Who wanted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Why, as they say.
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
}

/// What was decided within the guard's window, on this host.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CanarySeen)]
struct SeenReply {
    canary: TallyReply,
    others: TallyReply,
}

/// Counts of decisions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CanaryTally)]
struct TallyReply {
    decisions: u64,
    /// How many denied, faults included.
    denials: u64,
    /// How many denied since a policy gave no verdict.
    faults: u64,
    /// What 95 of 100 took at most, in microseconds.
    p95_us: u64,
}

/// What would have changed by what is asked on the side, since it is asked on this host.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShadowReport)]
pub struct ReportReply {
    /// The version.
    version: u64,
    /// Its binding that is asked on the side; absent where the whole version is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    binding: Option<BindingName>,
    /// How many decisions it was compared with.
    decisions: u64,
    /// How many would have become what: `same`, `new-denial`, `new-allow`, `new-approval`, `new-fault`,
    /// `other-reason`, `other-requirement`, `other-action`.
    #[schema(value_type = Object)]
    changes: serde_json::Map<String, serde_json::Value>,
    /// How many were not looked at, since too many waited.
    dropped: u64,
    /// How often what was stored on the side was forgotten, since it was more than 64 MiB.
    forgotten: u64,
    /// The last ten of each change.
    examples: Vec<ExampleReply>,
}

/// One decision that would have changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShadowExample)]
struct ExampleReply {
    /// What would have changed.
    change: &'static str,
    /// The decision's id.
    decision: String,
    /// Type and id of the subject.
    subject: [String; 2],
    /// The action's name.
    action: String,
    /// Type and id of the resource.
    resource: [String; 2],
    /// What was decided.
    then: SaidReply,
    /// What the version would have decided.
    now: SaidReply,
}

/// What was decided.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShadowSaid)]
struct SaidReply {
    /// The outcome's code.
    outcome: &'static str,
    /// The bindings that made it so; with the fault's code, where there was no verdict.
    by: Vec<String>,
}

impl RolloutReply {
    /// A rollout, with what this host sees of it.
    pub(in crate::http) fn new(status: RolloutStatus, app: &App) -> Self {
        let in_force = app.service.in_force();
        let here = in_force.beside.as_ref().filter(|beside| beside.id == status.id);
        let seen = here.and_then(|beside| SeenReply::of(beside));
        let RolloutStatus { rollout, occasion, at_ms, ended, .. } = status;
        let Rollout { version, policy_set, single, share_percent, by, how } = rollout;
        let single =
            single.map(|Single { binding, of, within }| SingleReply { binding, of, within });
        let Occasion { by: author, comment, .. } = occasion;
        let (name, canary) = match how {
            How::Shadow => ("shadow", None),
            How::Canary(canary) => ("canary", Some(canary)),
        };
        let (header, guard) = canary.map(|Canary { header, guard }| (header, guard)).unzip();
        let header = header.flatten().map(|Header { name, value }| HeaderBody { name, value });
        Self {
            version,
            policy_set,
            single,
            how: name,
            share_percent: share_percent.into(),
            by: by.to_string(),
            header,
            guard: guard.map(GuardBody::from),
            since: rfc3339(at_ms),
            author: author.map(|author| author.to_string()),
            comment,
            seen,
            ended: ended.map(EndedReply::new),
            replaced: None,
        }
    }

    /// The same, where another was rolled out before it.
    pub(super) fn in_place_of(self, before: Option<RolloutStatus>) -> Self {
        let replaced =
            before.map(|RolloutStatus { rollout: Rollout { version, how, .. }, .. }| {
                ReplacedReply { version, how: how.name() }
            });
        Self { replaced, ..self }
    }
}

impl EndedReply {
    fn new(ended: Ended) -> Self {
        let Ended { at_ms, because, detail, by, comment } = ended;
        let by = by.map(|by| by.to_string());
        Self { at: rfc3339(at_ms), because, detail, by, comment }
    }
}

impl SeenReply {
    fn of(beside: &Beside) -> Option<Self> {
        let Part::Canary(canary) = &beside.part else { return None };
        let (ours, others) = canary.seen();
        Some(Self { canary: TallyReply::new(&ours), others: TallyReply::new(&others) })
    }
}

impl TallyReply {
    fn new(tally: &Tally) -> Self {
        let Tally { decisions, denials, faults, .. } = *tally;
        Self { decisions, denials, faults, p95_us: tally.p95_us() }
    }
}

impl ReportReply {
    pub(super) fn new(version: u64, binding: Option<BindingName>, report: Report) -> Self {
        let count = |change: Change| (change.name().to_owned(), report.count(change).into());
        let changes = Change::DECIDED.iter().copied().map(count).collect();
        let decisions = report.changes.values().sum();
        let Report { examples, dropped, forgotten, .. } = report;
        let of = |(change, examples): (Change, std::collections::VecDeque<Example>)| {
            examples.into_iter().map(move |example| ExampleReply::new(change, example))
        };
        let examples = examples.into_iter().flat_map(of).collect();
        Self { version, binding, decisions, changes, dropped, forgotten, examples }
    }
}

impl ExampleReply {
    fn new(change: Change, example: Example) -> Self {
        let Example { id, subject, action, resource, then, now } = example;
        let said = |Said { outcome, by }| SaidReply { outcome, by };
        Self {
            change: change.name(),
            decision: id,
            subject: subject.into(),
            action,
            resource: resource.into(),
            then: said(then),
            now: said(now),
        }
    }
}
