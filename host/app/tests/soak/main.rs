//! A soak: a server that is asked all the time while its policy set changes every 200 ms, half of the times
//! to one that is broken.
//!
//! No request fails, each is answered by a set that decided while it was under way, and as that set
//! answers; every way of being broken is refused for what it is; and the host holds no more memory, files and
//! threads in the end than it did.
//!
//! A test program of its own, for its argument: `--seconds N`. Without it, a sample of ten seconds, which is
//! too short to tell what a host holds.
#![allow(missing_docs, clippy::unwrap_used)]

mod answers;
mod effort;
mod held;
mod sets;
mod timeline;
#[path = "../reload/world.rs"]
#[allow(dead_code, reason = "it does what others want, too")]
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use answers::{Answer, Asker};
use effort::Effort;
use held::Flat;
use sets::{Broken, Step};
use timeline::Timeline;
use world::World;

/// How often the set changes. A machine that cannot do it that fast does it as fast as it can.
const PERIOD: Duration = Duration::from_millis(200);
/// How many changes there are at least, however slow the machine is: a few of each kind.
const CHANGES_MIN: u64 = 4 * Broken::ALL.len() as u64;
/// How many ask at once.
const ASKERS: usize = 4;

/// Tells those who ask to stop, also where a check has failed.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn main() {
    let effort = Effort::of(std::env::args());
    let world = World::start(&sets::good(0), &sets::place());
    let (stop, newest) = (AtomicBool::new(false), AtomicU64::new(0));
    let (tell, answers) = mpsc::channel();
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        let askers: Vec<_> = (0..ASKERS)
            .map(|number| {
                let asker = Asker::new(&world, number, tell.clone());
                let (stop, newest) = (&stop, &newest);
                scope.spawn(move || asker.ask(stop, newest))
            })
            .collect();
        drop(tell);
        Soak::new(&world, &answers, &newest).run(effort, &askers);
    });
}

/// What changes the set, and looks at what was answered meanwhile.
struct Soak<'a> {
    world: &'a World,
    answers: &'a mpsc::Receiver<Answer>,
    /// What the set allows that decides, for whoever asks.
    newest: &'a AtomicU64,
    timeline: Timeline,
    held: Flat,
    /// How often sets were broken in each way.
    refused: BTreeMap<&'static str, u64>,
}

impl<'a> Soak<'a> {
    fn new(world: &'a World, answers: &'a mpsc::Receiver<Answer>, newest: &'a AtomicU64) -> Self {
        let begun = Instant::now();
        let set = world.status()["policy_set"].as_str().unwrap().to_owned();
        let timeline = Timeline::new(set, 0, begun);
        let held = Flat::of(world.server.id());
        Self { world, answers, newest, timeline, held, refused: BTreeMap::new() }
    }

    fn run(mut self, effort: Effort, askers: &[ScopedJoinHandle<'_, ()>]) {
        let start = Instant::now();
        let mut changes = 0;
        while start.elapsed() < effort.duration || changes < CHANGES_MIN {
            changes += 1;
            let is_over = askers.iter().any(ScopedJoinHandle::is_finished);
            assert!(!is_over, "somebody who asked has given up: the reason is above");
            match Step::of(changes) {
                Step::Good(allows) => self.change(allows),
                Step::Broken(kind) => self.break_it(kind, changes),
            }
            self.timeline.check(self.answers.try_iter());
            self.held.look();
            let next = PERIOD * u32::try_from(changes).unwrap();
            // What is measured is what becomes of a host at this pace.
            thread::sleep(next.saturating_sub(start.elapsed()));
        }
        let per_second = changes as f64 / start.elapsed().as_secs_f64();
        println!(
            "{changes} changes, {per_second:.1} a second; refused {:?}; {} answers, each right; {}",
            self.refused,
            self.timeline.checked(),
            self.held.summary(),
        );
        assert_eq!(self.refused.len(), Broken::ALL.len(), "not broken in each way");
        assert!(self.timeline.checked() > 0, "nobody asked");
        self.held.check();
    }

    /// Another set decides.
    fn change(&mut self, allows: u64) {
        let written = Instant::now();
        self.world.replace("writ.toml", sets::good(allows));
        let reply = self.world.reload();
        assert_eq!(reply.status, 200, "{allows}: {}", reply.text());
        let set = reply.json()["policy_set"].as_str().unwrap().to_owned();
        self.timeline.change(set, allows, written);
        self.newest.store(allows, Ordering::Relaxed);
    }

    /// A set is refused, for what is wrong with it, and the one before it decides.
    fn break_it(&mut self, kind: Broken, number: u64) {
        if let Some((name, bytes)) = kind.file(number) {
            self.world.replace(name, bytes);
        }
        self.world.replace("writ.toml", kind.set());
        let reply = self.world.reload();
        let (name, text) = (kind.name(), reply.text());
        assert_eq!(reply.status, 422, "{name}: {text}");
        assert!(text.contains(kind.reason()), "{name}: {text}");
        *self.refused.entry(name).or_default() += 1;
    }
}
