//! SQLite does what every store must do, also where nothing stays in memory.

use crate::opened::Opened;
use writ_store::Sealing;

async fn cached() -> Opened {
    Opened::new(|_| {}).await
}

/// Every key is evicted as soon as it is durable.
async fn uncached() -> Opened {
    Opened::new(|config| config.cache_bytes_max = 0).await
}

/// Every value is sealed.
async fn sealed() -> Opened {
    let sealing = Sealing::new("k", [("k".to_owned(), [7; 32])]).unwrap();
    Opened::new(|config| config.sealing = sealing).await
}

mod with_a_cache {
    use super::cached;
    crate::conformance_tests!(cached);
}

mod without_a_cache {
    use super::uncached;
    crate::conformance_tests!(uncached);
}

mod with_sealed_values {
    use super::sealed;
    crate::conformance_tests!(sealed);
}
