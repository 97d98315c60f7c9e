//! Pages of lists: bounded by how many items they have, and by how large those are.

use writ_core::{Approval, Execution};

use crate::error::StoreError;

/// After how many bytes of what is stored a page ends, with the item that exceeds them. So much is made
/// of it, however large items are; a driver may have read some rows ahead, 50 on SQLite.
pub const PAGE_BYTES_MAX: usize = 4 << 20;

/// Some items of a list, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether more may follow: it is full, by count or by bytes.
    pub has_more: bool,
}

/// A page that is being read.
pub(crate) struct Filling<T> {
    items: Vec<T>,
    bytes: usize,
    limit: usize,
}

impl Filling<(Execution, Approval)> {
    /// Adds the approval of an id with its execution, as that was found, and how large it is.
    pub(crate) fn add_approval(
        &mut self,
        id: String,
        found: Option<(Execution, usize)>,
    ) -> Result<(), StoreError> {
        let found = found.and_then(|(execution, bytes)| {
            let approval = execution.approval(&id)?.clone();
            Some(((execution, approval), bytes))
        });
        let Some((found, bytes)) = found else {
            let reason = "its execution does not have it".into();
            return Err(StoreError::Damaged { what: "approval", id, reason });
        };
        self.add(found, bytes);
        Ok(())
    }
}

impl<T> Filling<T> {
    pub(crate) fn new(limit: u32) -> Self {
        Self { items: Vec::new(), bytes: 0, limit: limit as usize }
    }

    /// Adds an item of some size.
    pub(crate) fn add(&mut self, item: T, bytes: usize) {
        self.items.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.bytes >= PAGE_BYTES_MAX
    }

    pub(crate) fn finish(self) -> Page<T> {
        Page { has_more: self.is_full(), items: self.items }
    }
}
