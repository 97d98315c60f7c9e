//! Keys for requests that are sent again: one row each, and which execution it stands for.

use writ_core::{Execution, Tenant};

use crate::execution::IdempotencyKey;

/// One key as it is to be.
#[derive(Debug)]
pub(crate) struct IdempotencyRow {
    pub(crate) tenant: Tenant,
    pub(crate) key: IdempotencyKey,
    pub(crate) execution: String,
}

impl IdempotencyRow {
    pub(crate) fn new(execution: &Execution, key: IdempotencyKey) -> Self {
        Self { tenant: execution.tenant.clone(), key, execution: execution.id.clone() }
    }
}
