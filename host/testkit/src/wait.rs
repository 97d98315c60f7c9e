//! Waiting for what another process does, which rings no bell here: by looking, within a bound.

use std::thread;
use std::time::{Duration, Instant};

/// How long between two looks: short beside what is waited for, and long enough that looking does not
/// take the processor from whoever is waited for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until there is something, and says what was seen last where there is nothing in time.
///
/// # Panics
/// Once it has looked for longer than `patience`.
#[track_caller]
pub fn until<T>(patience: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + patience;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < end, "after {patience:?}: {seen}"),
        }
        rest();
    }
}

/// What passes between two looks.
pub fn rest() {
    thread::sleep(BETWEEN_LOOKS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_until_there_is_something() {
        let mut looks = 0;
        let found = until(Duration::from_secs(60), || {
            looks += 1;
            if looks == 3 { Ok("found") } else { Err("not yet".to_owned()) }
        });
        assert_eq!((found, looks), ("found", 3));
    }

    #[test]
    #[should_panic(expected = "it stays so")]
    fn it_ends_and_says_what_it_saw() {
        until(Duration::ZERO, || Err::<(), _>("it stays so".to_owned()));
    }
}
