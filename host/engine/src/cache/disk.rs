//! Compiled code on disk. Native code that anybody could have written there is never run.
//!
//! A file is found by the digest of its key and holds a mark, a MAC, and what the MAC covers: the
//! key, a description as JSON and the code. The MAC is BLAKE3, keyed by 32 random bytes in
//! `cache.key`, which only this user can read. Files are written aside and renamed, never changed;
//! they are read once, and the bytes that were verified are the bytes that are used. Whatever is
//! wrong with a file, it is as good as missing: the component is compiled again. So nobody waits
//! until they are on the disk, where decisions have to wait for it.
//!
//! The directory must belong to this user and be closed to all others. Nothing here is locked:
//! hosts may share a directory, and the worst that they do to each other is to compile twice.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::files::{ASIDE, aside, create, open_plain, ours};
use crate::cache::key::{Key, SUFFIXES};
use crate::cache::secret::{Found, Secret};

/// How long another process may take to finish a file.
const UNFINISHED_MAX: Duration = Duration::from_secs(600);
const MARK: &[u8; 16] = b"writ-code-file-1";
/// How much all files together may have, in bytes; the least recently used go first.
pub(crate) const CACHE_BYTES_MAX: u64 = 1 << 30;
/// Mark, id of the MAC's key, MAC, key, length of the description.
const HEAD_BYTES: usize = 16 + 16 + 32 + 32 + 4;

/// The disk cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Others may write into the directory, so what is in it cannot be trusted.
    #[error(
        "the cache directory {0}\n\
         hint: give a directory of this user alone (`chmod 700`), or none to do without"
    )]
    NotOurs(String),
    /// The system refuses.
    #[error("the cache directory cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// Why a file was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// It is not there.
    Missing,
    /// It is not what was written.
    Damaged,
    /// It was written with another MAC key, or under another name.
    Foreign,
    /// The system refuses to read it, or it is no plain file.
    Unreadable,
}

/// Counts by reason.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: AtomicU64,
    pub(crate) missing: AtomicU64,
    pub(crate) damaged: AtomicU64,
    pub(crate) foreign: AtomicU64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) not_written: AtomicU64,
    pub(crate) keys_replaced: AtomicU64,
}

impl Counts {
    /// What counts a reading that missed for a reason, or did not.
    fn of(&self, miss: Option<Miss>) -> &AtomicU64 {
        match miss {
            None => &self.hits,
            Some(Miss::Missing) => &self.missing,
            Some(Miss::Damaged) => &self.damaged,
            Some(Miss::Foreign) => &self.foreign,
            Some(Miss::Unreadable) => &self.unreadable,
        }
    }
}

/// Somebody else has been at a file, or the disk lost a part: in any case it is compiled again.
fn warn_of(miss: Option<Miss>, key: &Key) {
    let why = match miss {
        None | Some(Miss::Missing) => return,
        Some(Miss::Damaged) => "it is damaged",
        Some(Miss::Foreign) => "another host wrote it, or wrote it for something else",
        Some(Miss::Unreadable) => "it cannot be read, or is no plain file",
    };
    tracing::warn!(file = key.name(), why, "a file of the cache of compiled code is not used");
}

/// A directory of compiled code.
pub(crate) struct Disk {
    dir: Dir,
    secret: Secret,
    bytes_max: u64,
    pub(crate) counts: Counts,
}

impl Disk {
    /// Opens the directory and its key, makes a key where there is none or where others could have
    /// read it, and removes what was left half written.
    pub(crate) fn open(dir: Dir, bytes_max: u64) -> Result<Self, CacheError> {
        ours(&dir)?;
        let counts = Counts::default();
        let (secret, found) = Secret::open(&dir)?;
        if found == Found::Replaced {
            counts.keys_replaced.fetch_add(1, Ordering::Relaxed);
        }
        let disk = Self { dir, secret, bytes_max, counts };
        disk.make_room(0)?;
        Ok(disk)
    }

    /// Reads a file. Counts why where it cannot.
    pub(crate) fn read<H: DeserializeOwned>(&self, key: &Key) -> Option<(H, Vec<u8>)> {
        let result = self.try_read(key);
        let miss = result.as_ref().err().copied();
        self.counts.of(miss).fetch_add(1, Ordering::Relaxed);
        warn_of(miss, key);
        result.ok()
    }

    /// Reads a file that saves time where it is there, and need not be. Counts what is wrong with one
    /// that is.
    pub(crate) fn read_spare<H: DeserializeOwned>(&self, key: &Key) -> Option<(H, Vec<u8>)> {
        let result = self.try_read(key);
        if let Err(miss @ (Miss::Damaged | Miss::Foreign | Miss::Unreadable)) = result {
            self.counts.of(Some(miss)).fetch_add(1, Ordering::Relaxed);
            warn_of(Some(miss), key);
        }
        result.ok()
    }

    /// Says that a file which was read was of no use after all.
    pub(crate) fn refuse(&self) {
        self.counts.hits.fetch_sub(1, Ordering::Relaxed);
        self.counts.foreign.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes a file. A cache that cannot be written to costs time, nothing else: counted, logged.
    pub(crate) fn write(&self, key: &Key, header: &impl Serialize, code: &[u8]) {
        if let Err(error) = self.try_write(key, header, code) {
            tracing::warn!(%error, file = key.name(), "compiled code cannot be kept");
            self.counts.not_written.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn try_read<H: DeserializeOwned>(&self, key: &Key) -> Result<(H, Vec<u8>), Miss> {
        let file = open_plain(&self.dir, &key.name()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Miss::Missing,
            _ => Miss::Unreadable,
        })?;
        let mut bytes = Vec::new();
        (&file).take(self.bytes_max).read_to_end(&mut bytes).map_err(|_| Miss::Unreadable)?;
        let found = self.verify(key, bytes)?;
        // The time of the last change is the time of the last use; where it cannot be set, the
        // file only goes earlier.
        let _ = file.into_std().set_modified(SystemTime::now());
        Ok(found)
    }

    fn verify<H: DeserializeOwned>(
        &self,
        key: &Key,
        mut bytes: Vec<u8>,
    ) -> Result<(H, Vec<u8>), Miss> {
        let head = bytes.get(..HEAD_BYTES).ok_or(Miss::Damaged)?;
        let (mark, head) = head.split_at(MARK.len());
        let (key_id, head) = head.split_at(16);
        let (mac, head) = head.split_at(32);
        let (own_key, length) = head.split_at(32);
        if mark != MARK {
            return Err(Miss::Damaged);
        }
        let mac: [u8; 32] = mac.try_into().expect("split at 32");
        if self.secret.mac(&bytes[MAC_END..]) != blake3::Hash::from_bytes(mac) {
            let foreign = key_id != self.secret.id();
            return Err(if foreign { Miss::Foreign } else { Miss::Damaged });
        }
        if own_key != key.as_bytes() {
            return Err(Miss::Foreign);
        }
        let length = u32::from_le_bytes(length.try_into().expect("4 bytes are left")) as usize;
        let end = HEAD_BYTES.saturating_add(length);
        let header = bytes.get(HEAD_BYTES..end).ok_or(Miss::Damaged)?;
        let header = serde_json::from_slice(header).map_err(|_| Miss::Damaged)?;
        Ok((header, bytes.split_off(end)))
    }

    fn try_write(&self, key: &Key, header: &impl Serialize, code: &[u8]) -> io::Result<()> {
        let header = serde_json::to_vec(header)?;
        let length = u32::try_from(header.len()).map_err(io::Error::other)?;
        let mut covered = Vec::with_capacity(HEAD_BYTES + header.len() + code.len());
        covered.extend_from_slice(key.as_bytes());
        covered.extend_from_slice(&length.to_le_bytes());
        covered.extend_from_slice(&header);
        covered.extend_from_slice(code);
        let mac = self.secret.mac(&covered);
        let head = [MARK.as_slice(), &self.secret.id(), mac.as_bytes()].concat();
        let bytes = (head.len() + covered.len()) as u64;
        if bytes > self.bytes_max {
            return Err(io::Error::other("it is larger than the whole cache"));
        }
        self.make_room(bytes)?;
        let aside = aside()?;
        let written = create(&self.dir, &aside).and_then(|mut file| {
            file.write_all(&head)?;
            file.write_all(&covered)?;
            self.dir.rename(&aside, &self.dir, key.name())
        });
        if written.is_err() {
            // What cannot be removed now goes when the cache is opened again.
            let _ = self.dir.remove_file(&aside);
        }
        written
    }

    /// Removes the least recently used files until there is room for so many bytes more.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            // Another host may have removed it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            if SUFFIXES.iter().any(|suffix| file.ends_with(suffix)) {
                let used =
                    metadata.modified().map_or(SystemTime::UNIX_EPOCH, |time| time.into_std());
                files.push((used, metadata.len(), file));
            } else if file.starts_with(ASIDE) && bytes == 0 && is_left(&metadata) {
                self.remove(&file)?;
            }
        }
        files.sort();
        let mut sum = files.iter().fold(bytes, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
        for (_, bytes, file) in files {
            if sum <= self.bytes_max {
                break;
            }
            self.remove(&file)?;
            sum = sum.saturating_sub(bytes);
        }
        Ok(())
    }

    /// Removes a file, which another host may have removed meanwhile.
    fn remove(&self, file: &str) -> io::Result<()> {
        match self.dir.remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether nobody writes a file any more that was not finished.
fn is_left(metadata: &cap_std::fs::Metadata) -> bool {
    let since = metadata.modified().ok().and_then(|at| at.into_std().elapsed().ok());
    since.is_some_and(|since| since >= UNFINISHED_MAX)
}

/// Where what the MAC covers begins.
const MAC_END: usize = 16 + 16 + 32;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use writ_core::{Digest, Json, LoadLimits};

    use super::*;
    use crate::cache::key::Fingerprint;

    fn key(component: &str) -> Key {
        let engine = wasmtime::Engine::new(&crate::config::code()).unwrap();
        let fingerprint = Fingerprint::of(&engine, &LoadLimits::default());
        Key::code(fingerprint, &Digest::of(component), &Json::empty_object())
    }

    fn disk(bytes_max: u64) -> (tempfile::TempDir, Disk) {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let handle = Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        let disk = Disk::open(handle, bytes_max).unwrap();
        (dir, disk)
    }

    #[test]
    fn the_least_recently_used_files_make_room() {
        let (dir, disk) = disk(2_500);
        let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
        for component in ["old", "used"] {
            disk.write(&key(component), &component, &[7; 1_000]);
            let file = fs::File::open(dir.path().join(key(component).name())).unwrap();
            file.set_modified(hour_ago).unwrap();
        }
        assert!(disk.read::<String>(&key("used")).is_some());
        disk.write(&key("new"), &"new", &[7; 1_000]);
        assert_eq!(disk.read::<String>(&key("old")), None);
        assert_eq!(disk.read(&key("used")), Some(("used".to_owned(), vec![7; 1_000])));
        assert_eq!(disk.read(&key("new")), Some(("new".to_owned(), vec![7; 1_000])));
    }

    #[test]
    fn what_is_larger_than_the_whole_cache_is_not_kept() {
        let (dir, disk) = disk(500);
        disk.write(&key("large"), &"large", &[7; 1_000]);
        assert_eq!(disk.counts.not_written.load(Ordering::Relaxed), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the key is all there is");
    }

    #[test]
    fn a_description_that_is_no_longer_understood_is_damaged() {
        let (_dir, disk) = disk(10_000);
        disk.write(&key("a"), &17, &[]);
        assert_eq!(disk.read::<String>(&key("a")), None);
        assert_eq!(disk.counts.damaged.load(Ordering::Relaxed), 1);
    }
}
