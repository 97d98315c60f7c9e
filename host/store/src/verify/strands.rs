//! Whether a tenant's decisions are whole: each strand follows from where it begins, each record is
//! the one of its digest, and each strand goes at least as far as the chain of events has told.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use writ_core::Tenant;
use writ_core::chain::Breach;
use writ_core::execution::Fact;
use writ_core::strand::StrandPlace;

use super::{Broken, Evidence, VerifyError, unavailable};
use crate::error::StoreError;
use crate::row::{Flaw, KeptBatch};
use crate::sealing::{Opener, SealError};
use crate::strand::{BATCHES_MAX, KeptStrand};

/// What the chain of events tells of strands.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Until when decisions have been removed.
    swept_until_ms: u64,
    /// Where those begin of which the start was removed, as the last removal told, by strand.
    begins: HashMap<String, StrandPlace>,
    /// How far they have come at least, by strand.
    reached: HashMap<String, StrandPlace>,
}

impl Told {
    pub(super) fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Swept { until_ms, strands, .. } => {
                self.swept_until_ms = self.swept_until_ms.max(*until_ms);
                self.begins = by_strand(strands).collect();
            }
            Fact::DecisionsAnchored { strands } => self.reached.extend(by_strand(strands)),
            _ => {}
        }
    }

    /// A strand that should be there and is not, and the last of its batches that is known of.
    fn gone(&self, strands: &[KeptStrand]) -> Option<(&str, u64)> {
        let there: HashSet<_> = strands.iter().map(|kept| kept.start.strand.as_str()).collect();
        // Where a removal has left some, none has removed the rest.
        let left = self.begins.values().map(|place| (place.strand.as_str(), place.number + 1));
        // All of its decisions may have been old enough to be removed.
        let stays = |place: &&StrandPlace| place.until_ms >= self.swept_until_ms;
        let reached = self.reached.values().filter(stays);
        let reached = reached.map(|place| (place.strand.as_str(), place.number));
        let gone = reached.chain(left).filter(|(strand, _)| !there.contains(strand));
        gone.min_by_key(|(strand, number)| (*strand, Reverse(*number)))
    }
}

fn by_strand(places: &[StrandPlace]) -> impl Iterator<Item = (String, StrandPlace)> {
    places.iter().map(|place| (place.strand.clone(), place.clone()))
}

/// Follows all strands of a tenant. Returns how many decisions there are.
pub(super) async fn follow(
    view: &mut impl Evidence,
    opener: Opener<'_>,
    told: &Told,
) -> Result<u64, VerifyError> {
    let strands = view.strands().await.map_err(unavailable)?;
    let mut decisions = 0;
    for strand in &strands {
        begins(opener.tenant, strand, told)?;
        decisions += follow_one(view, opener, strand, told).await?;
    }
    if let Some((strand, number)) = told.gone(&strands) {
        return Err(broken(strand, number, Breach::Missing).into());
    }
    match view.stray().await.map_err(unavailable)? {
        Some((strand, number)) => Err(broken(&strand, number, Breach::OutOfOrder).into()),
        None => Ok(decisions),
    }
}

/// Whether a strand begins where it should.
fn begins(tenant: &Tenant, strand: &KeptStrand, told: &Told) -> Result<(), Broken> {
    let start = &strand.start;
    let is_so = match told.begins.get(&start.strand) {
        Some(told) => start == told,
        None => *start == StrandPlace::start(tenant, &start.strand),
    };
    let (strand, number) = (start.strand.clone(), start.number);
    if is_so { Ok(()) } else { Err(Broken::Strand { strand, number }) }
}

async fn follow_one(
    view: &mut impl Evidence,
    opener: Opener<'_>,
    strand: &KeptStrand,
    told: &Told,
) -> Result<u64, VerifyError> {
    let name = &strand.start.strand;
    let reached = told.reached.get(name).filter(|place| place.number >= strand.start.number);
    let (mut end, mut after, mut decisions) = (strand.start.clone(), 0, 0);
    is_as_told(&end, reached)?;
    loop {
        // From the first that is there: none may be where what was removed has been.
        let batches = view.batches(name, after, BATCHES_MAX).await.map_err(unavailable)?;
        let Some(last) = batches.last() else { break };
        after = last.number;
        for batch in &batches {
            take(&mut end, batch, opener, Unopened::IsAnError)?;
            is_as_told(&end, reached)?;
            decisions += batch.decisions;
        }
    }
    let is_short = reached.is_some_and(|place| place.number > end.number);
    let is_cut =
        strand.end.as_ref().is_some_and(|kept| (kept.number, kept.hash) != (end.number, end.hash));
    match is_short || is_cut {
        true => Err(broken(name, end.number + 1, Breach::Missing).into()),
        false => Ok(decisions),
    }
}

/// Whether a place is the one that was told of, where it has its number.
fn is_as_told(end: &StrandPlace, reached: Option<&StrandPlace>) -> Result<(), Broken> {
    match reached {
        Some(place) if place.number == end.number && place.hash != end.hash => {
            Err(broken(&end.strand, end.number, Breach::Changed))
        }
        Some(_) | None => Ok(()),
    }
}

/// What becomes of a batch for which there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Nothing can be said of its records.
    IsAnError,
    /// It is only followed.
    IsFollowed,
}

/// Takes the next batch as it is kept.
pub(crate) fn take(
    end: &mut StrandPlace,
    batch: &KeptBatch,
    opener: Opener<'_>,
    unopened: Unopened,
) -> Result<(), VerifyError> {
    let (strand, number) = (&batch.strand, batch.number);
    if number > end.number + 1 {
        return Err(broken(strand, end.number + 1, Breach::Missing).into());
    }
    let link = batch.link().ok_or_else(|| broken(strand, number, Breach::Changed))?;
    end.follow(&link).map_err(|breach| broken(strand, number, breach))?;
    let body = match batch.open(opener) {
        Ok(body) => body,
        Err(SealError::Broken { .. }) => return Err(broken(strand, number, Breach::Changed).into()),
        Err(SealError::UnknownKey { .. }) if unopened == Unopened::IsFollowed => return Ok(()),
        Err(error @ SealError::UnknownKey { .. }) => return Err(StoreError::from(error).into()),
    };
    batch.check(&body, &link.digests).map_err(|flaw| match flaw {
        Flaw::Row => broken(strand, number, Breach::Changed).into(),
        Flaw::Record(place, id) => {
            Broken::Decision { strand: strand.clone(), number, place, id }.into()
        }
    })
}

fn broken(strand: &str, number: u64, breach: Breach) -> Broken {
    Broken::Batch { strand: strand.to_owned(), number, breach }
}
