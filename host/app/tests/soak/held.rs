//! What a host holds: memory, open files, threads; and whether that stays as it is.

use std::fs;

/// How many more bytes it may hold for each change: less than half of what a component has in its file.
const BYTES_A_CHANGE_MAX: u64 = 64 << 10;
/// How many more bytes it may hold, however often it changes.
const BYTES_MORE_MAX: u64 = 32 << 20;
/// How many changes there must be before what is left of each shows: allocators keep some memory, and more
/// at one time than at another.
const CHANGES_TO_TELL: usize = 200;
/// How many more files: compiled code is open while it is used.
const FILES_MORE_MAX: u64 = 8;
/// How many more threads: those that read files come and go.
const THREADS_MORE_MAX: u64 = 8;

/// What a host holds at one time.
#[derive(Clone, Copy, Debug)]
struct Held {
    bytes: u64,
    files: u64,
    threads: u64,
}

/// What a host has held, after each change.
pub(crate) struct Flat {
    process: u32,
    seen: Vec<Held>,
}

impl Held {
    fn of(process: u32) -> Self {
        let process = format!("/proc/{process}");
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        Self {
            bytes: field("VmRSS:") << 10,
            files: fs::read_dir(format!("{process}/fd")).unwrap().count() as u64,
            threads: field("Threads:"),
        }
    }
}

impl Flat {
    pub(crate) fn of(process: u32) -> Self {
        Self { process, seen: Vec::new() }
    }

    pub(crate) fn look(&mut self) {
        self.seen.push(Held::of(self.process));
    }

    /// The first and the last numbers that count.
    pub(crate) fn summary(&self) -> String {
        let (Held { bytes, files, threads }, last) = self.ends();
        let mib = |bytes| bytes >> 20;
        format!(
            "{} to {} MiB, {files} to {} files, {threads} to {} threads",
            mib(bytes),
            mib(last.bytes),
            last.files,
            last.threads
        )
    }

    /// Whether the last quarter is as the second one was, where there are enough changes to tell: the
    /// first warms up.
    pub(crate) fn check(&self) {
        let changes = self.seen.len();
        if changes < CHANGES_TO_TELL {
            return println!("{changes} changes are too few to tell what is left of each");
        }
        let (first, last) = self.ends();
        // As many as there are from the middle of one quarter to that of the other.
        let bytes_max = BYTES_MORE_MAX.min(BYTES_A_CHANGE_MAX * (changes as u64 / 2));
        let more = |of: fn(&Held) -> u64| of(&last).saturating_sub(of(&first));
        let text = self.summary();
        assert!(
            more(|held| held.bytes) <= bytes_max,
            "memory grows by more than {bytes_max} bytes: {text}"
        );
        assert!(more(|held| held.files) <= FILES_MORE_MAX, "open files grow: {text}");
        assert!(more(|held| held.threads) <= THREADS_MORE_MAX, "threads grow: {text}");
    }

    fn ends(&self) -> (Held, Held) {
        let quarter = self.seen.len() / 4;
        (middle(&self.seen[quarter..2 * quarter]), middle(&self.seen[3 * quarter..]))
    }
}

/// The middle of each number.
fn middle(seen: &[Held]) -> Held {
    let of = |number: fn(&Held) -> u64| {
        let mut numbers: Vec<_> = seen.iter().map(number).collect();
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    };
    Held {
        bytes: of(|held| held.bytes),
        files: of(|held| held.files),
        threads: of(|held| held.threads),
    }
}
