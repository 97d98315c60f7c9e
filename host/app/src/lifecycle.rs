//! Where a server is between its start and its end.

use tokio::sync::watch;

/// A stage of a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It takes no requests yet: who connects waits. Followed by `Serving`.
    Starting,
    /// It takes requests. Followed by `Draining`.
    Serving,
    /// It finishes the requests under way and takes no others.
    Draining,
}

/// The stage that a server is in. Stages follow each other and never go back.
#[derive(Debug)]
pub struct Lifecycle(watch::Sender<Stage>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Starting))
    }
}

impl Lifecycle {
    /// The present stage.
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Goes on to a stage; going back changes nothing.
    pub fn advance(&self, stage: Stage) {
        self.0.send_if_modified(|present| {
            let advances = *present < stage;
            *present = (*present).max(stage);
            advances
        });
    }

    /// Done when the server begins to drain: for answers that would otherwise never end.
    pub async fn draining(&self) {
        let mut stages = self.0.subscribe();
        // It cannot fail while `self` holds the sender.
        let _ = stages.wait_for(|stage| *stage == Stage::Draining).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stages_never_go_back() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.stage(), Stage::Starting);
        lifecycle.advance(Stage::Draining);
        lifecycle.advance(Stage::Serving);
        assert_eq!(lifecycle.stage(), Stage::Draining);
        lifecycle.draining().await;
    }
}
