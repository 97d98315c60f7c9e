//! Calls an import in `configure`, which the contract forbids: its answer would be frozen into the snapshot.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::writ::host::execution;
use writ_hostile::{Json, Rule};

struct ImportInConfigure;

impl Rule for ImportInConfigure {
    const NAME: &str = "import-in-configure";

    fn configure(_settings: Json) -> Result<(), String> {
        execution::tenant();
        Ok(())
    }
}

writ_hostile::guest!(ImportInConfigure);
