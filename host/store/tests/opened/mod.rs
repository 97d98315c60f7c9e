//! A store in a directory of its own.

#![allow(dead_code, unreachable_pub, reason = "each test file that includes this uses a part")]

use tempfile::TempDir;
use writ_store::{Store, StoreConfig};

pub struct Opened {
    pub store: Store,
    pub directory: TempDir,
}

impl Opened {
    pub async fn new(change: impl FnOnce(&mut StoreConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = StoreConfig::new(directory.path().join("data"));
        change(&mut config);
        Self { store: Store::open(config).await.unwrap(), directory }
    }

    pub fn config(&self) -> StoreConfig {
        StoreConfig::new(self.directory.path().join("data"))
    }

    /// Closes the store and opens its files again.
    pub async fn again(self) -> Self {
        let config = self.config();
        let Self { store, directory } = self;
        store.close().await.unwrap();
        Self { store: Store::open(config).await.unwrap(), directory }
    }
}
