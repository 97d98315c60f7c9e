//! Kills the host of one world, over and over, while callers go on.

use std::sync::Mutex;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Instant;

use writ_testkit::wait;

use crate::checks;
use crate::effort::Queue;
use crate::life::Life;
use crate::plan::Plan;
use crate::points;
use crate::random::Random;
use crate::told::Told;
use crate::world::{Database, PATIENCE, World};

/// How many lives a random run begins.
const LIVES: u64 = 3;
/// How many lives may be open before the next run begins: those whose host has died while a tool ran
/// wait for its lease to run out.
const OPEN_MAX: usize = 12;
/// The last passage of a point at which a host dies in a random run.
const PASSAGES: usize = 4;

/// What came of it.
#[derive(Default)]
pub(crate) struct Driven {
    pub(crate) points: usize,
    pub(crate) runs: usize,
    /// How many random runs passed their point as often as was said.
    pub(crate) killed: usize,
    pub(crate) executions: usize,
    pub(crate) effects: usize,
    pub(crate) unknown: usize,
}

/// A world, and all who live in it.
struct Driver<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    world: &'scope World,
    database: Database,
    open: Vec<ScopedJoinHandle<'scope, ()>>,
    told: &'scope Mutex<Vec<Told>>,
    lives: u64,
}

/// Takes from both queues until they are empty, and looks at what is left.
pub(crate) fn drive(
    database: Database,
    points: &Queue<&'static str>,
    runs: &Queue<u64>,
    random: Random,
) -> Driven {
    let (world, told) = (World::new(database), Mutex::default());
    let mut driven = Driven::default();
    thread::scope(|scope| {
        let mut driver =
            Driver { scope, world: &world, database, open: Vec::new(), told: &told, lives: 0 };
        while let Some(point) = next(points) {
            driver.dies_at(point);
            driven.points += 1;
        }
        while let Some(run) = next(runs) {
            driven.killed += usize::from(driver.run(run, &random));
            driven.runs += 1;
        }
        world.start_again(None);
        driver.settle(0);
    });
    let told = told.into_inner().unwrap();
    driven.unknown = checks::check(&world, &told);
    driven.executions = told.iter().filter(|told| told.plan != Plan::Question).count();
    driven.effects = told.iter().map(|told| told.effects).sum();
    driven
}

fn next<T>(queue: &Queue<T>) -> Option<T> {
    queue.lock().unwrap().pop_front()
}

impl<'scope> Driver<'scope, '_> {
    /// The host dies at a point, which somebody's life is known to pass.
    fn dies_at(&mut self, point: &str) {
        self.world.start_again(Some((point, 1)));
        let end = Instant::now() + PATIENCE;
        let origin = format!("{:?}, point {point}", self.database);
        self.open.retain(|life| !life.is_finished());
        let before = self.open.len();
        while !self.world.has_died() {
            assert!(Instant::now() < end, "{origin}: the host does not pass it");
            if self.is_over_since(before) {
                self.begin(points::plan(point), Random::new(self.lives), origin.clone());
            }
            wait::rest();
        }
    }

    /// The host dies at a random passage of a random point, or in the end. Returns whether it passed
    /// the point so often.
    fn run(&mut self, run: u64, random: &Random) -> bool {
        self.settle(OPEN_MAX);
        let mut random = random.of_part(run);
        let point = random.one_of(&points::of(self.database));
        let passage = 1 + random.below(PASSAGES);
        let origin = format!("{:?}, --run {run}, point {point}={passage}", self.database);
        self.world.start_again(Some((point, passage)));
        let before = self.open.len();
        for life in 0..LIVES {
            let mut random = random.of_part(life);
            // One of them at least is on the way to the point.
            let plan = if life == 0 { points::plan(point) } else { Plan::random(&mut random) };
            self.begin(plan, random, origin.clone());
        }
        loop {
            let is_over = self.is_over_since(before);
            match self.world.has_died() {
                false if !is_over => wait::rest(),
                has_died => return has_died,
            }
        }
    }

    /// Waits until few lives are open; the host is started again whenever it dies.
    fn settle(&mut self, open_max: usize) {
        loop {
            if self.world.has_died() {
                self.world.start_again(None);
            }
            self.open.retain(|life| !life.is_finished());
            if self.open.len() <= open_max {
                return;
            }
            wait::rest();
        }
    }

    /// Whether all lives have ended that were begun after the first so many.
    fn is_over_since(&self, before: usize) -> bool {
        self.open[before..].iter().all(ScopedJoinHandle::is_finished)
    }

    fn begin(&mut self, plan: Plan, random: Random, origin: String) {
        self.lives += 1;
        let key = format!("life-{}", self.lives);
        let (world, told) = (self.world, self.told);
        // A life that fails then says what led to it.
        let thread = thread::Builder::new().name(format!("{origin}, {plan:?}"));
        let living = thread.spawn_scoped(self.scope, move || {
            let lived = Life::new(world, plan, random, origin, key).live();
            told.lock().unwrap().push(lived);
        });
        self.open.push(living.unwrap());
    }
}
