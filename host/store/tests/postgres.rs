//! PostgreSQL does what every store must do.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use opened::Opened;

async fn shared() -> Opened {
    Opened::shared().await
}

crate::conformance_tests!(shared);
