//! How much of each strand of decisions is old enough to go.

use writ_core::strand::StrandPlace;

use super::{DECISIONS_MAX, StrandCut};
use crate::moment::time_of;
use crate::sealing::Opener;
use crate::strand::{BATCHES_MAX, KeptStrand};
use crate::verify::strands::{Unopened, take};
use crate::verify::{Evidence, VerifyError, unavailable};

/// What of strands may go.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    pub(super) cuts: Vec<StrandCut>,
    /// Whether another look may find more.
    pub(super) is_full: bool,
    decisions: u64,
}

/// Follows each strand from its start to the first batch that has to stay.
pub(super) async fn cut(
    view: &mut impl Evidence,
    opener: Opener<'_>,
    before_ms: u64,
) -> Result<Cuts, VerifyError> {
    let mut cuts = Cuts::default();
    for KeptStrand { start: from, .. } in view.strands().await.map_err(unavailable)? {
        if cuts.is_full {
            break;
        }
        let to = cuts.follow(view, opener, before_ms, &from).await?;
        if to.number > from.number {
            cuts.cuts.push(StrandCut { from, to });
        }
    }
    Ok(cuts)
}

impl Cuts {
    async fn follow(
        &mut self,
        view: &mut impl Evidence,
        opener: Opener<'_>,
        before_ms: u64,
        start: &StrandPlace,
    ) -> Result<StrandPlace, VerifyError> {
        let mut to = start.clone();
        loop {
            let after = to.number;
            let batches =
                view.batches(&to.strand, after, BATCHES_MAX).await.map_err(unavailable)?;
            if batches.is_empty() {
                return Ok(to);
            }
            for batch in &batches {
                // Looked at in either case: what is broken is told of, and not kept as young enough.
                let mut next = to.clone();
                take(&mut next, batch, opener, Unopened::IsFollowed)?;
                // A decision may be younger than the request, where it was decided again.
                let decided_ms = time_of(&batch.last_id).unwrap_or(0);
                if batch.until_ms.max(decided_ms) >= before_ms {
                    return Ok(to);
                }
                // One batch always fits.
                self.is_full = self.decisions + batch.decisions > u64::from(DECISIONS_MAX)
                    && self.decisions > 0;
                if self.is_full {
                    return Ok(to);
                }
                self.decisions += batch.decisions;
                to = next;
            }
        }
    }
}
