//! Stores a byte under one key after the other: many keys in place of many bytes.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::bindings::writ::host::storage;
use writ_hostile::{Request, Rule};

struct StorageKeyFlood;

impl Rule for StorageKeyFlood {
    const NAME: &str = "storage-key-flood";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let mut number = 0_u64;
        loop {
            drop(storage::set(&format!("key-{number}"), b"x", None));
            number += 1;
        }
    }
}

writ_hostile::guest!(StorageKeyFlood);
