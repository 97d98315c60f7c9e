//! Watching the files of a policy set: a change leads to a reload.
//!
//! The system tells of changes in the directories that the files are in, so that a rename or a swapped
//! link shows as a write does. What it tells is only a reason to look; and in case it does not tell,
//! as on some network file systems, everything is looked at every second. But where it does, a file that
//! is being written is not read before it is closed: half of a policy set can be a policy set.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
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
/// For how long one is waited for that somebody has written to and not closed.
const WRITTEN_MAX: Duration = Duration::from_secs(10);

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
        let mut watch;
        loop {
            let files = self.state().look.files().clone();
            // Begun before the one before it ends, so that nothing is missed that is told to neither.
            watch = Watch::start(&files, &self.0.written);
            // What changed before it was watched has been told to nobody.
            while self.holds().await {
                watch.wait().await;
            }
            rest(&files, &self.0.written).await;
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
    /// Notes in `written` which files are being written to.
    fn start(files: &Files, written: &Written) -> Self {
        let (tell, told) = mpsc::channel(1);
        let noted = written.clone();
        // What is told while nobody has looked yet is told already.
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            event.iter().for_each(|event| noted.note(event));
            if !event.is_ok_and(|event| is_look(&event)) {
                tell.try_send(()).ok();
            }
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

/// Whether somebody has only looked: this host does, at all that it is told of.
fn is_look(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind != AccessKind::Close(AccessMode::Write),
        _ => false,
    }
}

/// Waits until nothing has changed for a while: one that is being written says half of what it will.
async fn rest(files: &Files, written: &Written) {
    let begin = Instant::now();
    written.begin_waiting();
    let Some(mut before) = look(files).await else { return };
    loop {
        tokio::time::sleep(QUIET).await;
        let Some(now) = look(files).await else { return };
        let waited = begin.elapsed();
        let rests = now.is_as(&before) || waited >= QUIET_MAX;
        if waited >= WRITTEN_MAX {
            written.end_waiting();
        }
        if rests && !written.has_any(files) {
            return;
        }
        before = now;
    }
}

/// Files that were written to and not closed since, as far as the system tells.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Paths>>);

#[derive(Default)]
struct Paths {
    written: BTreeSet<PathBuf>,
    /// Whoever writes has been waited for as long as anybody is.
    is_over: bool,
}

impl Written {
    fn note(&self, event: &Event) {
        // Elsewhere nobody tells that a file is closed.
        let is_written = cfg!(target_os = "linux")
            && matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)));
        let paths = &mut self.paths().written;
        for path in &event.paths {
            match (is_written, &event.kind) {
                (true, _) => _ = paths.insert(path.clone()),
                (
                    false,
                    EventKind::Access(AccessKind::Close(AccessMode::Write))
                    | EventKind::Remove(_)
                    | EventKind::Modify(ModifyKind::Name(_)),
                ) => _ = paths.remove(path),
                (false, _) => {}
            }
        }
    }

    /// Whether any of some files is one of them, and is to be waited for.
    pub(super) fn has_any(&self, files: &Files) -> bool {
        let paths = self.paths();
        !paths.is_over && paths.written.iter().any(|path| files.concern(path))
    }

    fn begin_waiting(&self) {
        self.paths().is_over = false;
    }

    /// Whoever still writes has been waited for.
    fn end_waiting(&self) {
        self.paths().is_over = true;
    }

    fn paths(&self) -> MutexGuard<'_, Paths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What they are now; none where the host stops.
async fn look(files: &Files) -> Option<Look> {
    let files = files.clone();
    tokio::task::spawn_blocking(move || files.look()).await.ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;

    use super::*;
    use crate::config::{Origin, Overrides};

    fn until(what: impl Fn() -> bool) {
        let begin = std::time::Instant::now();
        while !what() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it is never told");
            std::thread::yield_now();
        }
    }

    #[test]
    fn looking_is_no_reason_to_look() {
        use notify::event::CreateKind;
        let access = |kind| is_look(&Event::new(EventKind::Access(kind)));
        assert!(access(AccessKind::Open(AccessMode::Any)), "listing a directory opens it");
        assert!(access(AccessKind::Close(AccessMode::Read)));
        assert!(!access(AccessKind::Close(AccessMode::Write)));
        assert!(!is_look(&Event::new(EventKind::Create(CreateKind::File))));
        assert!(!is_look(&Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));
    }

    #[test]
    fn a_file_is_open_from_its_first_write_until_it_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("writ.toml");
        fs::write(&place, "").unwrap();
        let files = Files::of(&Origin::new(Some(place.clone()), Overrides::default()), None);
        let written = Written::default();
        let _watch = Watch::start(&files, &written);
        let mut beside = File::create(directory.path().join("writ.log")).unwrap();
        beside.write_all(b"a line").unwrap();
        let mut file = File::options().append(true).open(&place).unwrap();
        file.write_all(b"[[binding]]").unwrap();
        until(|| written.has_any(&files));
        drop(file);
        until(|| !written.has_any(&files));
        assert_eq!(written.paths().written.len(), 1, "the log, which is none of its files");
    }
}
