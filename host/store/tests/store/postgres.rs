//! PostgreSQL does what every store must do.

use crate::opened::Opened;
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
    use super::shared;
    crate::conformance_tests!(shared);
}

mod with_sealed_values {
    use super::sealed;
    crate::conformance_tests!(sealed);
}
