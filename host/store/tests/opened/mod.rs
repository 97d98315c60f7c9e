//! A store of its own: in a directory, or in a database that other hosts may share.

#![allow(dead_code, unreachable_pub, reason = "each test file that includes this uses a part")]

use tempfile::TempDir;
use writ_store::{Database, PostgresConfig, Sealing, Store, StoreConfig};
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

    /// One of each, whose values are sealed.
    pub async fn each_sealed(sealing: &Sealing) -> [Self; 2] {
        let mut sealed = Vec::with_capacity(2);
        for opened in Self::each().await {
            sealed.push(opened.again_with(sealing).await);
        }
        sealed.try_into().unwrap_or_else(|_| panic!("there were two"))
    }

    /// Closes the store and opens it again, with keys.
    pub async fn again_with(self, sealing: &Sealing) -> Self {
        let Self { store, place } = self;
        store.close().await.unwrap();
        Self { store: Store::open(place.sealed(sealing)).await.unwrap(), place }
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

    /// The configuration, with keys.
    pub fn sealed(&self, sealing: &Sealing) -> Database {
        let sealing = sealing.clone();
        match self {
            Self::Files(_) => StoreConfig { sealing, ..self.files() }.into(),
            Self::Database(_) => {
                let mut config = self.database();
                config.sealing = sealing;
                config.into()
            }
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
