//! Loading: from untrusted bytes to compiled code, by the cheapest way that is sound.
//!
//! In this order: code in memory, code on disk, a scan and a compile in a process of its own.
//! Loads of the same component with the same settings wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::Component;
use writ_core::{Digest, Json, LoadLimits};

use crate::cache::CacheError;
use crate::cache::disk::{CACHE_BYTES_MAX, Disk};
use crate::cache::key::{Fingerprint, Key};
use crate::cache::memory::Memory;
use crate::compiler::Compiler;
use crate::config::EngineConfig;
use crate::kept::Kept;
use crate::load_error::LoadError;
use crate::prepare::{Job, Prepared};
use crate::report::{Description, Report};
use crate::scan;

/// A component, compiled, and what is known of it.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) description: Description,
    /// Names of the imported interfaces, with their versions.
    pub(crate) imports: Vec<String>,
    /// Whether the code holds the state that `configure` left.
    pub(crate) preinitialised: bool,
    pub(crate) component_digest: Digest,
    /// Size of the code, in bytes.
    pub(crate) code_bytes: usize,
}

impl Compiled {
    /// Whether the component could call anything: types alone offer no function.
    pub(crate) fn calls_host(&self) -> bool {
        self.imports.iter().any(|import| !import.starts_with("writ:host/types@"))
    }
}

/// What loading counted since the engine was set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadStats {
    /// Components that were there already, compiled.
    pub memory_hits: u64,
    /// Compiled code, or what a component says of itself, read from the disk cache.
    pub disk_hits: u64,
    /// Files that were not in the disk cache.
    pub disk_missing: u64,
    /// Files that are not what was written, and were not used.
    pub disk_damaged: u64,
    /// Files of another installation or of another component, which were not used.
    pub disk_foreign: u64,
    /// Files that could not be read.
    pub disk_unreadable: u64,
    /// Files that could not be written.
    pub disk_not_written: u64,
    /// Times that the cache's own key had to be replaced.
    pub disk_keys_replaced: u64,
    /// Processes started to describe or to compile a component.
    pub compiles: u64,
    /// Refusals, remembered ones included.
    pub refusals: u64,
}

/// Loads components. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Loader {
    inner: Arc<Inner>,
}

struct Inner {
    engine: wasmtime::Engine,
    fingerprint: Fingerprint,
    limits: LoadLimits,
    memory: Memory,
    disk: Option<Disk>,
    compiler: Compiler,
    memory_hits: AtomicU64,
    compiles: AtomicU64,
    refusals: AtomicU64,
}

impl Loader {
    /// Sets up loading for an engine.
    pub(crate) fn new(engine: &wasmtime::Engine, config: EngineConfig) -> Result<Self, CacheError> {
        let disk = config.cache.map(|dir| Disk::open(dir, CACHE_BYTES_MAX)).transpose()?;
        let inner = Inner {
            engine: engine.clone(),
            fingerprint: Fingerprint::of(engine, &config.load),
            limits: config.load,
            memory: Memory::new(config.code_bytes_max),
            disk,
            compiler: Compiler::new(config.compiler),
            memory_hits: AtomicU64::new(0),
            compiles: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Compiled code of a component that took the settings.
    pub(crate) async fn load(
        &self,
        component: &[u8],
        settings: &Json,
    ) -> Result<Arc<Compiled>, LoadError> {
        let loaded = self.find_or_compile(component, settings).await;
        if loaded.is_err() {
            self.inner.refusals.fetch_add(1, Ordering::Relaxed);
        }
        loaded
    }

    async fn find_or_compile(
        &self,
        component: &[u8],
        settings: &Json,
    ) -> Result<Arc<Compiled>, LoadError> {
        let inner = &self.inner;
        inner.check_sizes(component, settings)?;
        let digest = Digest::of(component);
        let key = Key::code(inner.fingerprint, &digest, settings);
        let flight = inner.memory.flight(key);
        let _turn = flight.lock().await;
        if let Some(code) = inner.memory.code(&key) {
            inner.memory_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(code);
        }
        if let Some(refusal) = inner.memory.refusal(&key) {
            return Err(refusal);
        }
        if let Some(code) = self.beside(move |inner| inner.code_on_disk(&key)).await {
            inner.memory.keep_code(key, code.clone());
            return Ok(code);
        }
        let compiled = self.compile(component, digest, key, settings).await;
        match &compiled {
            Ok(code) => inner.memory.keep_code(key, code.clone()),
            Err(refusal) => inner.memory.keep_refusal(key, refusal),
        }
        compiled
    }

    async fn compile(
        &self,
        component: &[u8],
        digest: Digest,
        key: Key,
        settings: &Json,
    ) -> Result<Arc<Compiled>, LoadError> {
        let scan = self.scan(component).await;
        if let Some(problem) = scan.problems.first() {
            return Err(problem.clone());
        }
        let (prepared, code) = self.prepare(component, Some(settings.as_str().to_owned())).await?;
        let kept = Kept::new(prepared, digest, component, scan);
        self.beside(move |inner| inner.keep_code(&key, kept, code)).await
    }

    /// What a component is, and everything for which it would be refused.
    pub(crate) async fn report(&self, component: &[u8]) -> Result<Report, LoadError> {
        let digest = Digest::of(component);
        let key = Key::report(self.inner.fingerprint, &digest);
        let flight = self.inner.memory.flight(key);
        let _turn = flight.lock().await;
        if let Some(report) = self.inner.memory.report(&key) {
            return Ok(Report::clone(&report));
        }
        let report = match self.beside(move |inner| inner.report_on_disk(&key)).await {
            Some(kept) => kept.report(),
            None => self.examine(component, digest, key).await?,
        };
        self.inner.memory.keep_report(key, Arc::new(report.clone()));
        Ok(report)
    }

    async fn examine(
        &self,
        component: &[u8],
        digest: Digest,
        key: Key,
    ) -> Result<Report, LoadError> {
        let scan = self.scan(component).await;
        if !scan.problems.is_empty() {
            return Ok(Report::refused(digest, component, scan));
        }
        match self.prepare(component, None).await {
            Ok((prepared, _)) => {
                let kept = Kept::new(prepared, digest, component, scan);
                let report = kept.report();
                self.beside(move |inner| inner.keep_report(&key, &kept)).await;
                Ok(report)
            }
            // What says nothing of the component is no finding about it.
            Err(error) if !error.repeats() => Err(error),
            Err(problem) => {
                let scan = scan::Scan { problems: vec![problem], ..scan };
                Ok(Report::refused(digest, component, scan))
            }
        }
    }

    async fn scan(&self, component: &[u8]) -> scan::Scan {
        let component = component.to_vec();
        self.beside(move |inner| scan::scan(&component, &inner.limits)).await
    }

    async fn prepare(
        &self,
        component: &[u8],
        settings: Option<String>,
    ) -> Result<(Prepared, Vec<u8>), LoadError> {
        self.inner.compiles.fetch_add(1, Ordering::Relaxed);
        let job = Job { settings, limits: self.inner.limits.clone() };
        self.inner.compiler.run(component, &job).await
    }

    /// Work that would keep an asynchronous thread too long: tens of megabytes to read or to walk.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> T {
        let inner = self.inner.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> LoadStats {
        let inner = &self.inner;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut stats = LoadStats {
            memory_hits: count(&inner.memory_hits),
            compiles: count(&inner.compiles),
            refusals: count(&inner.refusals),
            ..LoadStats::default()
        };
        if let Some(Disk { counts, .. }) = &inner.disk {
            stats.disk_hits = count(&counts.hits);
            stats.disk_missing = count(&counts.missing);
            stats.disk_damaged = count(&counts.damaged);
            stats.disk_foreign = count(&counts.foreign);
            stats.disk_unreadable = count(&counts.unreadable);
            stats.disk_not_written = count(&counts.not_written);
            stats.disk_keys_replaced = count(&counts.keys_replaced);
        }
        stats
    }
}

impl Inner {
    fn check_sizes(&self, component: &[u8], settings: &Json) -> Result<(), LoadError> {
        let (bytes, max) = (component.len() as u64, self.limits.component_bytes_max as u64);
        if bytes > max {
            return Err(LoadError::ComponentTooLarge { bytes, max });
        }
        let (bytes, max) = (settings.as_str().len() as u64, self.limits.settings_bytes_max as u64);
        if bytes > max {
            return Err(LoadError::SettingsInvalid { bytes, max });
        }
        Ok(())
    }

    fn code_on_disk(&self, key: &Key) -> Option<Arc<Compiled>> {
        let disk = self.disk.as_ref()?;
        let (kept, code) = disk.read::<Kept>(key)?;
        match self.compiled(kept, &code) {
            Ok(compiled) => Some(compiled),
            Err(_not_for_this_engine) => {
                disk.refuse();
                None
            }
        }
    }

    fn keep_code(&self, key: &Key, kept: Kept, code: Vec<u8>) -> Result<Arc<Compiled>, LoadError> {
        if let Some(disk) = &self.disk {
            disk.write(key, &kept, &code);
        }
        self.compiled(kept, &code)
    }

    fn report_on_disk(&self, key: &Key) -> Option<Kept> {
        self.disk.as_ref()?.read(key).map(|(kept, _)| kept)
    }

    fn keep_report(&self, key: &Key, kept: &Kept) {
        if let Some(disk) = &self.disk {
            disk.write(key, kept, &[]);
        }
    }

    fn compiled(&self, kept: Kept, code: &[u8]) -> Result<Arc<Compiled>, LoadError> {
        Ok(Arc::new(Compiled {
            component: deserialize(&self.engine, code)?,
            preinitialised: kept.prepared.not_preinitialised.is_none(),
            description: kept.prepared.description,
            imports: kept.imports,
            component_digest: kept.component,
            code_bytes: code.len(),
        }))
    }
}

/// Turns bytes into code that this process runs.
#[allow(unsafe_code)]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> Result<Component, LoadError> {
    // SAFETY: the bytes were made by this very program, in a process that it started itself, or
    // come from a file whose MAC says that they were; they are used as they were verified. Wasmtime
    // checks beyond that they were made by its own version with these settings.
    let component = unsafe { Component::deserialize(engine, code) };
    component.map_err(LoadError::link)
}
