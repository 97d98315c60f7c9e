//! WASI 0.2 for guests whose language needs it, in which nothing is there.
//!
//! | what | what a guest sees |
//! | --- | --- |
//! | arguments, environment, standard input | none |
//! | standard output and error | taken, and dropped |
//! | file system | no preopened directory |
//! | TCP, UDP | `access-denied` |
//! | names | never resolve |
//! | wall clock | the instant at which the request was received |
//! | monotonic clock | starts at 0, one microsecond later at each look |
//! | random | a stream seeded by the request's digest, or for a tool by what its journal begins with |

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use writ_core::{Digest, Limits};

use crate::state::State;
use crate::tool::ToolState;

/// How many bytes of random one call may ask for.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// WASI of one evaluation or call, made when it is first called.
pub(crate) struct Wasi {
    seed: Digest,
    received_at_ms: u64,
    handles_max: usize,
    made: Option<Box<(WasiCtx, ResourceTable)>>,
}

impl Wasi {
    pub(crate) fn new(seed: Digest, received_at_ms: u64, limits: &Limits) -> Self {
        Self { seed, received_at_ms, handles_max: limits.handles_max, made: None }
    }

    fn made(&mut self) -> &mut (WasiCtx, ResourceTable) {
        let (seed, now_ms, handles_max) = (self.seed, self.received_at_ms, self.handles_max);
        self.made.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(handles_max);
            Box::new((deny_all(&seed, now_ms), table))
        })
    }
}

macro_rules! offer_to {
    ($state:ty) => {
        impl WasiView for $state {
            fn ctx(&mut self) -> WasiCtxView<'_> {
                self.guard.meter.wasi_call();
                let (ctx, table) = self.wasi.made();
                WasiCtxView { ctx, table }
            }
        }
    };
}

offer_to!(State);
offer_to!(ToolState);

/// WASI without anything in it, from a seed and an instant.
pub(crate) fn deny_all(seed: &Digest, now_ms: u64) -> WasiCtx {
    let random = || ChaCha12Rng::from_seed(*seed.as_bytes());
    let mut seed_bytes = [0; 16];
    seed_bytes.copy_from_slice(&seed.as_bytes()[..16]);
    WasiCtx::builder()
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .wall_clock(Stopped(now_ms))
        .monotonic_clock(Steps(Arc::default()))
        .secure_random(random())
        .insecure_random(random())
        .insecure_random_seed(u128::from_le_bytes(seed_bytes))
        .max_random_size(RANDOM_BYTES_MAX)
        .build()
}

/// A wall clock that stands still.
struct Stopped(u64);

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A monotonic clock that moves only when it is looked at.
struct Steps(Arc<AtomicU64>);

impl HostMonotonicClock for Steps {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}
