//! Takes all memory there is, and touches every page of it.
#![allow(missing_docs, unsafe_code)]

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
            // Zeroed pages might not be there before they are written.
            let mut block = vec![0_u8; MIB];
            block.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
            hoard.push(block);
        }
    }
}

writ_hostile::guest!(MemoryBomb);
