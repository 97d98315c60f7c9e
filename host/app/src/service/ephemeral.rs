//! Storage that lives as long as the process: what `writ eval` and cases decide on.
//!
//! It keeps the rules of the store (versions, conflicts, generations) and none of its durability.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Window};
use writ_core::{Approval, Ledger};

/// Storage in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ephemeral {
    // Guards everything that is stored; held for one read or one commit, never across an await.
    spaces: Arc<Mutex<HashMap<Namespace, Space>>>,
    // Guards what people were asked; held for one read or one addition, never across an await.
    approvals: Arc<Mutex<Vec<(About, Approval)>>>,
}

#[derive(Clone, Debug, Default)]
struct Space {
    keys: BTreeMap<String, Stored>,
    generation: u64,
    /// Of the keys that have a value.
    usage: Usage,
}

/// What a key takes of memory beside itself and its value, roughly.
const ENTRY_BYTES: usize = 128;

impl Ephemeral {
    /// Applies the writes of all ledgers, or of none.
    ///
    /// # Errors
    /// The namespaces in which something has changed since it was read.
    pub fn commit(&self, ledgers: &[(Arc<Namespace>, Ledger)]) -> Result<(), Vec<Arc<Namespace>>> {
        let mut spaces = self.lock();
        let empty = Space::default();
        let stale = |(namespace, ledger): &&(Arc<Namespace>, Ledger)| {
            !spaces.get(&**namespace).unwrap_or(&empty).holds(ledger)
        };
        let conflicts: Vec<_> = ledgers.iter().filter(stale).map(|(n, _)| n.clone()).collect();
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        apply(&mut spaces, ledgers);
        Ok(())
    }

    /// Applies the writes of all ledgers, whatever has changed since they were read.
    pub(super) fn keep(&self, ledgers: &[(Arc<Namespace>, Ledger)]) {
        apply(&mut self.lock(), ledgers);
    }

    /// How much memory is held by what was stored, in bytes and roughly.
    pub(super) fn held(&self) -> usize {
        self.lock().values().map(Space::held).sum()
    }

    /// Forgets all that was stored.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// What was stored under a key, or that it was removed; none where it was never written.
    pub(super) fn known(&self, namespace: &Namespace, key: &str) -> Option<Stored> {
        self.with(namespace, |space| space.keys.get(key).cloned())
    }

    /// Every key that was ever written, and whether it is there at an instant.
    pub(super) fn written(&self, namespace: &Namespace, now_ms: u64) -> Vec<(String, bool)> {
        let is_there =
            |(key, stored): (&String, &Stored)| (key.clone(), stored.live(now_ms).is_some());
        self.with(namespace, |space| space.keys.iter().map(is_there).collect())
    }

    /// Puts a value where there may be another one already; it does not expire.
    pub fn put(&self, namespace: &Namespace, key: &str, value: Vec<u8>) {
        let mut spaces = self.lock();
        let space = spaces.entry(namespace.clone()).or_default();
        let version = space.keys.get(key).map_or(0, |stored| stored.version) + 1;
        let stored = Stored { version, value: Some(value), expires_at_ms: None };
        space.insert(key.to_owned(), stored);
        space.generation += 1;
    }

    /// Tells policies from now on that people were asked.
    pub fn remember(&self, about: About, approval: Approval) {
        self.approvals.lock().unwrap_or_else(PoisonError::into_inner).push((about, approval));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Namespace, Space>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, namespace: &Namespace, read: impl FnOnce(&Space) -> T) -> T {
        match self.lock().get(namespace) {
            Some(space) => read(space),
            None => read(&Space::default()),
        }
    }
}

fn apply(spaces: &mut HashMap<Namespace, Space>, ledgers: &[(Arc<Namespace>, Ledger)]) {
    for (namespace, ledger) in ledgers {
        spaces.entry((**namespace).clone()).or_default().apply(ledger);
    }
}

impl Space {
    fn holds(&self, ledger: &Ledger) -> bool {
        let version = |key: &str| self.keys.get(key).map_or(0, |stored| stored.version);
        ledger.reads().all(|(key, seen)| version(key) == seen)
            && ledger.generation().is_none_or(|seen| seen == self.generation)
    }

    fn apply(&mut self, ledger: &Ledger) {
        for write in ledger.writes() {
            let was = self.keys.get(&write.key).is_some_and(|stored| stored.value.is_some());
            if was != write.stored.value.is_some() {
                self.generation += 1;
            }
            self.insert(write.key, write.stored);
        }
    }

    fn insert(&mut self, key: String, stored: Stored) {
        let bytes = |value: &Vec<u8>| (key.len() + value.len()) as u64;
        if let Some(value) = &stored.value {
            self.usage.keys += 1;
            self.usage.bytes += bytes(value);
        }
        if let Some(value) = self.keys.get(&key).and_then(|before| before.value.as_ref()) {
            self.usage.keys -= 1;
            self.usage.bytes -= bytes(value);
        }
        self.keys.insert(key, stored);
    }

    fn held(&self) -> usize {
        self.usage.bytes as usize + self.keys.len() * ENTRY_BYTES
    }

    fn list(&self, page: Page<'_>) -> Listing {
        let first = page.after.filter(|after| *after >= page.prefix).unwrap_or(page.prefix);
        let keys = self
            .keys
            .range(first.to_owned()..)
            .take_while(|(key, _)| key.starts_with(page.prefix))
            .filter(|(key, _)| page.after.is_none_or(|after| key.as_str() > after))
            .filter(|(_, stored)| stored.live(page.now_ms).is_some())
            .take(page.limit)
            .map(|(key, _)| key.clone());
        Listing { keys: keys.collect(), generation: self.generation }
    }
}

impl StorageReader for Ephemeral {
    fn read<'a>(&'a self, namespace: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored> {
        let stored = self.with(namespace, |space| space.keys.get(key).cloned());
        Box::pin(async move { Ok(stored.unwrap_or(Stored::ABSENT)) })
    }

    fn usage<'a>(&'a self, namespace: &'a Namespace) -> PortFuture<'a, Usage> {
        let usage = self.with(namespace, |space| space.usage);
        Box::pin(async move { Ok(usage) })
    }

    fn list<'a>(&'a self, namespace: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing> {
        let listing = self.with(namespace, |space| space.list(page));
        Box::pin(async move { Ok(listing) })
    }
}

/// Nobody is asked where nothing lasts until they answer: there is what was put there.
impl ApprovalReader for Ephemeral {
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        let approvals = self.approvals.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |(of, approval): &&(About, Approval)| {
            of == about && approval.opened_at_ms >= window.since_ms
        };
        let meant = approvals.iter().filter(is_meant);
        let mut recent: Vec<_> = meant.map(|(_, approval)| approval.clone()).collect();
        recent.sort_by_key(|approval| std::cmp::Reverse(approval.opened_at_ms));
        recent.truncate(window.limit);
        Box::pin(async move { Ok(recent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::Limits;

    fn namespace() -> Arc<Namespace> {
        Arc::new(Namespace { tenant: Default::default(), binding: "b".parse().unwrap() })
    }

    fn increment(memory: &Ephemeral, read_at: &Space) -> Result<(), Vec<Arc<Namespace>>> {
        let mut ledger = Ledger::new(0, &Limits::default());
        ledger.learn_usage(Usage::default());
        ledger.learn("n", read_at.keys.get("n").cloned().unwrap_or(Stored::ABSENT));
        ledger.increment("n", 1, None).unwrap();
        memory.commit(&[(namespace(), ledger)])
    }

    #[test]
    fn what_was_read_before_a_change_conflicts() {
        let memory = Ephemeral::default();
        let before = Space::default();
        assert_eq!(increment(&memory, &before), Ok(()));
        assert_eq!(increment(&memory, &before), Err(vec![namespace()]));
        let after = memory.with(&namespace(), Clone::clone);
        assert_eq!(increment(&memory, &after), Ok(()));
        assert_eq!(memory.with(&namespace(), |s| s.keys["n"].value.clone()), Some(b"2".to_vec()));
        assert_eq!(memory.with(&namespace(), |s| s.usage), Usage { keys: 1, bytes: 2 });
    }

    #[test]
    fn what_is_held_is_what_was_written_last() {
        let memory = Ephemeral::default();
        memory.put(&namespace(), "key", vec![0; 1_000]);
        memory.put(&namespace(), "key", vec![0; 10]);
        assert_eq!(memory.with(&namespace(), |s| s.usage), Usage { keys: 1, bytes: 13 });
        assert_eq!(memory.held(), 13 + ENTRY_BYTES);
        let mut ledger = Ledger::new(0, &Limits::default());
        ledger.learn_usage(Usage { keys: 1, bytes: 13 });
        ledger.learn("key", memory.known(&namespace(), "key").unwrap());
        ledger.delete("key");
        memory.keep(&[(namespace(), ledger)]);
        assert_eq!(memory.with(&namespace(), |s| s.usage), Usage::default());
        memory.clear();
        assert_eq!(memory.held(), 0);
    }

    #[tokio::test]
    async fn what_people_were_asked_is_told_newest_first_within_the_window() {
        let about = |action: &str| About {
            tenant: Default::default(),
            subject: ("user".into(), "1".into()),
            action: action.into(),
            resource: ("account".into(), "1".into()),
        };
        let memory = Ephemeral::default();
        for (at_ms, action) in [(1, "pay"), (3, "pay"), (2, "pay"), (4, "read")] {
            let requirement = writ_core::Requirement {
                title: "t".into(),
                reason: String::new(),
                stages: Vec::new(),
                allow_self_approval: false,
                reason_required: false,
            };
            let binding = "b".parse().unwrap();
            let approval = Approval::open(at_ms.to_string(), binding, requirement, at_ms);
            memory.remember(about(action), approval);
        }
        let window = Window { since_ms: 2, limit: 10 };
        let recent = memory.recent(&about("pay"), window).await.unwrap();
        assert_eq!(recent.iter().map(|one| one.opened_at_ms).collect::<Vec<_>>(), [3, 2]);
        let window = Window { since_ms: 0, limit: 1 };
        assert_eq!(memory.recent(&about("pay"), window).await.unwrap().len(), 1);
    }

    #[test]
    fn pages_follow_each_other_in_byte_order() {
        let stored = Stored { version: 1, value: Some(vec![]), expires_at_ms: None };
        let keys = ["a", "b1", "b2", "b3", "c"].map(|key| (key.to_owned(), stored.clone()));
        let space = Space { keys: keys.into(), ..Space::default() };
        let page = |after| space.list(Page { prefix: "b", after, limit: 2, now_ms: 0 }).keys;
        assert_eq!(page(None), ["b1", "b2"]);
        assert_eq!(page(Some("b2")), ["b3"]);
        assert_eq!(page(Some("b3")), [""; 0]);
    }
}
