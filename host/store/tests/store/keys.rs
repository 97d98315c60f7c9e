//! Keys are kept with everything but their secret, and end once; in either database.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::opened::Opened;
use writ_core::key::KEY_ID_LENGTH;
use writ_core::{Digest, Key, KeyId, Principal, Role, Tenant};

fn key(number: u8, expires_at_ms: Option<u64>) -> Key {
    let principal = Principal {
        tenant: Tenant::default(),
        person: "Ann".parse().unwrap(),
        roles: BTreeSet::from([Role::Operator, Role::Approver]),
        groups: BTreeSet::from(["Finance".parse().unwrap(), "été".parse().unwrap()]),
    };
    Key {
        id: KeyId::of_random([number; KEY_ID_LENGTH]),
        principal: Arc::new(principal),
        secret: Digest::of([number]),
        created_at_ms: 1_000 + u64::from(number),
        expires_at_ms,
        revoked_at_ms: None,
    }
}

#[tokio::test]
async fn keys_are_there_again_after_a_restart_oldest_first() {
    for opened in Opened::each().await {
        let (young, old) = (key(2, None), key(1, Some(9_000)));
        for key in [&young, &old] {
            opened.store.create_key(key.clone()).await.unwrap();
        }
        let opened = opened.again().await;
        let kept = opened.store.keys(&Tenant::default()).await.unwrap();
        assert_eq!(kept, [old, young]);
        // Equal people may be spelled differently: what was written is what is shown.
        let groups: Vec<_> = kept[0].principal.groups.iter().map(|group| group.as_str()).collect();
        assert_eq!(groups, ["Finance", "été"]);
    }
}

#[tokio::test]
async fn a_key_is_revoked_once_and_by_its_tenant() {
    for opened in Opened::each().await {
        let key = key(1, None);
        opened.store.create_key(key.clone()).await.unwrap();
        let other: Tenant = "other".parse().unwrap();
        opened.store.revoke_key(&other, key.id, 2_000).await.unwrap();
        assert_eq!(opened.store.keys(&Tenant::default()).await.unwrap()[0].revoked_at_ms, None);
        for at_ms in [3_000, 4_000] {
            opened.store.revoke_key(&Tenant::default(), key.id, at_ms).await.unwrap();
        }
        let opened = opened.again().await;
        let kept = opened.store.keys(&Tenant::default()).await.unwrap();
        assert_eq!(kept, [Key { revoked_at_ms: Some(3_000), ..key }]);
        assert_eq!(opened.store.keys(&other).await.unwrap(), []);
    }
}

#[tokio::test]
async fn two_keys_of_one_id_are_refused_and_the_first_stays() {
    for opened in Opened::each().await {
        opened.store.create_key(key(1, None)).await.unwrap();
        assert!(opened.store.create_key(key(1, Some(5))).await.is_err());
        opened.store.create_key(key(2, None)).await.unwrap();
        let kept = opened.store.keys(&Tenant::default()).await.unwrap();
        assert_eq!(kept, [key(1, None), key(2, None)]);
    }
}

#[tokio::test]
async fn a_closed_store_keeps_no_key() {
    for opened in Opened::each().await {
        let store = opened.store.clone();
        opened.store.close().await.unwrap();
        assert!(store.create_key(key(1, None)).await.is_err());
    }
}
