//! A store of its own: in a directory, or in a database that other hosts may share.

#![allow(dead_code, unreachable_pub, reason = "each test file that includes this uses a part")]

use tempfile::TempDir;
use writ_store::{Database, PostgresConfig, Store, StoreConfig};
use writ_testkit::postgres::TestDatabase;

pub struct Opened {
    pub store: Store,
    pub place: Place,
}

pub enum Place {
    Files(TempDir),
    Database(TestDatabase),
}

impl Opened {
    /// SQLite files.
    pub async fn new(change: impl FnOnce(&mut StoreConfig)) -> Self {
        let place = Place::Files(tempfile::tempdir().unwrap());
        let mut config = place.files();
        change(&mut config);
        Self { store: Store::open(config).await.unwrap(), place }
    }

    /// A PostgreSQL database.
    pub async fn shared() -> Self {
        let place = Place::Database(TestDatabase::create());
        Store::migrate(place.config()).await.unwrap();
        Self { store: Store::open(place.config()).await.unwrap(), place }
    }

    /// One of each.
    pub async fn each() -> [Self; 2] {
        [Self::new(|_| {}).await, Self::shared().await]
    }

    /// The configuration of files.
    pub fn config(&self) -> StoreConfig {
        self.place.files()
    }

    /// Closes the store and opens it again.
    pub async fn again(self) -> Self {
        let Self { store, place } = self;
        store.close().await.unwrap();
        Self { store: Store::open(place.config()).await.unwrap(), place }
    }
}

impl Place {
    pub fn config(&self) -> Database {
        match self {
            Self::Files(_) => self.files().into(),
            Self::Database(_) => self.database().into(),
        }
    }

    pub fn files(&self) -> StoreConfig {
        let Self::Files(directory) = self else { panic!("these are no files") };
        StoreConfig::new(directory.path().join("data"))
    }

    pub fn database(&self) -> PostgresConfig {
        let Self::Database(database) = self else { panic!("this is no database") };
        PostgresConfig::new(&database.url()).unwrap()
    }

    /// The database's URL.
    pub fn url(&self) -> String {
        let Self::Database(database) = self else { panic!("this is no database") };
        database.url()
    }
}
