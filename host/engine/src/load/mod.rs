//! Loading: from untrusted bytes to compiled code, by the cheapest way that is sound.
//!
//! In this order: code in memory, code on disk, a scan and a compile in a process of its own.
//! Loads of the same component with the same settings wait for each other.

mod compiled;
mod stats;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use writ_core::{Digest, Json, LoadLimits};

use crate::cache::CacheError;
use crate::cache::disk::{CACHE_BYTES_MAX, Disk};
use crate::cache::key::{Fingerprint, Key};
use crate::cache::memory::Memory;
use crate::compiler::{Compiler, Done};
use crate::config::EngineConfig;
use crate::kept::Kept;
use crate::link::Kind;
use crate::load_error::LoadError;
use crate::prepare::{Job, Prepared, Work};
use crate::report::Report;
use crate::scan;
pub(crate) use compiled::{Compiled, deserialize};
use stats::Counts;
pub use stats::LoadStats;

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
    counts: Counts,
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
            counts: Counts::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Compiled code of a component that took the settings; of a tool where there are none.
    pub(crate) async fn load(
        &self,
        component: &[u8],
        settings: Option<&Json>,
    ) -> Result<Arc<Compiled>, LoadError> {
        let loaded = self.find_or_compile(component, settings).await;
        if loaded.is_err() {
            self.inner.counts.refusals.fetch_add(1, Ordering::Relaxed);
        }
        loaded
    }

    async fn find_or_compile(
        &self,
        component: &[u8],
        settings: Option<&Json>,
    ) -> Result<Arc<Compiled>, LoadError> {
        let inner = &self.inner;
        inner.check_sizes(component, settings)?;
        let digest = Digest::of(component);
        let key = match settings {
            Some(settings) => Key::code(inner.fingerprint, &digest, settings),
            None => Key::tool(inner.fingerprint, &digest),
        };
        let flight = inner.memory.flight(key);
        let _turn = flight.lock().await;
        if let Some(code) = inner.memory.code(&key) {
            inner.counts.memory_hits.fetch_add(1, Ordering::Relaxed);
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
        settings: Option<&Json>,
    ) -> Result<Arc<Compiled>, LoadError> {
        let scan = self.scan(component).await;
        if let Some(problem) = scan.problems.first() {
            return Err(problem.clone());
        }
        let (wanted, work) = match settings {
            Some(settings) => (Kind::Policy, Work::Policy(settings.as_str().to_owned())),
            None => (Kind::Tool, Work::Tool),
        };
        if scan.kind != wanted {
            return Err(LoadError::OtherKind { found: scan.kind, wanted });
        }
        let (prepared, code) = self.prepare((component, digest), work).await?;
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
        match self.prepare((component, digest), Work::Describe(scan.kind)).await {
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
        (component, digest): (&[u8], Digest),
        work: Work,
    ) -> Result<(Prepared, Vec<u8>), LoadError> {
        let inner = &self.inner;
        let turn = inner.compiler.turn().await;
        inner.counts.compiles.fetch_add(1, Ordering::Relaxed);
        let key = Key::groundwork(inner.fingerprint, &digest);
        // Looked for in its turn: whoever was before may have made it.
        let known = self.beside(move |inner| inner.groundwork(&key)).await;
        let job = Job { work, limits: inner.limits.clone() };
        let Done { prepared, code, groundwork } = turn.run((component, &known), &job).await?;
        if !groundwork.is_empty() {
            self.beside(move |inner| inner.keep_groundwork(&key, &groundwork)).await;
        }
        Ok((prepared, code))
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

    /// How large a component may be, in bytes.
    pub(crate) fn component_bytes_max(&self) -> usize {
        self.inner.limits.component_bytes_max
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> LoadStats {
        let Inner { counts, disk, .. } = &*self.inner;
        counts.with(disk.as_ref().map(|disk| &disk.counts))
    }
}

impl Inner {
    fn check_sizes(&self, component: &[u8], settings: Option<&Json>) -> Result<(), LoadError> {
        let (bytes, max) = (component.len() as u64, self.limits.component_bytes_max as u64);
        if bytes > max {
            return Err(LoadError::ComponentTooLarge { bytes, max });
        }
        let bytes = settings.map_or(0, |settings| settings.as_str().len() as u64);
        let max = self.limits.settings_bytes_max as u64;
        if bytes > max {
            return Err(LoadError::SettingsInvalid { bytes, max });
        }
        Ok(())
    }

    fn code_on_disk(&self, key: &Key) -> Option<Arc<Compiled>> {
        let disk = self.disk.as_ref()?;
        let (kept, code) = disk.read::<Kept>(key)?;
        match Compiled::new(&self.engine, kept, &code) {
            Ok(compiled) => Some(Arc::new(compiled)),
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
        Compiled::new(&self.engine, kept, &code).map(Arc::new)
    }

    /// What is kept of a component whatever its settings are; empty where nothing is.
    fn groundwork(&self, key: &Key) -> Vec<u8> {
        let kept = self.disk.as_ref().and_then(|disk| disk.read_spare::<()>(key));
        kept.map(|((), bytes)| bytes).unwrap_or_default()
    }

    fn keep_groundwork(&self, key: &Key, bytes: &[u8]) {
        if let Some(disk) = &self.disk {
            disk.write(key, &(), bytes);
        }
    }

    fn report_on_disk(&self, key: &Key) -> Option<Kept> {
        self.disk.as_ref()?.read(key).map(|(kept, _)| kept)
    }

    fn keep_report(&self, key: &Key, kept: &Kept) {
        if let Some(disk) = &self.disk {
            disk.write(key, kept, &[]);
        }
    }
}
