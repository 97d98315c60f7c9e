//! Storage as a decision saw it, which has been made since.
//!
//! A version that is asked afterwards would find what the decision itself has stored: a budget would
//! be spent twice. What the decision read is therefore answered as it was then; what it did not is
//! read from the store.
//!
//! A binding that does not decide would never find what it has stored: a budget would never be spent.
//! What it stores goes into an overlay that lies over the store for it alone, until it is asked no more.

use std::collections::BTreeSet;
use std::sync::Arc;

use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{
    About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Unavailable, Window,
};
use writ_core::{Approval, BindingName, Ledger};
use writ_engine::Execution;

use crate::service::ephemeral::Ephemeral;
use crate::service::round::Ledgers;

/// What a decision read and wrote.
pub(super) struct Before {
    pub(super) ledgers: Arc<Ledgers>,
    pub(super) execution: Arc<Execution>,
    /// Whether it was the first about its execution: then whatever people are asked in its name, they
    /// are asked because of it.
    pub(super) is_first: bool,
    /// The bindings that decided: what they store is in the store.
    pub(super) decided: Arc<[BindingName]>,
}

/// The store, but for what a decision saw of it, and for what was stored on the side.
pub(super) struct Seen {
    before: Before,
    overlay: Ephemeral,
    storage: Arc<dyn StorageReader>,
    approvals: Arc<dyn ApprovalReader>,
}

impl Before {
    pub(super) fn over(
        self,
        storage: Arc<dyn StorageReader>,
        approvals: Arc<dyn ApprovalReader>,
        overlay: Ephemeral,
    ) -> Seen {
        Seen { before: self, overlay, storage, approvals }
    }

    /// Whether what a binding stores is in the store.
    fn has_stored(&self, namespace: &Namespace) -> bool {
        self.decided.contains(&namespace.binding)
    }

    fn ledger(&self, namespace: &Namespace) -> Option<&Ledger> {
        let mut ledgers = self.ledgers.iter();
        ledgers.find(|(of, _)| **of == *namespace).map(|(_, ledger)| ledger)
    }
}

impl StorageReader for Seen {
    fn read<'a>(&'a self, namespace: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored> {
        let seen = match self.before.has_stored(namespace) {
            true => self.before.ledger(namespace).and_then(|ledger| ledger.seen(key)).cloned(),
            false => self.overlay.known(namespace, key),
        };
        match seen {
            Some(stored) => Box::pin(async move { Ok(stored) }),
            None => self.storage.read(namespace, key),
        }
    }

    fn usage<'a>(&'a self, namespace: &'a Namespace) -> PortFuture<'a, Usage> {
        match self.before.ledger(namespace).and_then(Ledger::usage_seen) {
            Some(usage) => Box::pin(async move { Ok(usage) }),
            None if self.before.has_stored(namespace) => self.storage.usage(namespace),
            None => Box::pin(async move {
                let (below, above) =
                    (self.storage.usage(namespace).await?, self.overlay.usage(namespace).await?);
                // A key that is in both is counted twice: rather too much than too little.
                Ok(Usage { keys: below.keys + above.keys, bytes: below.bytes + above.bytes })
            }),
        }
    }

    fn list<'a>(&'a self, namespace: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing> {
        let changes = match self.before.has_stored(namespace) {
            true => self.before.ledger(namespace).map(|ledger| undone(ledger, page.now_ms)),
            false => Some(self.overlay.written(namespace, page.now_ms)),
        };
        match changes.unwrap_or_default() {
            changes if changes.is_empty() => self.storage.list(namespace, page),
            changes => Box::pin(self.listed(namespace, page, changes)),
        }
    }
}

impl Seen {
    /// A page of the store's keys, but for some that are there, or are not, whatever the store says.
    async fn listed(
        &self,
        namespace: &Namespace,
        page: Page<'_>,
        mut changes: Vec<(String, bool)>,
    ) -> Result<Listing, Unavailable> {
        changes.retain(|(key, _)| {
            key.starts_with(page.prefix) && page.after.is_none_or(|after| key.as_str() > after)
        });
        // Some of what is found may not be there: a page stays as long as it would be.
        let limit = page.limit + changes.iter().filter(|(_, is_there)| !is_there).count();
        let listing = self.storage.list(namespace, Page { limit, ..page }).await?;
        let is_whole = listing.keys.len() < limit;
        let last = listing.keys.last().filter(|_| !is_whole).cloned();
        let mut keys: BTreeSet<String> = listing.keys.into_iter().collect();
        for (key, is_there) in changes {
            let is_in_page = last.as_ref().is_none_or(|last| key <= *last);
            match is_there {
                true if is_in_page => keys.insert(key),
                true => false,
                false => keys.remove(&key),
            };
        }
        let keys = keys.into_iter().take(page.limit).collect();
        Ok(Listing { keys, generation: listing.generation })
    }
}

/// The keys that a decision wrote, and whether they were there before.
fn undone(ledger: &Ledger, now_ms: u64) -> Vec<(String, bool)> {
    let was_there = |key: &str| ledger.seen(key).is_some_and(|was| was.live(now_ms).is_some());
    ledger.writes().map(|write| (write.key.clone(), was_there(&write.key))).collect()
}

impl ApprovalReader for Seen {
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        if !self.before.is_first {
            return self.approvals.recent(about, window);
        }
        Box::pin(async move {
            let mut recent = self.approvals.recent(about, window).await?;
            recent.retain(|approval| approval.opened_at_ms < self.before.execution.received_at_ms);
            Ok(recent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::Limits;

    const PAGE: Page<'static> = Page { prefix: "", after: None, limit: 3, now_ms: 0 };

    /// What a decision saw that changed `a`, removed `b` and made `c`, where `d` to `f` were.
    async fn seen() -> (Seen, Namespace) {
        let namespace = Namespace { tenant: Default::default(), binding: "b".parse().unwrap() };
        let memory = Ephemeral::default();
        for key in ["a", "b", "d", "e", "f"] {
            memory.put(&namespace, key, b"was".to_vec());
        }
        let mut ledger = Ledger::new(0, &Limits::default());
        ledger.learn_usage(memory.usage(&namespace).await.unwrap());
        for key in ["a", "b", "c"] {
            ledger.learn(key, memory.read(&namespace, key).await.unwrap());
        }
        ledger.set("a", b"is".to_vec(), None).unwrap();
        ledger.delete("b");
        ledger.set("c", b"is".to_vec(), None).unwrap();
        let ledgers = vec![(Arc::new(namespace.clone()), ledger)];
        memory.commit(&ledgers).unwrap();
        let execution = Arc::new(Execution {
            id: "e".into(),
            tenant: Default::default(),
            received_at_ms: 5,
            has_begun: false,
            sensitive: Default::default(),
        });
        let decided = [namespace.binding.clone()].into();
        let before = Before { ledgers: Arc::new(ledgers), execution, is_first: true, decided };
        let memory = Arc::new(memory);
        (before.over(memory.clone(), memory, Ephemeral::default()), namespace)
    }

    #[tokio::test]
    async fn what_a_decision_wrote_is_as_it_was_before() {
        let (seen, namespace) = seen().await;
        let value = async |key| seen.read(&namespace, key).await.unwrap().value;
        assert_eq!(value("a").await.as_deref(), Some(&b"was"[..]));
        assert_eq!(value("b").await.as_deref(), Some(&b"was"[..]));
        assert_eq!(value("c").await, None);
        assert_eq!(value("d").await.as_deref(), Some(&b"was"[..]));
        assert_eq!(seen.usage(&namespace).await.unwrap().keys, 5);
    }

    #[tokio::test]
    async fn a_listing_is_as_it_was_before() {
        let (seen, namespace) = seen().await;
        let keys = async |page| seen.list(&namespace, page).await.unwrap().keys;
        assert_eq!(keys(PAGE).await, ["a", "b", "d"]);
        assert_eq!(keys(Page { after: Some("b"), ..PAGE }).await, ["d", "e", "f"]);
        assert_eq!(keys(Page { limit: 9, ..PAGE }).await, ["a", "b", "d", "e", "f"]);
    }

    #[tokio::test]
    async fn another_namespace_is_the_stores() {
        let (seen, _) = seen().await;
        let other = Namespace { tenant: Default::default(), binding: "o".parse().unwrap() };
        assert_eq!(seen.read(&other, "a").await.unwrap(), Stored::ABSENT);
        assert_eq!(seen.list(&other, PAGE).await.unwrap().keys, [""; 0]);
    }

    #[tokio::test]
    async fn what_a_binding_stores_that_does_not_decide_lies_over_the_store() {
        let (Seen { before, storage, approvals, .. }, namespace) = seen().await;
        let overlay = Ephemeral::default();
        let decided = [].into();
        let seen = Before { decided, ledgers: Arc::default(), ..before };
        let seen = seen.over(storage, approvals, overlay.clone());
        let value = async |key| seen.read(&namespace, key).await.unwrap().value;
        assert_eq!(value("d").await.as_deref(), Some(&b"was"[..]));
        let mut ledger = Ledger::new(0, &Limits::default());
        ledger.learn_usage(seen.usage(&namespace).await.unwrap());
        for key in ["d", "e", "g"] {
            ledger.learn(key, seen.read(&namespace, key).await.unwrap());
        }
        ledger.set("d", b"above".to_vec(), None).unwrap();
        ledger.delete("e");
        ledger.set("g", b"above".to_vec(), None).unwrap();
        overlay.keep(&[(Arc::new(namespace.clone()), ledger)]);
        assert_eq!(value("d").await.as_deref(), Some(&b"above"[..]));
        assert_eq!(value("e").await, None);
        let keys = async |page| seen.list(&namespace, page).await.unwrap().keys;
        assert_eq!(keys(Page { limit: 9, ..PAGE }).await, ["a", "c", "d", "f", "g"]);
        assert_eq!(keys(Page { after: Some("c"), limit: 2, ..PAGE }).await, ["d", "f"]);
        overlay.clear();
        assert_eq!(value("d").await.as_deref(), Some(&b"was"[..]));
    }
}
