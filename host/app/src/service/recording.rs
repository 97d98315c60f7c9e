//! How much is kept of a decision: all that it takes to decide the same again, or digests alone.

use std::sync::Arc;

use writ_core::{Basis, BindingName, Verbatim, Whole};
use writ_engine::{Execution, Image, Recorder, Transcript};

use super::round::Rounds;

/// How large a request may be to be kept with its decision, in bytes.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// How much of what the store answered one policy is kept, in bytes.
const INQUIRY_BYTES_MAX: usize = 64 << 10;

/// How much is kept of each decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// The request, and what the store answered each policy: enough to decide the same again.
    #[default]
    Whole,
    /// The request's digest, and what was decided.
    Digest,
}

impl Recording {
    /// All that it takes to decide the same again, beside the policy set; none where that is not
    /// kept.
    pub(super) fn whole(
        self,
        (decision, request): (&str, &Verbatim),
        execution: &Execution,
        bases: Vec<Basis>,
    ) -> Option<Box<Whole>> {
        if self == Self::Digest {
            return None;
        }
        let fits = request.as_str().len() <= REQUEST_BYTES_MAX;
        let Execution { id, has_begun, .. } = execution;
        Some(Box::new(Whole {
            request: fits.then(|| request.clone()),
            execution: (id != decision).then(|| id.clone()),
            has_begun: *has_begun,
            bases,
        }))
    }
}

impl Rounds {
    /// Stands between the store and an evaluation of an image, where what it is answered is kept.
    pub(super) fn recorder(&self, image: &Image) -> Option<Arc<Recorder>> {
        let is_kept = self.recording == Recording::Whole && image.inquires();
        let recorder =
            || Recorder::new(self.storage.clone(), self.approvals.clone(), INQUIRY_BYTES_MAX);
        is_kept.then(|| Arc::new(recorder()))
    }
}

/// On what a verdict rests; none where the store was asked nothing.
pub(super) fn basis(binding: &BindingName, transcript: Transcript) -> Option<Basis> {
    let Transcript { inquiries, is_truncated: truncated, .. } = transcript;
    let has_asked = truncated || !inquiries.is_empty();
    has_asked.then(|| Basis { binding: binding.clone(), inquiries, truncated })
}
