//! Takes all memory there is, and touches every page of it.
#![allow(missing_docs, unsafe_code)]

use std::hint::black_box;

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule};

const MIB: usize = 1 << 20;
const PAGE: usize = 4096;

struct MemoryBomb;

impl Rule for MemoryBomb {
    const NAME: &str = "memory-bomb";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let mut hoard = Vec::new();
        loop {
            // Written a byte a page: the host must find the pages, and not run out of fuel first.
            let mut block = Vec::<u8>::with_capacity(MIB);
            for byte in block.spare_capacity_mut().iter_mut().step_by(PAGE) {
                byte.write(1);
            }
            hoard.push(black_box(block));
        }
    }
}

writ_hostile::guest!(MemoryBomb);
