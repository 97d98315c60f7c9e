//! Compiled code in memory: all that something uses, and a little of what was used last.
//!
//! Each piece of code holds an open file beside its memory (the image from which instances get
//! theirs), so it is bounded by number as well as by size. What is in use is found however much of it
//! there is, since finding it costs nothing.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Weak};

/// How many pieces of code are kept that nothing uses: enough to go back to what was loaded a moment
/// ago without reading the disk.
const LAST_MAX: usize = 8;

/// Code by its key.
pub(super) struct Code<K, C> {
    used: HashMap<K, Weak<C>>,
    /// What was asked for last, the latest at the end, with its size in bytes.
    last: VecDeque<(K, Arc<C>, u64)>,
    /// How many bytes the last may have together.
    bytes_max: u64,
}

impl<K: Copy + Eq + Hash, C> Code<K, C> {
    /// With room for so many bytes that nothing uses.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { used: HashMap::new(), last: VecDeque::with_capacity(LAST_MAX), bytes_max }
    }

    /// Code that is in use, or was a moment ago.
    pub(super) fn get(&mut self, key: &K) -> Option<Arc<C>> {
        let found = self.used.get(key)?.upgrade()?;
        if let Some(at) = self.last.iter().position(|(last, ..)| last == key)
            && let Some(entry) = self.last.remove(at)
        {
            self.last.push_back(entry);
        }
        Some(found)
    }

    /// Adds code of so many bytes, and returns what is let go of in its place.
    pub(super) fn insert(&mut self, key: K, code: Arc<C>, bytes: u64) -> Vec<Arc<C>> {
        self.used.retain(|_, code| code.strong_count() > 0);
        self.used.insert(key, Arc::downgrade(&code));
        let mut let_go = Vec::new();
        if let Some(at) = self.last.iter().position(|(last, ..)| *last == key) {
            let_go.extend(self.last.remove(at).map(|(_, code, _)| code));
        }
        self.last.push_back((key, code, bytes));
        while self.last.len() > LAST_MAX || self.bytes() > self.bytes_max {
            let Some((_, code, _)) = self.last.pop_front() else { break };
            let_go.push(code);
        }
        let_go
    }

    fn bytes(&self) -> u64 {
        self.last.iter().map(|(.., bytes)| bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(count: u32) -> Code<u32, u32> {
        let mut code = Code::new(1_000);
        for number in 0..count {
            code.insert(number, Arc::new(number), 1);
        }
        code
    }

    fn found(code: &mut Code<u32, u32>) -> Vec<u32> {
        (0..100).filter(|number| code.get(number).is_some()).collect()
    }

    #[test]
    fn so_many_of_the_last_are_kept() {
        assert_eq!(found(&mut with(20)), (12..20).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_used_is_found_and_let_go_of_with_its_user() {
        let mut code = with(0);
        let user = Arc::new(0);
        code.insert(0, user.clone(), 1);
        for number in 1..20 {
            code.insert(number, Arc::new(number), 1);
        }
        assert!(Arc::ptr_eq(&code.get(&0).unwrap(), &user));
        drop(user);
        assert_eq!(code.get(&0), None);
    }

    #[test]
    fn what_was_asked_for_stays_longer() {
        let mut code = with(8);
        assert!(code.get(&0).is_some());
        code.insert(8, Arc::new(8), 1);
        assert_eq!(found(&mut code), [0, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn large_code_takes_the_room_of_others() {
        let mut code = with(3);
        code.insert(3, Arc::new(3), 999);
        assert_eq!(found(&mut code), [2, 3]);
        code.insert(4, Arc::new(4), 1_001);
        assert!(found(&mut code).is_empty());
    }

    #[test]
    fn code_that_is_made_anew_takes_the_place_of_the_old() {
        let mut code = with(8);
        assert_eq!(code.insert(7, Arc::new(77), 1).len(), 1);
        assert_eq!((code.last.len(), code.get(&7).as_deref()), (8, Some(&77)));
    }
}
