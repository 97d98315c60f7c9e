//! Where a server is between its start and its end.

use std::sync::atomic::{AtomicU8, Ordering};

/// A stage of a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It takes no requests yet: who connects waits. Followed by `Serving`.
    Starting,
    /// It takes requests. Followed by `Draining`.
    Serving,
    /// It finishes the requests under way and takes no others.
    Draining,
}

/// The stage that a server is in. Stages follow each other and never go back.
#[derive(Debug, Default)]
pub struct Lifecycle(AtomicU8);

impl Lifecycle {
    /// The present stage.
    pub fn stage(&self) -> Stage {
        match self.0.load(Ordering::Acquire) {
            0 => Stage::Starting,
            1 => Stage::Serving,
            _ => Stage::Draining,
        }
    }

    /// Goes on to a stage; going back changes nothing.
    pub fn advance(&self, stage: Stage) {
        self.0.fetch_max(stage as u8, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_never_go_back() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.stage(), Stage::Starting);
        lifecycle.advance(Stage::Draining);
        lifecycle.advance(Stage::Serving);
        assert_eq!(lifecycle.stage(), Stage::Draining);
    }
}
