//! A tenant has one key in use that signs, and one first key of an operator, however many hosts
//! begin at once; in either database.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::opened::{Opened, Place};
use tokio::task::JoinSet;
use writ_core::key::KEY_ID_LENGTH;
use writ_core::{Digest, Key, KeyId, Principal, Role, Tenant};
use writ_store::{SigningKey, Store};

fn signing(number: u8) -> SigningKey {
    let created_ms = 1_000 + u64::from(number);
    SigningKey { kid: format!("k{number}"), created_ms, secret: vec![number; 9], retired_ms: None }
}

/// A key of an operator, with an id of its own for each number.
fn operator(number: u8) -> Key {
    let mut id = [number; KEY_ID_LENGTH];
    // Five bits of a byte make a character.
    id[0] = number >> 5;
    let principal = Principal {
        tenant: Tenant::default(),
        person: "operator".parse().unwrap(),
        roles: BTreeSet::from([Role::Operator]),
        groups: BTreeSet::new(),
    };
    Key {
        id: KeyId::of_random(id),
        principal: Arc::new(principal),
        secret: Digest::of([number]),
        created_at_ms: 1_000,
        expires_at_ms: None,
        revoked_at_ms: None,
    }
}

/// The hosts that may begin at once: two where the database is shared.
async fn hosts(opened: &Opened) -> [Store; 2] {
    let other = match &opened.place {
        Place::Files(_) => opened.store.clone(),
        Place::Database(_) => Store::open(opened.place.config()).await.unwrap(),
    };
    [opened.store.clone(), other]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_signing_keys_made_at_once_one_is_kept() {
    for opened in Opened::each().await {
        let hosts = hosts(&opened).await;
        let mut tasks = JoinSet::new();
        for turn in 0..32_u8 {
            let store = hosts[usize::from(turn) % 2].clone();
            tasks.spawn(async move {
                store.keep_signing_key(&Tenant::default(), &signing(turn)).await.unwrap();
                store.signing_keys(&Tenant::default()).await.unwrap()
            });
        }
        let seen = tasks.join_all().await;
        assert_eq!(seen[0].len(), 1);
        assert!(seen.iter().all(|keys| *keys == seen[0]), "{seen:?}");
        assert!(seen[0][0].secret.len() == 9 && seen[0][0].retired_ms.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_first_keys_made_at_once_one_is_kept() {
    for opened in Opened::each().await {
        let hosts = hosts(&opened).await;
        let mut tasks = JoinSet::new();
        for turn in 0..32_u8 {
            let store = hosts[usize::from(turn) % 2].clone();
            tasks.spawn(async move { store.create_first_key(operator(turn)).await.unwrap() });
        }
        let made = tasks.join_all().await;
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert_eq!(hosts[1].keys(&Tenant::default()).await.unwrap().len(), 1);
        assert!(!opened.store.create_first_key(operator(32)).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_rotate_at_once_leave_one_in_use() {
    for opened in Opened::each().await {
        let (hosts, tenant) = (hosts(&opened).await, Tenant::default());
        hosts[0].keep_signing_key(&tenant, &signing(0)).await.unwrap();
        let mut tasks = JoinSet::new();
        for turn in 1..9_u8 {
            let store = hosts[usize::from(turn) % 2].clone();
            tasks.spawn(async move {
                store.rotate_signing_key(&Tenant::default(), &signing(turn), 0).await.unwrap();
            });
        }
        tasks.join_all().await;
        let keys = hosts[1].signing_keys(&tenant).await.unwrap();
        assert_eq!(keys.len(), 9);
        assert_eq!(keys.iter().filter(|key| key.retired_ms.is_none()).count(), 1);
        assert_eq!(hosts[0].signing_keys(&"other".parse().unwrap()).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_key_that_was_retired_long_ago_is_forgotten() {
    for opened in Opened::each().await {
        let tenant = Tenant::default();
        opened.store.keep_signing_key(&tenant, &signing(0)).await.unwrap();
        opened.store.rotate_signing_key(&tenant, &signing(1), 0).await.unwrap();
        opened.store.rotate_signing_key(&tenant, &signing(2), 1_002).await.unwrap();
        let opened = opened.again().await;
        let keys = opened.store.signing_keys(&tenant).await.unwrap();
        let retired = SigningKey { retired_ms: Some(1_002), ..signing(1) };
        assert_eq!(keys, [retired, signing(2)]);
    }
}
