//! What running tools were answered: one row a host call.

use writ_core::Tenant;
use writ_core::journal::Entry;

use crate::error::StoreError;
use crate::sealing::{Opener, Sealed, Sealing};

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

    /// As it is to be kept.
    pub(crate) fn seal(&mut self, sealing: &Sealing) {
        let Self { tenant, execution, number, body } = self;
        let place = (execution.as_str(), *number);
        *body = sealing.seal(tenant, Sealed::Journal, place, std::mem::take(body));
    }

    /// The entry of an execution that a row's body holds.
    pub(crate) fn entry(
        opener: Opener<'_>,
        execution: &str,
        number: u64,
        body: &str,
    ) -> Result<Entry, StoreError> {
        let body = opener.open(Sealed::Journal, (execution, number), body)?;
        Entry::parse(number, &body).map_err(|error| StoreError::Damaged {
            what: "journal",
            id: execution.to_owned(),
            reason: error.to_string(),
        })
    }
}
