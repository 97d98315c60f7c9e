//! Lists of executions, approvals and events: who sees which.

use writ_core::{Approval, ChainedEvent, Execution, Principal};
use writ_store::{ApprovalFilter, ExecutionFilter, Page};

use super::{ExecutionError, Executions, sees_all};

/// Which approvals are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Those that ask the principal now.
    Mine,
    /// All that are pending.
    Pending,
    /// All that have ended.
    History,
    /// Those that the principal has answered.
    Answered,
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The id before which it begins; the newest where there is none.
    pub before: Option<&'a str>,
    /// How many at most.
    pub limit: u32,
}

impl Executions {
    /// Executions, newest first: the principal's own, or everybody's for operators and auditors.
    ///
    /// # Errors
    /// [`ExecutionError::Undecided`].
    pub async fn page(
        &self,
        by: &Principal,
        status: Option<String>,
        part: Part<'_>,
    ) -> Result<Page<Execution>, ExecutionError> {
        let requester = (!sees_all(by)).then(|| by.person.clone());
        let filter = ExecutionFilter { requester, status };
        Ok(self.store.executions_page(&by.tenant, &filter, part.before, part.limit).await?)
    }

    /// Approvals, newest first, each with what waits for it; none where the principal may not have
    /// the view.
    ///
    /// # Errors
    /// [`ExecutionError::Undecided`].
    pub async fn approvals(
        &self,
        by: &Principal,
        view: View,
        part: Part<'_>,
    ) -> Result<Option<Page<(Execution, Approval)>>, ExecutionError> {
        let filter = match view {
            View::Mine => {
                ApprovalFilter::Asking { person: by.person.clone(), groups: by.groups.clone() }
            }
            View::Answered => ApprovalFilter::AnsweredBy(by.person.clone()),
            View::Pending if sees_all(by) => ApprovalFilter::Pending,
            View::History if sees_all(by) => ApprovalFilter::Ended,
            View::Pending | View::History => return Ok(None),
        };
        let found = self.store.approvals_page(&by.tenant, &filter, part.before, part.limit).await?;
        Ok(Some(found))
    }

    /// What happened to an execution that the principal may see, oldest first, after a place.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`], [`ExecutionError::Undecided`].
    pub async fn events(
        &self,
        by: &Principal,
        id: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<ChainedEvent>, ExecutionError> {
        self.one(by, id).await?;
        Ok(self.store.events_page(&by.tenant, Some(id), after, limit).await?)
    }
}
