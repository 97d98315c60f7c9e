//! PostgreSQL does what every store must do.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use opened::Opened;
use writ_store::Sealing;

async fn shared() -> Opened {
    Opened::shared().await
}

/// Every value is sealed.
async fn sealed() -> Opened {
    let sealing = Sealing::new("k", [("k".to_owned(), [7; 32])]).unwrap();
    Opened::shared().await.again_with(&sealing).await
}

mod with_plain_values {
    use super::{conformance, shared};
    crate::conformance_tests!(shared);
}

mod with_sealed_values {
    use super::{conformance, sealed};
    crate::conformance_tests!(sealed);
}
