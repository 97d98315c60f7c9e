//! The dead letter of an execution whose endpoint is given up.

use writ_core::{Execution, Tenant};

use crate::letters::{DeadLetter, Unsent};

/// What becomes of it.
#[derive(Debug)]
pub(crate) enum LetterChange {
    Put(Box<DeadLetter>),
    Remove { tenant: Tenant, id: String },
}

impl LetterChange {
    /// None where nothing changes.
    pub(crate) fn of_changed(
        before: Option<&Execution>,
        next: &Execution,
        at_ms: u64,
    ) -> Option<Self> {
        let was = before.and_then(Execution::given_up);
        let (tenant, id) = (next.tenant.clone(), next.id.clone());
        match next.given_up() {
            Some(is) => (was != Some(is)).then(|| {
                let (unsent, error) =
                    (Unsent::Call { endpoint: is.tool.clone() }, is.error.to_owned());
                let attempts = is.calls;
                Self::Put(Box::new(DeadLetter { id, tenant, unsent, attempts, error, at_ms }))
            }),
            None => was.map(|_| Self::Remove { tenant, id }),
        }
    }
}
