//! Memory that a phase has needed and what follows does not.

/// Gives back to the system what was freed, and the pages of the program that were needed so far. For
/// the end of a phase that took much more than what follows, such as loading: by itself the allocator
/// gives back only while it is used, and pages of a program stay until somebody else needs the memory.
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: it takes no pointer and may be called from any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
    #[cfg(target_os = "linux")]
    program::let_go();
}

/// The program's own pages. Elsewhere than on Linux they stay where they are.
#[cfg(target_os = "linux")]
mod program {
    use std::fs;
    use std::path::Path;

    use rustix::mm::{Advice, madvise};

    /// What is mapped of a file, as `/proc/PID/smaps` tells it (proc_pid_smaps(5)).
    #[derive(Debug, PartialEq, Eq)]
    struct Mapping {
        start: usize,
        bytes: usize,
    }

    /// Unmaps what is still as it is in the program's file. What is needed again is found in the system's
    /// cache of files, some pages at a time.
    #[allow(unsafe_code)]
    pub(super) fn let_go() {
        let program = fs::read_link("/proc/self/exe");
        let (Ok(program), Ok(smaps)) = (program, fs::read_to_string("/proc/self/smaps")) else {
            return;
        };
        for Mapping { start, bytes } in untouched(&smaps, &program) {
            // SAFETY: nothing can be written to the mapping, and nothing in it differs from the file, so
            // that whoever reads it finds what was there before. The program stays mapped to its end. A
            // failure leaves it as it was.
            unsafe { madvise(start as *mut _, bytes, Advice::LinuxDontNeed) }.ok();
        }
    }

    /// The mappings of a file to which nothing can be written and nothing was: not those that the
    /// linker has changed before it closed them.
    fn untouched(smaps: &str, file: &Path) -> Vec<Mapping> {
        let mut found = Vec::new();
        let mut lines = smaps.lines();
        while let Some(line) = lines.next() {
            let Some(mapping) = mapping(line, file) else { continue };
            let details = lines.by_ref();
            let anonymous = details.find_map(|line| line.strip_prefix("Anonymous:"));
            if anonymous.is_some_and(|kib| kib.trim() == "0 kB") {
                found.push(mapping);
            }
        }
        found
    }

    /// A line such as `55d0c000-55d0d000 r-xp 00001000 fe:00 1234  /usr/bin/writ`.
    fn mapping(line: &str, file: &Path) -> Option<Mapping> {
        let mut words = line.split_ascii_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let path = &line[line.find('/')?..];
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|place| usize::from_str_radix(place, 16));
        let (start, end) = (start.ok()?, end.ok()?);
        let is_meant = Path::new(path) == file && rights.starts_with('r') && !rights.contains('w');
        is_meant.then(|| Mapping { start, bytes: end - start })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const SMAPS: &str = "\
1000-3000 r--p 00000000 fe:00 7                          /bin/writ
Rss:                   8 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
3000-9000 r-xp 00002000 fe:00 7                          /bin/writ
Rss:                   8 kB
Anonymous:             0 kB
9000-a000 r--p 00008000 fe:00 7                          /bin/writ
Rss:                   4 kB
Anonymous:             4 kB
a000-b000 rw-p 00009000 fe:00 7                          /bin/writ
Anonymous:             0 kB
b000-c000 r-xp 00000000 fe:00 8                          /lib/libc.so.6
Anonymous:             0 kB
c000-d000 r--p 00000000 00:00 0
Anonymous:             0 kB
";

        #[test]
        fn only_what_is_as_it_is_in_the_file_is_let_go() {
            let found = untouched(SMAPS, Path::new("/bin/writ"));
            let expected = [(0x1000, 0x2000), (0x3000, 0x6000)];
            assert_eq!(found, expected.map(|(start, bytes)| Mapping { start, bytes }));
        }

        #[test]
        fn the_program_runs_on() {
            super::super::give_back();
            let text = format!("{:?}", "a text that is in the program's file");
            assert!(text.contains("in the program's file"));
        }
    }
}
