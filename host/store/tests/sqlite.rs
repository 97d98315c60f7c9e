//! SQLite does what every store must do, also where nothing stays in memory.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use opened::Opened;

async fn cached() -> Opened {
    Opened::new(|_| {}).await
}

/// Every key is evicted as soon as it is durable.
async fn uncached() -> Opened {
    Opened::new(|config| config.cache_bytes_max = 0).await
}

mod with_a_cache {
    use super::{cached, conformance};
    crate::conformance_tests!(cached);
}

mod without_a_cache {
    use super::{conformance, uncached};
    crate::conformance_tests!(uncached);
}
