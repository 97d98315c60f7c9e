//! Executions that an endpoint carries out: this host claims one, calls, and keeps what was answered.
//!
//! What is called again, and when, hangs on one question: whether a call may have been carried out of
//! which nobody heard. Where it may, only an endpoint that is idempotent is called again; of any
//! other, nobody knows what became of it, until somebody tells.

use std::ops::ControlFlow::{Break, Continue};
use std::time::{Duration, Instant};

use writ_core::execution::{Awaited, Event, Report};
use writ_core::{BoundTool, Digest, Execution, Sensitive};

use super::super::{ExecutionError, Executions};
use super::claim::Step;
use crate::clock::now_ms;
use crate::endpoints::{Called, Refusal, RegisteredEndpoint, Unanswered};
use crate::points;

/// How much longer than its call a claim may take, until it is thought dead, in milliseconds.
const MARGIN_MS: u64 = 10_000;

impl Executions {
    /// Calls an endpoint once for an execution, where policies still let it go on.
    pub(super) async fn call_endpoint(
        &self,
        seen: Execution,
        bound: &BoundTool,
    ) -> Result<Step, ExecutionError> {
        let endpoint = self.tools.endpoint(&bound.name);
        let endpoint = endpoint.filter(|endpoint| endpoint.signature.bound == *bound).cloned();
        let endpoint =
            endpoint.ok_or_else(|| ExecutionError::NoSuchTool(bound.name.to_string()))?;
        let (fence, may_have_arrived) = (seen.fence, seen.may_have_arrived());
        let lease_ms = millis(endpoint.endpoint.timeout).saturating_add(MARGIN_MS);
        let claimed_from = Instant::now();
        let (running, permit) = match self.claim_here(seen, lease_ms).await? {
            Continue(claimed) => claimed,
            Break(step) => return Ok(step),
        };
        // Another host may have called it between the look and the claim.
        let may_have_arrived = may_have_arrived || running.fence != fence + 1;
        if let Some(error) = endpoint.signature.amended_badly(&running.action().properties) {
            let event = self.reported(permit, Report::Failed(error));
            return self.keep_end(&running, event).await.map(|()| Step::Done);
        }
        points::pass("endpoint.claimed");
        // A host that stood still meanwhile would call while another believes it dead.
        let called = match claimed_from.elapsed() < Duration::from_millis(MARGIN_MS) {
            true => endpoint.call(&running).await,
            false => Err(Unanswered {
                error: "this host stood still before it could call".to_owned(),
                may_have_arrived: false,
                retry_after: None,
            }),
        };
        let sensitive = endpoint.signature.sensitive(&running.action().properties);
        let event = match judged(called, may_have_arrived, &sensitive) {
            Ok(report) => self.reported(permit, report),
            Err(unanswered) => after(unanswered, &endpoint, &running, permit),
        };
        points::pass("endpoint.answered-unrecorded");
        let until = claimed_from + Duration::from_millis(lease_ms);
        self.keep_answer(&running, event, until).await?;
        Ok(Step::Done)
    }
}

/// What an answer tells of the action, where a call before may have arrived; sensitive arguments are not
/// told again.
fn judged(
    called: Result<Called, Unanswered>,
    had_arrived: bool,
    sensitive: &Sensitive,
) -> Result<Report, Unanswered> {
    let masked = |error: &str| sensitive.mask(error).into_owned();
    match called {
        Ok(Called::Done(result)) => Ok(Report::Succeeded(result)),
        // Of a call that is made again, the refusal does not say what became of the one before.
        Ok(Called::Refused(Refusal { status, .. })) if had_arrived => Err(Unanswered {
            error: format!("it answers {status}"),
            may_have_arrived: true,
            retry_after: None,
        }),
        Ok(Called::Refused(Refusal { status, text })) => {
            Ok(Report::Failed(masked(&format!("the endpoint answers {status}: {text}"))))
        }
        Err(unanswered) => Err(Unanswered {
            error: masked(&unanswered.error),
            may_have_arrived: had_arrived || unanswered.may_have_arrived,
            ..unanswered
        }),
    }
}

/// What follows on a call of which nobody knows the answer, or on one before it.
fn after(
    unanswered: Unanswered,
    endpoint: &RegisteredEndpoint,
    running: &Execution,
    permit: Digest,
) -> Event {
    let Unanswered { error, may_have_arrived, retry_after } = unanswered;
    let at_ms = now_ms();
    let is_harmless = !may_have_arrived || endpoint.signature.bound.kind.is_repeatable();
    let wait = endpoint.backoff.wait_after(running.fence, retry_after).filter(|_| is_harmless);
    let (execution, calls) = (running.id.as_str(), running.fence);
    let Some(wait) = wait else {
        tracing::error!(execution, calls, error, "an endpoint is given up: it is a dead letter");
        return Event::Lost { permit, error, at_ms };
    };
    let wait_ms = millis(wait);
    tracing::info!(execution, calls, error, wait_ms, "an endpoint is called again");
    let at = at_ms.saturating_add(wait_ms);
    let awaits = Awaited::Time { at_ms: at, error, may_have_arrived };
    Event::Suspended { permit, awaits, at_ms }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
