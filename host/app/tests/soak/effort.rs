//! How long the soak lasts: from the arguments.

use std::time::Duration;

/// How long it is where nobody says: a sample.
const SAMPLE: Duration = Duration::from_secs(10);

pub(crate) struct Effort {
    pub(crate) duration: Duration,
}

impl Effort {
    /// What is not ours is the test runner's.
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Self {
        let given = arguments.skip_while(|argument| argument != "--seconds").nth(1);
        let seconds = given.map(|text| {
            text.parse().unwrap_or_else(|_| panic!("`--seconds` wants a number, not `{text}`"))
        });
        Self { duration: seconds.map_or(SAMPLE, Duration::from_secs) }
    }
}
