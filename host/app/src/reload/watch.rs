//! Watching the files of a policy set: a change leads to a reload.
//!
//! The system tells of changes in the directories that the files are in, so that a rename or a swapped
//! link shows as a write does. What it tells is only a reason to look; and in case it does not tell,
//! as on some network file systems, everything is looked at every second.

use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::files::{Files, Look};
use super::{Outcome, Phase, REST, Reload, Trigger, Wish};

/// How often everything is looked at.
const POLL: Duration = Duration::from_secs(1);
/// How long files must rest: editors write in several steps.
const QUIET: Duration = Duration::from_millis(20);
/// For how long they are waited for.
const QUIET_MAX: Duration = Duration::from_millis(250);

/// Told by the system that something may have changed.
struct Watch {
    told: mpsc::Receiver<()>,
    /// Tells for as long as it is there; none where the system cannot.
    _watcher: Option<RecommendedWatcher>,
}

impl Reload {
    /// Reloads whenever files have changed, for as long as it is polled. Configurations that are
    /// built in do not change.
    pub async fn watch(self) {
        if self.0.parts.origin.file().is_none() {
            return;
        }
        loop {
            let files = self.state().look.files().clone();
            let mut watch = Watch::start(&files);
            // What changed before it was watched has been told to nobody.
            while self.holds().await {
                watch.wait().await;
            }
            rest(&files).await;
            match self.ask(Wish::Files, Trigger::File).await {
                None => return,
                // The files are as they should be: it is the store that was not.
                Some(Outcome::Refused(refusal)) if refusal.phase == Phase::Recording => {
                    tokio::time::sleep(REST).await;
                    let mut state = self.state();
                    state.look = state.look.forgotten();
                }
                Some(_) => {}
            }
        }
    }

    async fn holds(&self) -> bool {
        let look = self.state().look.clone();
        tokio::task::spawn_blocking(move || look.holds()).await.unwrap_or(true)
    }
}

impl Watch {
    fn start(files: &Files) -> Self {
        let (tell, told) = mpsc::channel(1);
        // What is told while nobody has looked yet is told already.
        let watcher = notify::recommended_watcher(move |_| {
            tell.try_send(()).ok();
        });
        let watcher = watcher.map(|mut watcher| {
            for place in files.places() {
                // One that is not there is missed by the polls as well, until it is.
                if let Err(error) = watcher.watch(&place, RecursiveMode::NonRecursive) {
                    tracing::debug!(%error, place = %place.display(), "it is looked at every second");
                }
            }
            watcher
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, "changes of files are not told by the system: they are looked at every second");
        });
        Self { told, _watcher: watcher.ok() }
    }

    /// Waits for a reason to look.
    async fn wait(&mut self) {
        let next = Instant::now() + POLL;
        // A watcher that could not be made has dropped what would tell: then only time does.
        if let Ok(None) = timeout_at(next, self.told.recv()).await {
            sleep_until(next).await;
        }
    }
}

/// Waits until nothing has changed for a while: one that is being written says half of what it will.
async fn rest(files: &Files) {
    let end = Instant::now() + QUIET_MAX;
    let mut before = look(files).await;
    while Instant::now() < end {
        tokio::time::sleep(QUIET).await;
        let now = look(files).await;
        if now == before {
            return;
        }
        before = now;
    }
}

/// What they are now; none where the host stops.
async fn look(files: &Files) -> Option<Look> {
    let files = files.clone();
    tokio::task::spawn_blocking(move || files.look()).await.ok()
}
