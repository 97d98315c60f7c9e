//! Beginning an action, once: the claim, and how it ended.
//!
//! Who has people's agreement does not have the policies': they are asked again, by the set that is
//! active now, and their answer, their storage and the claim are kept in one transaction.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use writ_core::execution::{Event, Permission, Report, Status, Transition};
use writ_core::{DecisionRecord, Digest, Execution, Principal};
use writ_store::{ChangeError, CommitError, Grounds, Store};

use super::super::decide::Deciding;
use super::super::keep::{Attempt, Keep};
use super::super::round::Round;
use super::super::{Active, Meta, Service};
use super::{ExecutionError, Executions, may_carry_out, ruling};
use crate::clock::now_ms;

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
pub struct Permit(String);

impl Permit {
    fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self(format!("permit_{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The secret's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digest(text: &str) -> Digest {
        Digest::of(text)
    }
}

impl Executions {
    /// Claims an execution: from now on, and until the lease ends, the caller carries it out. No
    /// permit where policies, asked again, now deny it or want other people to agree: the execution
    /// says so.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`] and [`ExecutionError::NotFound`]; nothing has changed.
    pub async fn claim(
        &self,
        active: &Active,
        by: &Principal,
        id: &str,
        claim: Claim,
        meta: &Meta,
    ) -> Result<(Execution, Option<Permit>), ExecutionError> {
        let permit = Permit::random();
        for _ in 0..TRIES_MAX {
            let seen = self.one(by, id).await?;
            may_carry_out(by, &seen)?;
            let at_ms = now_ms();
            let permission = Permission {
                holder: by.person.clone(),
                action: claim.action,
                permit: Permit::digest(permit.as_str()),
                lease_until_ms: at_ms.saturating_add(claim.lease_ms),
            };
            let start = Start { store: &self.store, seen, permission, at_ms };
            let started = match start.seen.status {
                Status::Allowed { settled: false, .. } => {
                    self.decide_again(active, &start, meta.clone()).await?
                }
                _ => start.unasked().await?,
            };
            if let Some(execution) = started {
                let runs = matches!(execution.status, Status::Running { .. });
                return Ok((self.told(execution), runs.then_some(permit)));
            }
        }
        Err(ExecutionError::unavailable("an execution changed at each of several tries"))
    }

    /// Tells how a claimed execution ended.
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
        may_carry_out(by, &self.one(by, id).await?)?;
        let (permit, at_ms) = (Permit::digest(permit), now_ms());
        self.step(by, id, at_ms, Event::Reported { permit, report, at_ms }).await
    }

    async fn decide_again(
        &self,
        active: &Active,
        start: &Start<'_>,
        meta: Meta,
    ) -> Result<Option<Execution>, ExecutionError> {
        let Execution { id, tenant, created_at_ms, request, .. } = &start.seen;
        let execution = Arc::new(writ_engine::Execution {
            id: id.clone(),
            tenant: tenant.clone(),
            received_at_ms: *created_at_ms,
        });
        let service: &Service = &self.service;
        let decision = Uuid::now_v7().to_string();
        let deciding = Deciding::new(service, active, &execution, decision, request, meta);
        let (round, kept) = deciding.until_kept(request.clone(), start).await?;
        if kept.is_some() {
            deciding.decided(round);
        }
        Ok(kept)
    }
}

/// A claim of an execution as it was seen.
struct Start<'a> {
    store: &'a Store,
    seen: Execution,
    permission: Permission,
    at_ms: u64,
}

impl Start<'_> {
    /// Claims what policies have settled, or learns from the state machine why not.
    async fn unasked(&self) -> Result<Option<Execution>, ExecutionError> {
        let transition = self.seen.apply(self.claimed())?;
        Ok(self.change(transition, None).await??)
    }

    fn claimed(&self) -> Event {
        Event::Claimed { permission: self.permission.clone(), at_ms: self.at_ms }
    }

    /// Keeps a transition of what was seen; none where it has changed since.
    async fn change(
        &self,
        transition: Transition,
        grounds: Option<Grounds>,
    ) -> Result<Result<Option<Execution>, CommitError>, ExecutionError> {
        struct Changed;
        let Execution { tenant, id, version, .. } = &self.seen;
        let change = |current: &Execution| match current.version == *version {
            true => Ok(transition),
            false => Err(Changed),
        };
        match self.store.change(tenant, id, self.at_ms, grounds, change).await {
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
        let id = record.id.clone();
        let decided = self.seen.apply(ruling::decided(round, &record, self.at_ms))?;
        let goes_on = matches!(decided.next.status, Status::Allowed { .. });
        let transition = if goes_on { decided.and(self.claimed())? } else { decided };
        let grounds = Grounds { decision: record, ledgers: round.take_ledgers(goes_on) };
        Ok(Attempt::of(&id, self.change(transition, Some(grounds)).await?)?)
    }
}
