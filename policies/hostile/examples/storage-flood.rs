//! Stores 64 KiB under one key after the other, and does not mind being told that it is full.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::bindings::writ::host::storage;
use writ_hostile::{Request, Rule};

struct StorageFlood;

impl Rule for StorageFlood {
    const NAME: &str = "storage-flood";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let value = vec![b'x'; 64 << 10];
        let mut number = 0_u64;
        loop {
            // What the host answers is of no interest to a flood.
            drop(storage::set(&format!("key-{number}"), &value, None));
            number += 1;
        }
    }
}

writ_hostile::guest!(StorageFlood);
