//! A version that somebody sends: it gets through all that a set of files gets through, and does not
//! decide by that.

use writ_store::KeptVersion;

use super::pipeline::{Phase, Refusal};
use super::{Outcome, Reload, Trigger};
use crate::cases::{self, CaseFile};
use crate::policy_set::StoredSet;

impl Reload {
    /// Keeps a set as a version, once all of it loads here and its cases hold. Its components must be in
    /// the store.
    ///
    /// # Errors
    /// What it did not get through.
    pub async fn add(
        &self,
        set: StoredSet,
        files: Vec<CaseFile>,
        trigger: &Trigger,
    ) -> Result<KeptVersion, Refusal> {
        let added = self.checked_and_kept(set, files, trigger).await;
        if let Err(refusal) = &added {
            self.tell(refusal, trigger).await;
            let outcome = Outcome::Refused(refusal.clone());
            self.0.parts.service.metrics().reloaded(&outcome);
        }
        added
    }

    async fn checked_and_kept(
        &self,
        set: StoredSet,
        files: Vec<CaseFile>,
        trigger: &Trigger,
    ) -> Result<KeptVersion, Refusal> {
        let refused = |error| Refusal::of(Phase::Configuration, error);
        let cases = cases::parse_all(files).map_err(refused)?;
        let set = set.arranged().map_err(|why| Refusal::of_loading("the request", why))?;
        let parts = &self.0.parts;
        let loaded = set.load_kept((&parts.engine, parts.kept())).await;
        let snapshot = loaded.map_err(Refusal::of_store)?;
        let snapshot = snapshot.map_err(|why| Refusal::of_loading("the request", why))?;
        let report = cases::run(&snapshot, &cases, parts.service.breaker()).await;
        match Refusal::of_cases(snapshot.digest, &report) {
            Some(refusal) => Err(refusal),
            None => {
                let (set, digest) = (StoredSet::of(&snapshot), snapshot.digest);
                parts.versions().keep(&set, digest, trigger).await
            }
        }
    }
}
