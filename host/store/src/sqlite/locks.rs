//! One at a time, by name: who holds a name keeps others from it, in this process.
//!
//! A hold can be handed on. So what a commit must not have changed under it is held until the
//! writer has answered, also where whoever asked has long given up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::OwnedMutexGuard;
use writ_core::Tenant;

/// What one holds. Who wants both kinds takes the key first, so that nobody waits in a circle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A requester's key for a request: tenant, requester folded, key.
    Key(Tenant, String, String),
    /// An execution, by id.
    Execution(Tenant, String),
}

/// All names that are held or waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks(Arc<Mutex<Gates>>);

type Gates = HashMap<Name, Arc<tokio::sync::Mutex<()>>>;

/// Holds a name, or waits for it. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Held {
    name: Name,
    guard: Option<OwnedMutexGuard<()>>,
    locks: Locks,
}

impl Locks {
    /// Waits until nobody else holds a name. In the order of asking.
    pub(crate) async fn hold(&self, name: Name) -> Held {
        let gate = self.gates().entry(name.clone()).or_default().clone();
        // Before waiting, so that who gives up leaves nothing behind.
        let mut held = Held { name, guard: None, locks: self.clone() };
        held.guard = Some(gate.lock_owned().await);
        held
    }

    fn gates(&self) -> MutexGuard<'_, Gates> {
        self.0.lock().expect("nobody panics while changing the names that are held")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guard = None;
        let mut gates = self.locks.gates();
        // A gate is taken from the map under its lock: one that only the map has, nobody wants.
        if gates.get(&self.name).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str) -> Name {
        Name::Execution(Tenant::default(), id.into())
    }

    #[tokio::test]
    async fn a_name_is_held_by_one_and_another_name_is_free() {
        let locks = Locks::default();
        let held = locks.hold(name("a")).await;
        let other = locks.hold(name("b")).await;
        let waiting = tokio::spawn({
            let locks = locks.clone();
            async move { drop(locks.hold(name("a")).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop((held, other));
        waiting.await.unwrap();
        assert!(locks.gates().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing_behind() {
        let locks = Locks::default();
        let held = locks.hold(name("a")).await;
        let mut waiting = Box::pin(locks.hold(name("a")));
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("two hold it"),
            () = std::future::ready(()) => {}
        }
        drop(held);
        assert_eq!(locks.gates().len(), 1);
        drop(waiting);
        assert!(locks.gates().is_empty());
    }
}
