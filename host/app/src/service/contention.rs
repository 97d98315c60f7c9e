//! Taking turns: requests that keep changing the same storage under each other's feet queue up.
//!
//! Evaluations are optimistic: a conflict is rare and costs microseconds. A request that has lost
//! twice holds the turn of every namespace that it lost on, so that it loses only to newcomers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use writ_core::ports::Namespace;
use writ_store::Turns;

use super::Records;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// One turn per namespace. A turn is first come, first served.
#[derive(Debug, Default)]
pub(super) struct Contention {
    // Guards the map only; grows to one turn per binding and tenant at most.
    turns: Mutex<HashMap<Arc<Namespace>, Turn>>,
}

/// Turns, held until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Held {
    // Before the turns of this host, so that its next one finds them free.
    _among_hosts: Option<Turns>,
    _turns: Vec<OwnedMutexGuard<()>>,
}

impl Contention {
    /// Waits for the turns of all these namespaces, on this host and then among all that share its
    /// records. They are taken in order, so that two requests never wait for each other; a request
    /// holds none when it asks.
    pub(super) async fn hold(
        &self,
        namespaces: &BTreeSet<Arc<Namespace>>,
        records: &Records,
    ) -> Held {
        let mut held = Vec::with_capacity(namespaces.len());
        for namespace in namespaces {
            held.push(self.turn(namespace).lock_owned().await);
        }
        Held { _among_hosts: records.turns(namespaces).await, _turns: held }
    }

    fn turn(&self, namespace: &Arc<Namespace>) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(namespace.clone()).or_default().clone()
    }
}
