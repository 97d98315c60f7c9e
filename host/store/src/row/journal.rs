//! What running tools were answered: one row a host call.

use writ_core::Tenant;
use writ_core::journal::Entry;

use crate::error::StoreError;

/// One entry as it is kept.
#[derive(Debug)]
pub(crate) struct JournalRow {
    pub(crate) tenant: Tenant,
    pub(crate) execution: String,
    pub(crate) number: u64,
    pub(crate) body: String,
}

impl JournalRow {
    pub(crate) fn new(tenant: &Tenant, execution: &str, entry: &Entry) -> Self {
        let (tenant, execution) = (tenant.clone(), execution.to_owned());
        Self { tenant, execution, number: entry.number, body: entry.text() }
    }

    pub(crate) fn of_each(tenant: &Tenant, execution: &str, entries: &[Entry]) -> Vec<Self> {
        entries.iter().map(|entry| Self::new(tenant, execution, entry)).collect()
    }

    /// The entry of an execution that a row's body holds.
    pub(crate) fn entry(execution: &str, number: u64, body: &str) -> Result<Entry, StoreError> {
        Entry::parse(number, body).map_err(|error| StoreError::Damaged {
            what: "journal",
            id: execution.to_owned(),
            reason: error.to_string(),
        })
    }
}
