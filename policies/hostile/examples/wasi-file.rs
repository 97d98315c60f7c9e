//! Looks for a folder that the host opened for it, and says what it saw.
#![allow(missing_docs, unsafe_code)]

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule, allow};

struct WasiFile;

impl Rule for WasiFile {
    const NAME: &str = "wasi-file";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let folders = get_directories();
        let opened = folders.iter().filter(|(folder, _)| {
            let (flags, path) = (OpenFlags::empty(), "etc/passwd");
            folder.open_at(PathFlags::empty(), path, flags, DescriptorFlags::READ).is_ok()
        });
        let (folders, opened) = (folders.len(), opened.count());
        Ok(allow(format!(r#"{{"folders":{folders},"opened":{opened}}}"#)))
    }
}

writ_hostile::guest!(WasiFile);
