//! The disk cache: what is sound is used, all else is compiled again and counted.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tempfile::TempDir;
use writ_core::LoadLimits;
use writ_engine::{Engine, EngineConfig, EngineError, LoadStats};

use crate::guests::good;
use crate::{config, load};

/// A directory of this user alone.
fn directory() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

fn try_engine(dir: &Path, load: LoadLimits) -> Result<Engine, EngineError> {
    let cache = Some(Dir::open_ambient_dir(dir, ambient_authority()).unwrap());
    Engine::new(EngineConfig { cache, load, ..config() })
}

fn engine(dir: &Path) -> Engine {
    try_engine(dir, LoadLimits::default()).unwrap()
}

/// Loads with a new engine, as after a restart, and gives what it counted.
async fn restart(dir: &Path) -> LoadStats {
    let engine = engine(dir);
    let image = load(&engine, &good(), "{}").await.unwrap();
    assert_eq!(image.description().name, "test");
    assert!(image.preinitialised());
    engine.stats().load
}

/// All but the key and groundwork.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap() != "cache.key" && !is_groundwork(path));
    files.sort();
    files
}

fn is_groundwork(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ground")
}

/// The one file of what is made of a component whatever its settings are.
fn groundwork(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| is_groundwork(path)).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn only_file(dir: &Path) -> PathBuf {
    let files = files(dir);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// A directory with one file, which a change is then made to.
async fn filled() -> TempDir {
    let dir = directory();
    assert_eq!(restart(dir.path()).await, LoadStats { disk_missing: 1, compiles: 1, ..zero() });
    dir
}

fn zero() -> LoadStats {
    LoadStats::default()
}

#[tokio::test]
async fn what_was_compiled_is_there_after_a_restart() {
    let dir = filled().await;
    assert_eq!(restart(dir.path()).await, LoadStats { disk_hits: 1, ..zero() });
    for file in [only_file(dir.path()), dir.path().join("cache.key")] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_was_described_is_there_after_a_restart() {
    let dir = directory();
    let first = engine(dir.path()).report(&good()).await.unwrap();
    let second = engine(dir.path());
    assert_eq!(second.report(&good()).await.unwrap(), first);
    assert_eq!(second.stats().load, LoadStats { disk_hits: 1, ..zero() });
}

#[tokio::test]
async fn equal_jobs_give_equal_files() {
    let (one, other) = (filled().await, directory());
    fs::copy(one.path().join("cache.key"), other.path().join("cache.key")).unwrap();
    restart(other.path()).await;
    let (one, other) = (only_file(one.path()), only_file(other.path()));
    assert_eq!(one.file_name(), other.file_name());
    assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "the bytes differ");
}

#[tokio::test]
async fn other_settings_give_the_same_files_with_and_without_groundwork() {
    let (one, other) = (filled().await, directory());
    let ground = fs::read(groundwork(one.path())).unwrap();
    load(&engine(one.path()), &good(), r#"{"other":1}"#).await.unwrap();
    assert!(fs::read(groundwork(one.path())).unwrap() == ground, "there was nothing to add");
    fs::copy(one.path().join("cache.key"), other.path().join("cache.key")).unwrap();
    load(&engine(other.path()), &good(), r#"{"other":1}"#).await.unwrap();
    let alone = only_file(other.path());
    let beside = one.path().join(alone.file_name().unwrap());
    assert!(fs::read(alone).unwrap() == fs::read(beside).unwrap(), "the bytes differ");
}

#[tokio::test]
async fn groundwork_is_made_by_whoever_looks_first_and_completed_by_whoever_loads() {
    let dir = directory();
    engine(dir.path()).report(&good()).await.unwrap();
    let described = fs::metadata(groundwork(dir.path())).unwrap().len();
    load(&engine(dir.path()), &good(), "{}").await.unwrap();
    assert!(fs::metadata(groundwork(dir.path())).unwrap().len() > described);
}

#[tokio::test]
async fn groundwork_that_is_not_what_was_written_is_made_again() {
    let dir = filled().await;
    let path = groundwork(dir.path());
    let mut changed = fs::read(&path).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    fs::write(&path, &changed).unwrap();
    let engine = engine(dir.path());
    load(&engine, &good(), r#"{"other":1}"#).await.unwrap();
    assert_eq!(engine.stats().load.disk_damaged, 1);
    assert!(fs::read(path).unwrap() != changed, "it is as it was found");
    assert_eq!(restart(dir.path()).await, LoadStats { disk_hits: 1, ..zero() });
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_compiled_again() {
    for keep in [0, 10, 99, 100, 150, usize::MAX] {
        let dir = filled().await;
        let path = only_file(dir.path());
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..keep.min(bytes.len() - 1)]).unwrap();
        let stats = restart(dir.path()).await;
        assert_eq!(stats, LoadStats { disk_damaged: 1, compiles: 1, ..zero() }, "{keep}");
        assert_eq!(restart(dir.path()).await.disk_hits, 1, "it is written anew");
    }
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_compiled_again() {
    let dir = filled().await;
    let path = only_file(dir.path());
    let bytes = fs::read(&path).unwrap();
    // In the mark, the MAC, the key, the length, the description, the code, the last byte. What
    // says whose key it was is the one thing that changes the reason, see below.
    for place in [0, 33, 64, 97, 110, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        let stats = restart(dir.path()).await;
        assert_eq!(stats, LoadStats { disk_damaged: 1, compiles: 1, ..zero() }, "{place}");
    }
}

#[tokio::test]
async fn a_file_under_another_files_name_is_compiled_again() {
    let dir = filled().await;
    let mine = only_file(dir.path());
    let other = engine(dir.path());
    load(&other, &good(), r#"{"other":1}"#).await.unwrap();
    let theirs = files(dir.path()).into_iter().find(|path| *path != mine).unwrap();
    fs::rename(theirs, mine).unwrap();
    let stats = restart(dir.path()).await;
    assert_eq!(stats, LoadStats { disk_foreign: 1, compiles: 1, ..zero() });
}

#[tokio::test]
async fn a_file_of_another_installation_is_compiled_again() {
    let (dir, other) = (filled().await, filled().await);
    fs::copy(only_file(other.path()), only_file(dir.path())).unwrap();
    let stats = restart(dir.path()).await;
    assert_eq!(stats, LoadStats { disk_foreign: 1, compiles: 1, ..zero() });
}

#[tokio::test]
async fn a_file_of_other_limits_is_compiled_again_under_any_name() {
    let dir = filled().await;
    let limits = LoadLimits { loop_depth_max: 63, ..LoadLimits::default() };
    let other = try_engine(dir.path(), limits).unwrap();
    load(&other, &good(), "{}").await.unwrap();
    assert_eq!(other.stats().load, LoadStats { disk_missing: 1, compiles: 1, ..zero() });
    let files = files(dir.path());
    assert_eq!(files.len(), 2);
    let swap = dir.path().join("swap");
    fs::rename(&files[0], &swap).unwrap();
    fs::rename(&files[1], &files[0]).unwrap();
    fs::rename(&swap, &files[1]).unwrap();
    let stats = restart(dir.path()).await;
    assert_eq!(stats, LoadStats { disk_foreign: 1, compiles: 1, ..zero() });
}

#[tokio::test]
async fn a_key_that_others_could_read_is_replaced_and_its_files_with_it() {
    let dir = filled().await;
    let key = dir.path().join("cache.key");
    let before = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let stats = restart(dir.path()).await;
    // The code, and the groundwork.
    let expected = LoadStats { disk_keys_replaced: 1, disk_foreign: 2, compiles: 1, ..zero() };
    assert_eq!(stats, expected);
    assert_ne!(fs::read(&key).unwrap(), before);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(restart(dir.path()).await, LoadStats { disk_hits: 1, ..zero() });
}

#[tokio::test]
async fn a_key_of_another_length_is_replaced() {
    let dir = filled().await;
    fs::write(dir.path().join("cache.key"), [7; 31]).unwrap();
    let stats = restart(dir.path()).await;
    assert_eq!((stats.disk_keys_replaced, stats.compiles), (1, 1));
}

#[tokio::test]
async fn symbolic_links_are_not_followed() {
    let dir = filled().await;
    let (path, aside) = (only_file(dir.path()), dir.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    symlink("aside", &path).unwrap();
    let stats = restart(dir.path()).await;
    assert_eq!(stats, LoadStats { disk_unreadable: 1, compiles: 1, ..zero() });
    assert!(!fs::symlink_metadata(&path).unwrap().is_symlink(), "the link was replaced");

    let (key, aside) = (dir.path().join("cache.key"), dir.path().join("aside-key"));
    fs::rename(&key, &aside).unwrap();
    symlink("aside-key", &key).unwrap();
    assert_eq!(restart(dir.path()).await.disk_keys_replaced, 1);
}

#[tokio::test]
async fn a_directory_that_is_open_to_others_is_refused() {
    let dir = directory();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let refused = try_engine(dir.path(), LoadLimits::default()).err().unwrap();
    insta::assert_snapshot!(refused, @"
    the cache directory is open to others (mode 755)
    hint: give a directory of this user alone (`chmod 700`), or none to do without
    ");
}

#[tokio::test]
async fn what_was_left_half_written_is_removed() {
    let dir = filled().await;
    let (left, unfinished) = (dir.path().join("new-1"), dir.path().join("new-2"));
    for file in [&left, &unfinished] {
        fs::write(file, b"half").unwrap();
    }
    let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
    fs::File::open(&left).unwrap().set_modified(hour_ago).unwrap();
    assert_eq!(restart(dir.path()).await.disk_hits, 1);
    assert!(!left.exists());
    assert!(unfinished.exists(), "another process may write it");
    fs::remove_file(unfinished).unwrap();
    only_file(dir.path());
}

#[tokio::test]
async fn a_directory_that_is_gone_costs_a_compile_and_nothing_else() {
    let dir = directory();
    let engine = engine(dir.path());
    drop(dir);
    load(&engine, &good(), "{}").await.unwrap();
    let stats = engine.stats().load;
    // Neither the code nor the groundwork.
    assert_eq!((stats.compiles, stats.disk_not_written), (1, 2));
}
