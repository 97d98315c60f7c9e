//! Hears when any host has changed something, so that nobody has to wait for the next poll.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Notify;

/// Where the database tells that there are events.
pub(super) const EVENTS: &str = "writ_events";
/// Where the database tells that keys have changed.
pub(super) const KEYS: &str = "writ_keys";

/// Where the database tells that another policy set decides.
pub(super) const SETS: &str = "writ_policy_sets";

/// How long to rest where the database cannot be listened to.
const REST: Duration = Duration::from_secs(1);

/// Rings whenever something may have changed, until the pool is closed.
pub(super) async fn run(pool: PgPool, bell: Arc<Notify>) {
    while !pool.is_closed() {
        if let Err(error) = listen(&pool, &bell).await
            && !pool.is_closed()
        {
            tracing::warn!(%error, "the database cannot be listened to; it is asked instead");
            tokio::time::sleep(REST).await;
        }
    }
}

async fn listen(pool: &PgPool, bell: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([EVENTS, KEYS, SETS]).await?;
    loop {
        // Also where the connection was lost: what was told meanwhile was missed.
        bell.notify_one();
        listener.try_recv().await?;
    }
}
