//! The engine and its clock, as one type: there is no engine whose epochs do not tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::EngineWeak;

use crate::config::{self, EngineConfig};
use crate::image::Image;
use crate::link::{self, Grants};
use crate::load::Loader;
use crate::load_error::LoadError;
use crate::memo::Memo;
use crate::report::Report;
use crate::state::State;
use crate::tool::Tool;
use writ_core::{Json, Limits, ToolLimits};

/// How often a computing guest is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// After how many ticks without an evaluation the clock rests.
const IDLE_TICKS: u32 = 250;

/// Loads components and evaluates them. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What an evaluation needs of its engine.
pub(crate) struct Inner {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) linker: wasmtime::component::Linker<State>,
    pub(crate) memo: Memo,
    pub(crate) ticker: Ticker,
    loader: Loader,
}

/// The engine cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// `instances-max` is out of range.
    #[error("`instances-max` is {0}, must be 1 to 1000")]
    Instances(u32),
    /// wasmtime refuses the settings, or the machine has too little address space for the pool.
    #[error(
        "the engine cannot be set up: {0:#}\n\
         hint: lower `instances-max`, or raise the limit on address space (`ulimit -v`)"
    )]
    Setup(wasmtime::Error),
    /// The disk cache cannot be used.
    #[error(transparent)]
    Cache(#[from] crate::cache::CacheError),
}

impl Engine {
    /// Sets up the engine and starts its clock.
    ///
    /// # Errors
    /// Where a setting is out of range, the machine cannot hold the pool, or the cache directory
    /// cannot be trusted.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        if !(1..=1_000).contains(&config.instances_max) {
            return Err(EngineError::Instances(config.instances_max));
        }
        let wasmtime = wasmtime::Engine::new(&config::serving(config.instances_max))
            .map_err(EngineError::Setup)?;
        let inner = Inner {
            linker: link::linker(&wasmtime).map_err(EngineError::Setup)?,
            memo: Memo::new(config.memo_bytes_max),
            ticker: Ticker::start(wasmtime.weak()),
            loader: Loader::new(&wasmtime, config)?,
            wasmtime,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes a component ready to be evaluated with some settings, from the cache where it can.
    ///
    /// # Errors
    /// [`LoadError`]: the component or its settings are refused.
    pub async fn load(
        &self,
        component: &[u8],
        settings: &Json,
        limits: &Limits,
    ) -> Result<Arc<Image>, LoadError> {
        let compiled = self.inner.loader.load(component, Some(settings)).await?;
        Image::new(&self.inner, compiled, settings, limits).map(Arc::new)
    }

    /// Makes a tool ready to be called with some grants, from the cache where it can.
    ///
    /// # Errors
    /// [`LoadError`]: the component is refused, or imports what it is not granted.
    pub async fn load_tool(
        &self,
        component: &[u8],
        grants: Grants,
        limits: &ToolLimits,
    ) -> Result<Arc<Tool>, LoadError> {
        let compiled = self.inner.loader.load(component, None).await?;
        Tool::new(&self.inner, compiled, grants, limits).map(Arc::new)
    }

    /// Tells what a component is, and everything for which it would be refused.
    ///
    /// # Errors
    /// Where the bytes are no component at all.
    pub async fn report(&self, component: &[u8]) -> Result<Report, LoadError> {
        self.inner.loader.report(component).await
    }

    /// How large a component may be, in bytes.
    pub fn component_bytes_max(&self) -> usize {
        self.inner.loader.component_bytes_max()
    }

    /// What the engine counted since it was set up.
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            running: self.inner.ticker.running.load(Ordering::Relaxed) as u64,
            memo_hits: self.inner.memo.hits(),
            memo_misses: self.inner.memo.misses(),
            load: self.inner.loader.stats(),
        }
    }
}

/// Counters of an engine.
#[derive(Clone, Debug)]
pub struct EngineStats {
    /// Evaluations that run now.
    pub running: u64,
    /// Evaluations answered from memory.
    pub memo_hits: u64,
    /// Evaluations that were looked up and had to run.
    pub memo_misses: u64,
    /// What loading counted.
    pub load: crate::load::LoadStats,
}

/// Advances the engine's epoch every [`TICK`], on a plain thread, because a tokio timer would wait
/// for the very guests that it has to stop. It rests while nothing is evaluated.
pub(crate) struct Ticker {
    running: Arc<AtomicUsize>,
    resting: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// Keeps the clock awake while it is held.
pub(crate) struct Running<'a>(&'a Ticker);

impl Ticker {
    fn start(engine: EngineWeak) -> Self {
        let running = Arc::new(AtomicUsize::new(0));
        let resting = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("writ-epoch".into()).spawn({
            let (running, resting, stop) = (running.clone(), resting.clone(), stop.clone());
            move || tick(&engine, &running, &resting, &stop)
        });
        let thread = thread.expect("a host that cannot start a thread cannot serve");
        Self { running, resting, thread: Some(thread), stop }
    }

    pub(crate) fn run(&self) -> Running<'_> {
        // INVARIANT: the clock sets `resting` before it looks at `running`, and we change
        // `running` before we look at `resting`, so one of both sees the other.
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.resting.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(self)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // The clock does nothing that could panic; if it did, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn tick(engine: &EngineWeak, running: &AtomicUsize, resting: &AtomicBool, stop: &AtomicBool) {
    let mut idle = 0;
    while !stop.load(Ordering::SeqCst) {
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        drop(engine);
        idle = if running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
        if idle < IDLE_TICKS {
            std::thread::park_timeout(TICK);
            continue;
        }
        resting.store(true, Ordering::SeqCst);
        if running.load(Ordering::SeqCst) == 0 && !stop.load(Ordering::SeqCst) {
            std::thread::park();
        }
        resting.store(false, Ordering::SeqCst);
        idle = 0;
    }
}
