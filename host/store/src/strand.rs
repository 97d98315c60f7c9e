//! Strands of decisions: what of them is the same whatever the database. See [`writ_core::strand`].

use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::strand::StrandPlace;
use writ_core::{Digest, Tenant};

use crate::step::TenantEvent;

/// How many batches are read at once: few, since each may have a megabyte.
pub(crate) const BATCHES_MAX: u32 = 8;
/// How many random bytes name a strand: none is named twice.
const NAME_BYTES: usize = 16;

/// A strand as it is kept.
#[derive(Debug)]
pub(crate) struct KeptStrand {
    /// Behind what was removed.
    pub(crate) start: StrandPlace,
    /// Behind its last batch, where that is kept beside the batches.
    pub(crate) end: Option<StrandPlace>,
}

/// A name for a strand that begins.
pub(crate) fn new_name() -> Result<String, sqlx::Error> {
    let mut bytes = [0; NAME_BYTES];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|_| sqlx::Error::Protocol("the system gives no random bytes".into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What tells how far a tenant's strands have come: at least one.
pub(crate) fn anchored(tenant: &Tenant, strands: Vec<StrandPlace>, at_ms: u64) -> TenantEvent {
    let about = Digest::of_parts(strands.iter().map(|place| &place.hash.as_bytes()[..]));
    let fact = Fact::DecisionsAnchored { strands };
    TenantEvent { tenant: tenant.clone(), evidence: Evidence::of_tenant(at_ms, about, fact) }
}
