//! A question that is asked again in the name of an approval (AuthZEN Access Request and Approval
//! Profile, "Completion Semantics").
//!
//! Being told yes is the claim of the execution that people agreed to: policies are asked again, and
//! of all who ask with the same approval one is told yes, once. Nobody has to report what became of
//! it; who does not leaves an execution that is `unknown` once its lease has run out.

use writ_core::execution::{Refused, Status};
use writ_core::{Execution, Request};

use super::App;
use super::executions::carry::LEASE_SECONDS;
use super::problem::Problem;
use crate::access_request::{Binding, approval_in};
use crate::auth::Caller;
use crate::service::executions::{Claim, ExecutionError, Permit};
use crate::service::{Active, Meta};

/// An approval that is being used.
pub(super) struct Granted {
    /// What people agreed to, claimed.
    pub(super) execution: Execution,
    /// With which its end may be reported.
    pub(super) permit: Permit,
}

/// Why an approval does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unapproved {
    /// There is none of this id that came of a denial, or none of the caller's.
    Unverifiable,
    /// It was given for another question.
    OutOfScope,
    /// People have not answered yet.
    Pending,
    /// It was not given, or its time is over.
    Ended,
    /// It has been used.
    Used,
    /// Policies were asked again, and deny it now.
    PolicyDenied,
    /// Policies were asked again, and one gave no verdict.
    NoVerdict,
}

impl Unapproved {
    /// The code: the profile's, or one of this host where the profile has none.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Unverifiable => "approval_unverifiable",
            Self::OutOfScope => "out_of_scope",
            Self::Pending => "approval_pending",
            Self::Ended => "approval_expired",
            Self::Used => "approval_used",
            Self::PolicyDenied => "policy_denied",
            Self::NoVerdict => "no_verdict",
        }
    }

    /// What the caller does next, and after how many seconds: a new request only where the denial
    /// may be put to people.
    pub(super) fn next(self, is_requestable: bool) -> (&'static str, Option<u32>) {
        match self {
            Self::Pending | Self::NoVerdict => ("retry", Some(5)),
            Self::OutOfScope | Self::Ended | Self::Used if is_requestable => ("request", None),
            Self::OutOfScope
            | Self::Ended
            | Self::Used
            | Self::Unverifiable
            | Self::PolicyDenied => ("none", None),
        }
    }
}

/// Uses the approval that a question refers to; none where it refers to none.
pub(super) async fn reevaluate(
    app: &App,
    caller: &Caller,
    active: &Active,
    question: &Request,
    meta: &Meta,
) -> Result<Option<Result<Granted, Unapproved>>, Problem> {
    let Some(id) = approval_in(question) else { return Ok(None) };
    // Boxed: nearly every question goes by here, and nearly none goes in.
    Box::pin(using(app, caller, active, question, meta, &id)).await.map(Some)
}

async fn using(
    app: &App,
    caller: &Caller,
    active: &Active,
    question: &Request,
    meta: &Meta,
    id: &str,
) -> Result<Result<Granted, Unapproved>, Problem> {
    let by = caller.principal();
    let seen = match app.executions.one(by, id).await {
        Ok(seen) => seen,
        Err(ExecutionError::NotFound) => return Ok(Err(Unapproved::Unverifiable)),
        Err(error) => return Err(error.into()),
    };
    if let Err(because) = usable(&seen, question) {
        return Ok(Err(because));
    }
    let claim = Claim { action: seen.digest, lease_ms: u64::from(LEASE_SECONDS) * 1_000 };
    let claimed = match app.executions.claim(active, by, id, claim, meta).await {
        Ok((execution, Some(permit))) => Ok(Granted { execution, permit }),
        Ok((execution, None)) if execution.status.is_undecided() => Err(Unapproved::Pending),
        Ok((_, None)) => Err(Unapproved::PolicyDenied),
        Err(ExecutionError::NotFound) => Err(Unapproved::Unverifiable),
        Err(ExecutionError::NoVerdict(_)) => Err(Unapproved::NoVerdict),
        Err(ExecutionError::Refused(Refused::TooLate)) => Err(Unapproved::Ended),
        Err(ExecutionError::Refused(Refused::NotNow { .. })) => Err(Unapproved::Used),
        Err(error) => return Err(error.into()),
    };
    Ok(claimed)
}

/// Whether what people agreed to is the question, and still to be used.
fn usable(execution: &Execution, question: &Request) -> Result<(), Unapproved> {
    let binding = Binding::within(&execution.request).ok_or(Unapproved::Unverifiable)?;
    // Twice, since who sends an execution by another way says for itself what it holds.
    let covers = binding.covers(question) && binding.covers(&execution.request);
    if !covers || !Binding::is_within(question, &execution.request) {
        return Err(Unapproved::OutOfScope);
    }
    match execution.status {
        Status::Allowed { .. } => Ok(()),
        Status::Received | Status::AwaitingApproval => Err(Unapproved::Pending),
        Status::Denied(_) => Err(Unapproved::PolicyDenied),
        Status::Rejected | Status::Expired | Status::Cancelled { .. } => Err(Unapproved::Ended),
        Status::Running { .. }
        | Status::Suspended { .. }
        | Status::Succeeded { .. }
        | Status::Failed { .. }
        | Status::Unknown { .. } => Err(Unapproved::Used),
    }
}
