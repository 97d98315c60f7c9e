//! What this process has loaded: compiled code, reports, and refusals that would only be repeated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use quick_cache::sync::Cache;

use crate::cache::code::Code;
use crate::cache::key::Key;
use crate::load::Compiled;
use crate::load_error::LoadError;
use crate::report::Report;

/// How many refusals and how many reports are kept, about.
const SMALL_ENTRIES_MAX: usize = 256;

/// What is in memory, all of it bounded.
pub(crate) struct Memory {
    /// Guards which code there is, for as long as it is looked up; never across a wait.
    code: Mutex<Code<Key, Compiled>>,
    reports: Cache<Key, Arc<Report>>,
    refusals: Cache<Key, LoadError>,
    /// Guards the list of loads under way, for as long as it is looked up; never across a wait.
    flights: Mutex<HashMap<Key, Weak<Flight>>>,
}

/// Held by whoever loads a key; others wait for it.
pub(crate) type Flight = tokio::sync::Mutex<()>;

impl Memory {
    /// With room for so many bytes of code that nothing uses.
    pub(crate) fn new(code_bytes_max: u64) -> Self {
        Self {
            code: Mutex::new(Code::new(code_bytes_max)),
            reports: Cache::new(SMALL_ENTRIES_MAX),
            refusals: Cache::new(SMALL_ENTRIES_MAX),
            flights: Mutex::default(),
        }
    }

    pub(crate) fn code(&self, key: &Key) -> Option<Arc<Compiled>> {
        self.all_code().get(key)
    }

    pub(crate) fn keep_code(&self, key: Key, code: Arc<Compiled>) {
        let bytes = code.code_bytes as u64;
        // Outside of the lock: it may be the last user of much memory.
        let _let_go = self.all_code().insert(key, code, bytes);
    }

    fn all_code(&self) -> MutexGuard<'_, Code<Key, Compiled>> {
        self.code.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self, key: &Key) -> Option<Arc<Report>> {
        self.reports.get(key)
    }

    pub(crate) fn keep_report(&self, key: Key, report: Arc<Report>) {
        self.reports.insert(key, report);
    }

    pub(crate) fn refusal(&self, key: &Key) -> Option<LoadError> {
        self.refusals.get(key)
    }

    /// Keeps a refusal, if the same bytes would be refused again.
    pub(crate) fn keep_refusal(&self, key: Key, refusal: &LoadError) {
        if refusal.repeats() {
            self.refusals.insert(key, refusal.clone());
        }
    }

    /// What loads of the same key wait for.
    pub(crate) fn flight(&self, key: Key) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(Flight::default());
        flights.insert(key, Arc::downgrade(&flight));
        flight
    }
}
