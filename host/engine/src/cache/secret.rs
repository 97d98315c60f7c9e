//! The key of the MAC: 32 random bytes in a file that only this user can read.

use std::io::{self, Read as _, Write as _};

use cap_std::fs::{Dir, MetadataExt as _};

use crate::cache::files::{aside, create, open_plain, random};

const KEY_FILE: &str = "cache.key";

/// What only this installation knows.
pub(super) struct Secret([u8; 32]);

/// Whether there was a key that could not be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Sound,
    Replaced,
}

impl Secret {
    /// Reads the key; makes one where there is none, or where others could have read it.
    pub(super) fn open(dir: &Dir) -> io::Result<(Self, Found)> {
        match read(dir) {
            Ok(Some(key)) => Ok((Self(key), Found::Sound)),
            Ok(None) => Ok((Self(make_first(dir)?), Found::Sound)),
            Err(reason) => {
                tracing::warn!(reason, "the key of the code cache is replaced");
                Ok((Self(replace(dir)?), Found::Replaced))
            }
        }
    }

    /// Comparing two of them takes the same time whatever they are.
    pub(super) fn mac(&self, covered: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, covered)
    }

    /// Tells keys apart without telling anything of them.
    pub(super) fn id(&self) -> [u8; 16] {
        let id = blake3::derive_key("writ 2026 code cache: id of the key", &self.0);
        let (id, _) = id.split_at(16);
        id.try_into().expect("split at 16")
    }
}

/// The MAC's key; none where there is none yet; an error says why it cannot be trusted.
fn read(dir: &Dir) -> Result<Option<[u8; 32]>, &'static str> {
    let mut file = match open_plain(dir, KEY_FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err("it cannot be read, or is no plain file"),
        Ok(file) => file,
    };
    let metadata = file.metadata().map_err(|_| "it cannot be read")?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user");
    }
    if metadata.mode() & 0o077 != 0 {
        return Err("others may read it");
    }
    let mut key = [0; 32];
    let whole = metadata.len() == 32 && file.read_exact(&mut key).is_ok();
    if whole { Ok(Some(key)) } else { Err("it has not 32 bytes") }
}

/// Makes a key where there is none; who is second takes the first one's.
fn make_first(dir: &Dir) -> io::Result<[u8; 32]> {
    let (key, aside) = written(dir)?;
    let linked = dir.hard_link(&aside, dir, KEY_FILE);
    dir.remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let theirs = read(dir).map_err(io::Error::other)?;
            theirs.ok_or_else(|| io::Error::other("the key of the cache comes and goes"))
        }
        linked => linked.map(|()| key),
    }
}

/// Makes a key in place of one that cannot be trusted.
fn replace(dir: &Dir) -> io::Result<[u8; 32]> {
    let (key, aside) = written(dir)?;
    dir.rename(&aside, dir, KEY_FILE)?;
    Ok(key)
}

/// A new key, in a file aside.
fn written(dir: &Dir) -> io::Result<([u8; 32], String)> {
    let (key, aside) = (random::<32>()?, aside()?);
    let mut file = create(dir, &aside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok((key, aside))
}
