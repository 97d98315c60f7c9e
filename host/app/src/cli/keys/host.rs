//! Where the keys are: in a data directory that no server has open, or on a running server.

use writ_core::{KeyId, Tenant};
use writ_store::{ResealFrom, Store, StoreError};

use crate::access_request::Signers;
use crate::auth::{KeyError, Keyring};
use crate::cli::exit::Failure;
use crate::cli::place::PlaceArgs;
use crate::cli::remote::Remote;
use crate::clock::now_ms;
use crate::config::Environment;
use crate::http::keys::{IssuedReply, KEYS, KeyBody, KeysReply};
use crate::http::rotation::{self, RotationBody, RotationReply};
use crate::http::signing::{self, SigningKeyReply};
use crate::service::Records;

/// Who keeps the keys.
pub(super) enum Host {
    /// This process, for as long as the command runs.
    Here(Here),
    /// A running server.
    There(Remote),
}

/// An open data directory.
pub(super) struct Here {
    store: Store,
    keys: Keyring,
}

impl Host {
    /// Where keys are.
    pub(super) async fn open(
        place: &PlaceArgs,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        match &place.server {
            Some(url) => Remote::new(url, environment.key.clone()).map(Self::There),
            None => Here::open(place.config.store_that_is_there(environment).await?).await,
        }
    }

    /// Where keys are, or are to be: before a server's first start, a key may be made for it.
    pub(super) async fn open_or_make(
        place: &PlaceArgs,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        match &place.server {
            Some(_) => Self::open(place, environment).await,
            None => Here::open(place.config.store(environment).await?).await,
        }
    }

    pub(super) async fn create(&self, body: KeyBody) -> Result<IssuedReply, Failure> {
        match self {
            Self::There(remote) => remote.post(&[KEYS], &body).await,
            Self::Here(here) => {
                let draft = body.into_draft().map_err(|error| Failure::usage(error.message))?;
                let issued = here.keys.create(draft, now_ms()).await.map_err(told)?;
                Ok(IssuedReply::new(&issued, now_ms()))
            }
        }
    }

    pub(super) async fn list(&self) -> Result<KeysReply, Failure> {
        match self {
            Self::There(remote) => remote.get(&[KEYS], &[]).await,
            Self::Here(here) => Ok(KeysReply::new(&here.keys.list(), now_ms())),
        }
    }

    pub(super) async fn revoke(&self, id: KeyId) -> Result<(), Failure> {
        match self {
            Self::There(remote) => remote.delete(&[KEYS, id.as_str()]).await,
            Self::Here(here) => here.keys.revoke(id, now_ms()).await.map_err(told),
        }
    }

    pub(super) async fn rotate_signing(&self) -> Result<SigningKeyReply, Failure> {
        match self {
            Self::There(remote) => remote.post(&[signing::PATH], &serde_json::json!({})).await,
            Self::Here(here) => {
                let records = Records::Durable(here.store.clone());
                let signers = Signers::open(records, Tenant::default(), None).await;
                let kid = signers.map_err(Failure::internal)?.rotate().await;
                Ok(SigningKeyReply { kid: kid.map_err(Failure::internal)? })
            }
        }
    }

    pub(super) async fn rotate_data(&self, body: &RotationBody) -> Result<RotationReply, Failure> {
        match self {
            Self::There(remote) => remote.post(&[rotation::PATH], body).await,
            Self::Here(here) => {
                let from =
                    body.from.as_deref().map_or(Some(ResealFrom::start()), ResealFrom::parse);
                let from = from.expect("it is what the batch before has given");
                let resealed = here.store.reseal(&Tenant::default(), &from, body.batch).await;
                let resealed = resealed.map_err(not_sealed)?;
                let key = here.store.sealing_key().unwrap_or_default();
                Ok(RotationReply::new(key, &from, &resealed))
            }
        }
    }

    /// Lets others have the data directory.
    pub(super) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::There(_) => Ok(()),
            Self::Here(here) => here.store.close().await.map_err(Failure::internal),
        }
    }
}

impl Here {
    async fn open(store: Store) -> Result<Host, Failure> {
        let records = Records::Durable(store.clone());
        let keys = Keyring::open(records, Tenant::default()).await.map_err(Failure::internal)?;
        Ok(Host::Here(Self { store, keys }))
    }
}

fn told(error: KeyError) -> Failure {
    match error {
        KeyError::Unknown(_) | KeyError::Full => Failure::refused(error),
        KeyError::Random(_) | KeyError::Store(_) => Failure::internal(error),
    }
}

/// What an operator mends in the configuration is told apart from what the store does.
fn not_sealed(error: StoreError) -> Failure {
    match error {
        StoreError::NotSealing | StoreError::Sealed(_) => Failure::configuration(error),
        error => Failure::internal(error),
    }
}
