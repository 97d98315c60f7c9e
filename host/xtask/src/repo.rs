//! Where things are in the repository.
//!
//! One place for paths, so that commands name things (`guests_dir`) and not folders.

use std::path::{Path, PathBuf};

/// The repository that this xtask belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    root: PathBuf,
    target: PathBuf,
}

impl Repo {
    /// The checkout that holds this crate. Cargo bakes the path in, which is right here: xtask is
    /// always built where it runs.
    pub(crate) fn locate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .expect("host/xtask is two folders below the root");
        // As cargo does it, and as the testkit finds the guests.
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        Self { root: root.to_path_buf(), target: root.join(target) }
    }

    /// A path below the root.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A path in the folder for what is built.
    pub(crate) fn target(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.target.join(relative)
    }

    /// The same path as a reader would type it, for messages.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
