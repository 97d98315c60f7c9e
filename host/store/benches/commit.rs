//! What a commit costs, beside the disk: closed loops of committers against a bare loop that makes
//! the same number of fsyncs over the same bytes.
//!
//! Times depend on the disk, so both take turns and their ratio is what counts. It prints one line
//! of JSON a figure, as the engine's bench does. `--quick` measures for a shorter time.
//!
//! `cpu-us` (processor time of the whole process for each commit) holds on any disk. `of-bare` is
//! above 1 where an idle processor is slow to notice that the disk is done, as in some virtual
//! machines: the bare loop idles while it waits, the committers do not.
#![allow(missing_docs)]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use writ_core::ports::Namespace;
use writ_core::{DecisionRecord, Digest, Ledger, Limits, Mode, PolicyRecord};
use writ_store::{CommitError, Store, StoreConfig};

/// What each decision takes in the write-ahead log, about, in bytes.
const DECISION_BYTES: usize = 1_200;

#[derive(Clone, Copy)]
enum Writes {
    /// Decisions alone.
    None,
    /// Each committer counts in a key of its own.
    OwnKey,
}

struct Case {
    name: &'static str,
    committers: u64,
    writes: Writes,
}

const CASES: [Case; 5] = [
    Case { name: "commit-1", committers: 1, writes: Writes::None },
    Case { name: "commit-32", committers: 32, writes: Writes::None },
    Case { name: "commit-64", committers: 64, writes: Writes::None },
    Case { name: "commit-256", committers: 256, writes: Writes::None },
    Case { name: "count-32", committers: 32, writes: Writes::OwnKey },
];

#[derive(Default)]
struct Totals {
    commits: f64,
    seconds: f64,
    cpu_us: f64,
    batches: f64,
    bare_commits: f64,
    bare_seconds: f64,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (turns, turn) = if quick { (3, 200) } else { (10, 500) };
    let turn = Duration::from_millis(turn);
    let runtime = Runtime::new().expect("a runtime starts");
    for case in CASES {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let config = StoreConfig::new(directory.path());
        let store = runtime.block_on(Store::open(config)).expect("the store opens");
        let mut bare = Bare::new(directory.path());
        let mut totals = Totals::default();
        // The first turn warms up and does not count.
        commit_for(&runtime, &store, &case, turn, &mut Totals::default());
        for _ in 0..turns {
            commit_for(&runtime, &store, &case, turn, &mut totals);
            bare.run_for(turn, &mut totals);
        }
        runtime.block_on(store.close()).expect("the store closes");
        totals.print(case.name);
    }
}

fn commit_for(runtime: &Runtime, store: &Store, case: &Case, turn: Duration, totals: &mut Totals) {
    let batches = store.stats().batches;
    let stop = Arc::new(AtomicBool::new(false));
    let (start, cpu) = (Instant::now(), process_cpu());
    let commits = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for committer in 0..case.committers {
            tasks.spawn(commit_in_turn(store.clone(), committer, case.writes, stop.clone()));
        }
        tokio::time::sleep(turn).await;
        stop.store(true, Ordering::Relaxed);
        tasks.join_all().await.into_iter().sum::<u64>()
    });
    totals.cpu_us += (process_cpu() - cpu).as_secs_f64() * 1e6;
    totals.seconds += start.elapsed().as_secs_f64();
    totals.commits += commits as f64;
    totals.batches += (store.stats().batches - batches) as f64;
}

async fn commit_in_turn(
    store: Store,
    committer: u64,
    writes: Writes,
    stop: Arc<AtomicBool>,
) -> u64 {
    let reader = store.reader();
    let namespace = Arc::new(Namespace {
        tenant: "default".parse().expect("a name"),
        binding: "budget".parse().expect("a name"),
    });
    let key = format!("spent/agent-{committer}");
    let mut commits = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut ledgers = Vec::new();
        if let Writes::OwnKey = writes {
            let mut ledger = Ledger::new(1_700_000_000_000, &Limits::default());
            ledger.learn(&key, reader.read(&namespace, &key).await.expect("it reads"));
            ledger.learn_usage(reader.usage(&namespace).await.expect("it reads"));
            ledger.increment(&key, 1, None).expect("it fits");
            ledgers.push((namespace.clone(), ledger));
        }
        match store.commit(decision(committer), ledgers).await {
            Ok(()) => commits += 1,
            Err(CommitError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    commits
}

fn decision(committer: u64) -> DecisionRecord {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let count = LAST.fetch_add(1, Ordering::Relaxed);
    let policy = |binding: &str, verdict: &str| PolicyRecord {
        binding: binding.parse().expect("a name"),
        image: Digest::of_parts([]),
        mode: Mode::Enforce,
        verdict: verdict.to_owned(),
        reason: None,
        fault: None,
        annotations: None,
        particulars: None,
        fuel: 5_500,
        host_calls: 0,
        duration_us: 11,
        memoised: false,
    };
    DecisionRecord {
        id: format!("0190a6f0-0000-7000-8000-{count:012x}"),
        tenant: "default".parse().expect("a name"),
        received_at_ms: 1_700_000_000_000 + count,
        request_id: Some(format!("request-{count}")),
        trace_id: None,
        request_digest: Digest::of_parts([]),
        subject: ("agent".to_owned(), format!("agent-{committer}")),
        action: "send_money".to_owned(),
        resource: ("account".to_owned(), "UK12345678901234567890".to_owned()),
        policy_set: Digest::of_parts([]),
        outcome: "allow",
        policies: vec![policy("budget", "allow")],
        whole: None,
    }
}

/// Writes to one file over and over and waits for the disk each time, as the log's end is used.
struct Bare {
    file: File,
    written: usize,
}

impl Bare {
    const FILE_BYTES: usize = 16 << 20;

    fn new(directory: &Path) -> Self {
        let mut file = File::create(directory.join("bare")).expect("a file can be made");
        file.write_all(&vec![1; Self::FILE_BYTES])
            .and_then(|()| file.sync_all())
            .expect("it syncs");
        Self { file, written: 0 }
    }

    /// As many commits to an fsync as the store had in its batches so far.
    fn run_for(&mut self, turn: Duration, totals: &mut Totals) {
        let batch = totals.commits / totals.batches.max(1.0);
        let bytes = vec![2; (batch * DECISION_BYTES as f64) as usize];
        let start = Instant::now();
        while start.elapsed() < turn {
            if self.written + bytes.len() > Self::FILE_BYTES {
                self.written = 0;
                self.file.seek(SeekFrom::Start(0)).expect("it seeks");
            }
            self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).expect("it syncs");
            self.written += bytes.len();
            totals.bare_commits += batch;
        }
        totals.bare_seconds += start.elapsed().as_secs_f64();
    }
}

impl Totals {
    fn print(&self, name: &str) {
        let rate = self.commits / self.seconds;
        let figure = |what: &str, value: f64| {
            println!(r#"{{"figure":"store/{name}/{what}","value":{value:.3}}}"#);
        };
        figure("per-second", rate);
        figure("cpu-us", self.cpu_us / self.commits);
        figure("batch", self.commits / self.batches);
        figure("of-bare", rate / (self.bare_commits / self.bare_seconds));
    }
}

fn process_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
