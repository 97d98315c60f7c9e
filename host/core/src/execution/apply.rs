//! The one function that changes an execution.

use super::event::{Asking, Event, Permission, Refused, Report, Ruling};
use super::{APPROVALS_MAX, Awaited, Denied, Execution, Fact, GivenUp, Reason, Status, Transition};
use crate::approval::{Approval, ApprovalState, Ballot};
use crate::digest::Digest;
use crate::person::Person;
use crate::request::Request;
use crate::tool::BoundTool;

impl Execution {
    /// What an event makes of the execution.
    ///
    /// # Errors
    /// Why it changes nothing.
    pub fn apply(&self, event: Event) -> Result<Transition, Refused> {
        let mut step = Step::of(self);
        match event {
            Event::Decided { decision, policy_set, ruling, request, at_ms } => {
                step.next.decided_by = Some(policy_set);
                step.decided(decision, ruling, request, at_ms)?;
            }
            Event::Voted { approval, ballot } => step.voted(&approval, &ballot)?,
            Event::Passed { at_ms } => step.passed(at_ms)?,
            Event::Claimed { permission, at_ms } => step.claimed(permission, at_ms)?,
            Event::Asked { permit, asking, at_ms } => step.tool_asked(permit, asking, at_ms)?,
            Event::Suspended { permit, awaits, .. } => step.suspended(permit, awaits)?,
            Event::CallEnded { execution, .. } => step.call_ended(execution)?,
            Event::Released { permit, at_ms } => step.released(permit, at_ms)?,
            Event::ToolChanged { tool, by, permit, at_ms } => {
                step.tool_changed(&tool, (by, permit), at_ms)?;
            }
            Event::Lost { permit, error, .. } => step.lost(permit, error)?,
            Event::Reported { by, permit, report, .. } => step.reported(by, permit, report)?,
            Event::SentAgain { by, at_ms } => step.sent_again(by, at_ms)?,
            Event::Cancelled { by, reason, .. } => step.cancelled(by, reason)?,
            Event::Resolved { by, report, .. } => step.resolved(by, report)?,
        }
        step.next.version += 1;
        Ok(Transition { next: step.next, facts: step.facts })
    }

    fn not_now(&self, event: &'static str) -> Refused {
        Refused::NotNow { status: self.status.name(), event }
    }
}

/// A transition as it is being made.
struct Step {
    next: Execution,
    facts: Vec<Fact>,
}

impl Step {
    fn of(execution: &Execution) -> Self {
        Self { next: execution.clone(), facts: Vec::new() }
    }

    fn to(&mut self, status: Status, fact: Fact) {
        self.next.status = status;
        self.facts.push(fact);
    }

    /// Takes note of a decision, and does what it says.
    fn decided(
        &mut self,
        decision: String,
        ruling: Ruling,
        request: Request,
        at_ms: u64,
    ) -> Result<(), Refused> {
        let begins = self.next.digest_of(&request);
        let goes_on = self.goes_on(at_ms);
        match self.next.status {
            Status::Received => {
                let by = self.next.requester.clone();
                let retry_of = self.next.retry.as_ref().map(|retry| retry.of.clone());
                self.facts.push(Fact::Received { by, digest: self.next.digest, retry_of });
                self.next.digest = begins;
                if request.action != self.next.request.action {
                    self.next.amended = Some(request.action);
                }
                self.facts.push(Fact::Decided { decision });
                self.ruled(ruling, at_ms);
            }
            Status::Allowed { start_by_ms, .. } if at_ms >= start_by_ms => {
                return Err(Refused::TooLate);
            }
            Status::Allowed { settled, .. } => {
                self.next.counted |= settled;
                let ruling = self.about_what_was_allowed(ruling, begins)?;
                self.facts.push(Fact::Decided { decision });
                self.ruled(ruling, at_ms);
            }
            // What may be under way is not called off: it is only asked after, under the same id.
            _ if self.next.may_have_arrived() => return Err(Refused::MayHaveArrived),
            _ if goes_on => {
                let ruling = self.about_what_was_allowed(ruling, begins)?;
                self.facts.push(Fact::Decided { decision });
                self.ruled_again(ruling);
            }
            _ => return Err(self.next.not_now("decided")),
        }
        Ok(())
    }

    /// What is denied does not begin, whatever it would have been. But people have agreed to one
    /// action: another one needs an execution of its own. Whoever carries it out is told so; where
    /// the host does, nobody would ever ask for what was allowed, so the execution ends.
    fn about_what_was_allowed(&self, ruling: Ruling, begins: Digest) -> Result<Ruling, Refused> {
        if matches!(ruling, Ruling::Denied(_)) {
            return Ok(ruling);
        }
        match self.is_the_action(begins) {
            Ok(()) => Ok(ruling),
            Err(refused) if self.next.tool.is_none() => Err(refused),
            Err(refused) => Ok(Ruling::Denied(Denied::bare(refused.code()))),
        }
    }

    /// A tool that has begun goes on as it stands, or not at all: nobody is asked anew in the middle
    /// of its work about whether it should have begun.
    fn ruled_again(&mut self, ruling: Ruling) {
        match ruling {
            Ruling::Denied(denied) => self.denied(denied),
            Ruling::Permitted => {}
            Ruling::Asked(askings) => {
                if !self.unmet(askings).is_empty() {
                    self.denied(Denied::bare("requirement-changed"));
                }
            }
        }
    }

    fn is_the_action(&self, begins: Digest) -> Result<(), Refused> {
        let allowed = self.next.digest;
        match begins == allowed {
            true => Ok(()),
            false => Err(Refused::ActionChanged { allowed, begins }),
        }
    }

    fn ruled(&mut self, ruling: Ruling, at_ms: u64) {
        match ruling {
            Ruling::Denied(denied) => self.denied(denied),
            Ruling::Permitted => self.allow(at_ms, true),
            Ruling::Asked(askings) => self.asked(askings, at_ms),
        }
    }

    fn denied(&mut self, denied: Denied) {
        // A tool that has begun leaves its questions behind.
        self.cancel_approvals();
        let code = denied.code.clone();
        self.to(Status::Denied(denied), Fact::Denied { code });
    }

    /// Lets it begin. The time until which it may does not move when it is decided again.
    fn allow(&mut self, at_ms: u64, settled: bool) {
        let start_by_ms = match self.next.status {
            Status::Allowed { start_by_ms, .. } => start_by_ms,
            _ => at_ms.saturating_add(self.next.start_within_ms),
        };
        let digest = self.next.digest;
        self.to(Status::Allowed { start_by_ms, settled }, Fact::Allowed { digest });
    }

    /// Asks people for what they have not agreed to already.
    fn asked(&mut self, askings: Vec<Asking>, at_ms: u64) {
        let unmet = self.unmet(askings);
        if unmet.is_empty() {
            return self.allow(at_ms, true);
        }
        if self.next.approvals.len() + unmet.len() > APPROVALS_MAX {
            return self.denied(Denied::bare("too-many-approvals"));
        }
        self.to(Status::AwaitingApproval, Fact::AwaitingApproval);
        unmet.into_iter().for_each(|asking| self.open(asking.opened(at_ms)));
    }

    /// What people have not agreed to already.
    fn unmet(&self, askings: Vec<Asking>) -> Vec<Asking> {
        let themselves = self.next.themselves();
        let is_met = |asking: &Asking| {
            let meets = |approval: &Approval| {
                approval.meets(&asking.binding, &asking.requirement, &themselves)
            };
            self.next.approvals.iter().any(meets)
        };
        askings.into_iter().filter(|asking| !is_met(asking)).collect()
    }

    fn open(&mut self, approval: Approval) {
        self.tell(&approval);
        self.next.approvals.push(approval);
    }

    fn tool_asked(&mut self, permit: Digest, asking: Asking, at_ms: u64) -> Result<(), Refused> {
        self.is_run_by(permit, "asked about")?;
        if self.next.tool.as_ref().is_none_or(|tool| !tool.kind.is_component()) {
            return Err(self.next.not_now("asked about"));
        }
        if self.next.approvals.len() >= APPROVALS_MAX {
            return Err(Refused::TooManyApprovals);
        }
        self.open(asking.opened(at_ms).by_tool());
        Ok(())
    }

    fn suspended(&mut self, permit: Digest, awaits: Awaited) -> Result<(), Refused> {
        self.is_run_by(permit, "suspended")?;
        self.to(Status::Suspended { awaits: awaits.clone() }, Fact::Suspended { awaits });
        Ok(())
    }

    fn call_ended(&mut self, execution: String) -> Result<(), Refused> {
        match &mut self.next.status {
            Status::Suspended { awaits: Awaited::Execution { id, has_ended } }
                if *id == execution && !*has_ended =>
            {
                *has_ended = true;
                self.facts.push(Fact::CallEnded { call: execution });
                Ok(())
            }
            _ => Err(Refused::Nothing),
        }
    }

    /// Another run may begin at once. The lease never moves later.
    fn released(&mut self, permit: Digest, at_ms: u64) -> Result<(), Refused> {
        self.is_run_by(permit, "released")?;
        let fence = self.next.fence;
        if let Status::Running { lease_until_ms, .. } = &mut self.next.status {
            *lease_until_ms = at_ms.min(*lease_until_ms);
            self.facts.push(Fact::Released { fence });
        }
        Ok(())
    }

    /// What is to begin or to go on with a tool that is not there any more does not. Where a call of it
    /// may have arrived, nobody will know by asking again.
    fn tool_changed(
        &mut self,
        found: &BoundTool,
        finder: (Person, Digest),
        at_ms: u64,
    ) -> Result<(), Refused> {
        let bound = self.next.tool.as_ref().filter(|bound| bound.name == found.name);
        let Some(bound) = bound.filter(|bound| bound.digest != found.digest) else {
            return Err(Refused::Nothing);
        };
        let is_allowed = matches!(self.next.status, Status::Allowed { .. });
        if !is_allowed && !self.goes_on(at_ms) {
            return Err(self.next.not_now("refused"));
        }
        let reason =
            format!("the tool is {} now; what was allowed is {}", found.digest, bound.digest);
        if self.next.may_have_arrived() {
            // Whoever called it last may still be heard of, if a call is under way.
            let (holder, permit) = match &self.next.status {
                Status::Running { holder, permit, .. } => (holder.clone(), *permit),
                _ => finder,
            };
            self.give_up(holder, permit, Some(reason));
            return Ok(());
        }
        let (code, binding) = ("tool-changed".to_owned(), found.name.clone());
        self.denied(Denied { code, reasons: vec![Reason { binding, reason }] });
        Ok(())
    }

    fn lost(&mut self, permit: Digest, error: String) -> Result<(), Refused> {
        self.is_run_by(permit, "lost")?;
        if let Status::Running { holder, permit, .. } = self.next.status.clone() {
            self.give_up(holder, permit, Some(error));
        }
        Ok(())
    }

    fn give_up(&mut self, holder: Person, permit: Digest, error: Option<String>) {
        self.cancel_approvals();
        let fence = self.next.fence;
        self.to(Status::Unknown { holder, permit, error }, Fact::Unknown { fence });
    }

    /// The permit of the call before is worth nothing from here on.
    fn sent_again(&mut self, by: Person, at_ms: u64) -> Result<(), Refused> {
        let Some(GivenUp { error, .. }) = self.next.given_up() else {
            return Err(self.next.not_now("sent again"));
        };
        let awaits = Awaited::Time { at_ms, error: error.to_owned(), may_have_arrived: true };
        self.to(Status::Suspended { awaits }, Fact::SentAgain { by });
        Ok(())
    }

    /// Only the run that was begun last may speak for a tool.
    fn is_run_by(&self, permit: Digest, event: &'static str) -> Result<(), Refused> {
        match &self.next.status {
            Status::Running { permit: given, .. } if self.next.tool.is_some() => {
                if permit == *given { Ok(()) } else { Err(Refused::WrongPermit) }
            }
            _ => Err(self.next.not_now(event)),
        }
    }

    fn voted(&mut self, id: &str, ballot: &Ballot) -> Result<(), Refused> {
        let themselves = self.next.themselves();
        let index = self.next.approvals.iter().position(|approval| approval.id == id);
        let index = index.ok_or_else(|| Refused::NoSuchApproval(id.to_owned()))?;
        let before = &self.next.approvals[index];
        let after = before.vote(ballot, &themselves)?;
        if *before == after {
            return Err(Refused::Nothing);
        }
        let (approval, by, choice) = (id.to_owned(), ballot.voter.clone(), ballot.choice);
        self.facts.push(Fact::Voted { approval, by, choice });
        if before.state != after.state {
            self.tell(&after);
        }
        self.next.approvals[index] = after;
        // What a tool makes of an answer to its own question is up to the tool.
        if self.next.status == Status::AwaitingApproval {
            self.conclude(ballot.at_ms);
        }
        Ok(())
    }

    fn passed(&mut self, at_ms: u64) -> Result<(), Refused> {
        match self.next.status.clone() {
            Status::AwaitingApproval => {
                self.approvals_at(at_ms);
                self.conclude(at_ms);
            }
            Status::Allowed { start_by_ms, .. } if at_ms >= start_by_ms => {
                self.to(Status::Expired, Fact::Expired);
            }
            Status::Running { holder, permit, lease_until_ms } => {
                let is_given_up = !self.next.is_repeatable() || !self.next.may_be_retaken();
                if at_ms >= lease_until_ms && is_given_up {
                    self.give_up(holder, permit, None);
                } else {
                    self.approvals_at(at_ms);
                }
            }
            Status::Suspended { .. } => self.approvals_at(at_ms),
            _ => {}
        }
        if self.facts.is_empty() { Err(Refused::Nothing) } else { Ok(()) }
    }

    fn approvals_at(&mut self, at_ms: u64) {
        for index in 0..self.next.approvals.len() {
            if let Some(after) = self.next.approvals[index].at(at_ms) {
                self.tell(&after);
                self.next.approvals[index] = after;
            }
        }
    }

    /// Ends the waiting once the approvals say how.
    fn conclude(&mut self, at_ms: u64) {
        let any = |state| self.next.approvals.iter().any(|approval| approval.state == state);
        if any(ApprovalState::Rejected) {
            self.cancel_approvals();
            self.to(Status::Rejected, Fact::Rejected);
        } else if any(ApprovalState::Expired) {
            self.cancel_approvals();
            self.to(Status::Expired, Fact::Expired);
        } else if self.next.approvals.iter().all(|a| a.state == ApprovalState::Approved) {
            self.allow(at_ms, false);
        }
    }

    fn claimed(&mut self, permission: Permission, at_ms: u64) -> Result<(), Refused> {
        let Permission { holder, action, permit, lease_until_ms } = permission;
        let goes_on = self.goes_on(at_ms);
        match self.next.status {
            Status::Allowed { start_by_ms, .. } if at_ms >= start_by_ms => {
                return Err(Refused::TooLate);
            }
            Status::Allowed { settled, .. } => {
                self.is_the_action(action)?;
                if !settled {
                    return Err(Refused::NotSettled);
                }
            }
            _ if goes_on => self.is_the_action(action)?,
            _ => return Err(self.next.not_now("claimed")),
        }
        self.next.retaken = match self.next.status {
            Status::Running { .. } => self.next.retaken + 1,
            _ => 0,
        };
        self.next.fence += 1;
        let (by, fence) = (holder.clone(), self.next.fence);
        let fact = match goes_on {
            true => Fact::Resumed { by, fence, lease_until_ms },
            false => Fact::Claimed { by, fence, lease_until_ms },
        };
        self.to(Status::Running { holder, permit, lease_until_ms }, fact);
        Ok(())
    }

    /// Whether a tool has begun and may be run again: what it waits for is there, or whoever ran it
    /// has not been heard of.
    fn goes_on(&self, at_ms: u64) -> bool {
        let began = matches!(self.next.status, Status::Running { .. } | Status::Suspended { .. });
        began && self.next.work_at_ms().is_some_and(|from_ms| at_ms >= from_ms)
    }

    /// A report after the lease still counts: nobody else can have begun meanwhile.
    fn reported(&mut self, by: Person, permit: Digest, report: Report) -> Result<(), Refused> {
        let (Status::Running { permit: given, .. } | Status::Unknown { permit: given, .. }) =
            &self.next.status
        else {
            return Err(self.next.not_now("reported"));
        };
        if permit != *given {
            return Err(Refused::WrongPermit);
        }
        self.end(report, by);
        Ok(())
    }

    fn resolved(&mut self, by: Person, report: Report) -> Result<(), Refused> {
        match self.next.status {
            Status::Unknown { .. } => {}
            Status::Suspended { .. } if self.next.may_have_arrived() => {}
            _ => return Err(self.next.not_now("resolved")),
        }
        self.end(report, by);
        Ok(())
    }

    fn end(&mut self, report: Report, by: Person) {
        // A tool that ends otherwise than it began leaves its questions behind.
        self.cancel_approvals();
        match report {
            Report::Succeeded(result) => {
                self.to(Status::Succeeded { result }, Fact::Succeeded { by });
            }
            Report::Failed(error) => self.to(Status::Failed { error }, Fact::Failed { by }),
        }
    }

    fn cancelled(&mut self, by: Person, reason: Option<String>) -> Result<(), Refused> {
        match self.next.status {
            Status::Suspended { .. } if self.next.may_have_arrived() => {
                Err(Refused::MayHaveArrived)
            }
            Status::Received
            | Status::AwaitingApproval
            | Status::Allowed { .. }
            | Status::Suspended { .. } => {
                self.cancel_approvals();
                self.to(Status::Cancelled { by: by.clone(), reason }, Fact::Cancelled { by });
                Ok(())
            }
            _ => Err(self.next.not_now("cancelled")),
        }
    }

    fn cancel_approvals(&mut self) {
        for index in 0..self.next.approvals.len() {
            if let Some(after) = self.next.approvals[index].cancelled() {
                self.tell(&after);
                self.next.approvals[index] = after;
            }
        }
    }

    /// Tells where an approval stands now.
    fn tell(&mut self, after: &Approval) {
        let approval = after.id.clone();
        self.facts.push(match after.state {
            ApprovalState::Pending { stage, expires_at_ms } => {
                Fact::Asked { approval, stage, expires_at_ms }
            }
            ApprovalState::Approved
            | ApprovalState::Rejected
            | ApprovalState::Expired
            | ApprovalState::Cancelled => {
                Fact::Ended { approval, state: after.state.name().to_owned() }
            }
        });
    }
}
