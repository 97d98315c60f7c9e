//! Beginning an action, once: the claim, and how it ended.
//!
//! Who has people's agreement does not have the policies': they are asked again, by the set that is
//! active now, and their answer, their storage and the claim are kept in one transaction. So they are
//! each time that a tool goes on, and where another set decides than when they allowed it at once; but
//! what they store is not kept then: it was counted before.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use writ_core::combine::{Denial, Outcome};
use writ_core::execution::{Event, Permission, Report, Status, Transition};
use writ_core::{DecisionRecord, Digest, Execution, Person, Principal};
use writ_store::{ChangeError, CommitError, Grounds};

use super::super::decide::{Asking, Deciding};
use super::super::keep::{Attempt, Keep};
use super::super::round::Round;
use super::super::{Active, Meta, Service};
use super::{ExecutionError, Executions, may_carry_out, ruling};
use crate::auth::Secret;
use crate::clock::now_ms;
use crate::points;

/// How often a claim is tried again because the execution changed meanwhile.
const TRIES_MAX: usize = 8;

/// What a caller is about to carry out.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The action, by its digest.
    pub action: Digest,
    /// How long the caller may take, in milliseconds.
    pub lease_ms: u64,
}

/// The secret with which a claim is answered for. Shown once; only its digest is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit(Secret);

impl Permit {
    pub(super) fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self(Secret::new(format!("permit_{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The secret's text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    pub(super) fn digest(text: &str) -> Digest {
        Digest::of(text)
    }
}

impl Executions {
    /// Claims an execution: from now on, and until the lease ends, the caller carries it out. No
    /// permit where policies, asked again, now deny it or want other people to agree: the execution
    /// says so. Where one gives no verdict, nothing has changed, and it may be claimed again.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`], [`ExecutionError::NoVerdict`], [`ExecutionError::NotFound`].
    pub async fn claim(
        &self,
        active: &Active,
        by: &Principal,
        id: &str,
        claim: Claim,
        meta: &Meta,
    ) -> Result<(Execution, Option<Permit>), ExecutionError> {
        let seen = self.one(by, id).await?;
        may_carry_out(by, &seen)?;
        match &seen.tool {
            Some(tool) => Err(ExecutionError::CarriedOutHere(tool.name.clone())),
            None => self.begin(active, seen, &by.person, &claim, meta).await,
        }
    }

    /// Claims an execution for a holder who may: see [`Executions::claim`].
    pub(super) async fn begin(
        &self,
        active: &Active,
        mut seen: Execution,
        holder: &Person,
        claim: &Claim,
        meta: &Meta,
    ) -> Result<(Execution, Option<Permit>), ExecutionError> {
        let permit = Permit::random();
        let (tenant, id) = (seen.tenant.clone(), seen.id.clone());
        for _ in 0..TRIES_MAX {
            let permit_digest = Permit::digest(permit.expose());
            let executions = self;
            let start = Start { executions, seen, holder, permit: permit_digest, claim };
            let started = match start.seen.status {
                Status::Allowed { settled: true, .. } if start.is_decided_by(active) => {
                    start.unasked().await?
                }
                // It may have waited for days, and policies may have changed meanwhile.
                Status::Allowed { .. } | Status::Running { .. } | Status::Suspended { .. }
                    if start.may_begin() =>
                {
                    self.decide_again(active, &start, meta.clone()).await?
                }
                _ => start.unasked().await?,
            };
            if let Some(execution) = started {
                let runs = matches!(execution.status, Status::Running { .. });
                return Ok((execution, runs.then_some(permit)));
            }
            let found = self.store.execution(&tenant, &id).await?;
            seen = found.ok_or(ExecutionError::NotFound)?;
        }
        Err(ExecutionError::unavailable("an execution changed at each of several tries"))
    }

    /// Tells how a claimed execution ended. Told once more, as by a caller that did not hear the
    /// answer, the same changes nothing and is no error; the permit is not looked at then.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`] where the permit is another's, or nothing is to be told.
    pub async fn report(
        &self,
        by: &Principal,
        id: &str,
        permit: &str,
        report: Report,
    ) -> Result<Execution, ExecutionError> {
        let seen = self.one(by, id).await?;
        may_carry_out(by, &seen)?;
        let (permit, at_ms, said) = (Permit::digest(permit), now_ms(), report.clone());
        let event = Event::Reported { by: by.person.clone(), permit, report, at_ms };
        self.step_once(by, id, event, move |status| said.is_said_by(status)).await
    }

    async fn decide_again(
        &self,
        active: &Active,
        start: &Start<'_>,
        meta: Meta,
    ) -> Result<Option<Execution>, ExecutionError> {
        let Execution { id, tenant, requester, request, .. } = &start.seen;
        let service: &Service = &self.service;
        let execution = Arc::new(writ_engine::Execution {
            id: id.clone(),
            tenant: tenant.clone(),
            received_at_ms: start.received_at_ms(),
            has_begun: start.is_counted(),
            sensitive: service.sensitive(request),
        });
        let decision = Uuid::now_v7().to_string();
        let asking = Asking { by: Some(requester), request };
        let deciding = Deciding::new(service, active, &execution, decision, asking, meta);
        let (round, kept) = deciding.until_kept(request.clone(), start).await?;
        if kept.is_some() {
            deciding.decided(round);
        }
        Ok(kept)
    }
}

/// A claim of an execution as it was seen.
struct Start<'a> {
    executions: &'a Executions,
    seen: Execution,
    holder: &'a Person,
    permit: Digest,
    claim: &'a Claim,
}

impl Start<'_> {
    /// Keeps a decision that nobody could make, and nothing else: what people agreed to stays agreed
    /// to, and may be claimed again.
    async fn unheard<T>(
        &self,
        round: &mut Round,
        record: DecisionRecord,
        error: ExecutionError,
    ) -> Result<Attempt<T>, ExecutionError> {
        let id = record.id.clone();
        let ledgers = match self.is_counted() {
            true => round.take_reads(),
            false => round.take_ledgers(false),
        };
        let kept = self.executions.store.commit(record, ledgers).await;
        match Attempt::of(&id, kept)? {
            Attempt::Kept(()) => Err(error),
            Attempt::Conflict(namespaces) => Ok(Attempt::Conflict(namespaces)),
        }
    }

    /// Whether it is a tool's, and has begun before.
    fn has_begun(&self) -> bool {
        self.seen.fence > 0
    }

    /// Whether what policies store of it was kept: when it began, or when they allowed it at once.
    fn is_counted(&self) -> bool {
        let is_settled = matches!(self.seen.status, Status::Allowed { settled: true, .. });
        self.has_begun() || is_settled || self.seen.counted
    }

    /// When policies are told that it was received. What they store is stored now, where people agreed
    /// first: days may have passed, and a budget's window with them.
    fn received_at_ms(&self) -> u64 {
        if self.is_counted() { self.seen.created_at_ms } else { now_ms() }
    }

    /// Whether it is this policy set that decided.
    fn is_decided_by(&self, active: &Active) -> bool {
        self.seen.decided_by == Some(active.digest)
    }

    /// Whether it is worth asking policies: nobody else carries it out, or may have done so.
    fn may_begin(&self) -> bool {
        let is_due = || self.seen.work_at_ms().is_some_and(|from_ms| from_ms <= now_ms());
        !self.has_begun() || (is_due() && !self.seen.may_have_arrived())
    }

    /// Claims what policies have settled, or learns from the state machine why not.
    async fn unasked(&self) -> Result<Option<Execution>, ExecutionError> {
        let transition = self.seen.apply(self.claimed())?;
        Ok(self.change(transition, None).await??)
    }

    /// The lease begins when policies have been asked, not before.
    fn claimed(&self) -> Event {
        let at_ms = now_ms();
        let permission = Permission {
            holder: self.holder.clone(),
            action: self.claim.action,
            permit: self.permit,
            lease_until_ms: at_ms.saturating_add(self.claim.lease_ms),
        };
        Event::Claimed { permission, at_ms }
    }

    /// Keeps a transition of what was seen; none where it has changed since.
    async fn change(
        &self,
        transition: Transition,
        grounds: Option<Grounds>,
    ) -> Result<Result<Option<Execution>, CommitError>, ExecutionError> {
        struct Changed;
        let Execution { tenant, id, version, .. } = &self.seen;
        let version = *version;
        let change = move |current: &Execution| match current.version == version {
            true => Ok(transition),
            false => Err(Changed),
        };
        match self.executions.change(tenant, id, now_ms(), grounds, change).await {
            Ok(execution) => Ok(Ok(Some(execution))),
            Err(ChangeError::Refused(Changed)) => Ok(Ok(None)),
            Err(ChangeError::Commit(error)) => Ok(Err(error)),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }
}

impl Keep for Start<'_> {
    /// None where the execution has changed since it was seen.
    type Kept = Option<Execution>;
    type Error = ExecutionError;

    async fn keep(
        &self,
        round: &mut Round,
        record: DecisionRecord,
    ) -> Result<Attempt<Option<Execution>>, ExecutionError> {
        if let Outcome::Denied(Denial::ByFault(faults)) = &round.outcome {
            let faults = faults.iter().map(|(binding, code)| format!("`{binding}`: {code}"));
            let error = ExecutionError::NoVerdict(faults.collect::<Vec<_>>().join(", "));
            return self.unheard(round, record, error).await;
        }
        let id = record.id.clone();
        let decided = self.seen.apply(ruling::decided(round, &record, now_ms()))?;
        let has_begun = self.has_begun();
        let goes_on = match decided.next.status {
            Status::Allowed { .. } => true,
            Status::Running { .. } | Status::Suspended { .. } => has_begun,
            _ => false,
        };
        let transition = if goes_on { decided.and(self.claimed())? } else { decided };
        let ledgers =
            if self.is_counted() { round.take_reads() } else { round.take_ledgers(goes_on) };
        let grounds = Grounds { decision: record, ledgers };
        points::pass("executions.decided-again");
        Ok(Attempt::of(&id, self.change(transition, Some(grounds)).await?)?)
    }
}
