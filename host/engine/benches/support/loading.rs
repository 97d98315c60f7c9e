//! What loading costs when nothing is cached, against compiling the same components by wasmtime and
//! nothing else.

use std::time::Instant;

use serde_json::{Value, json};
use writ_core::Limits;

use super::bare;
use super::fixture::{self, Bench};
use super::paired::{Effort, print};

/// Measures and prints.
pub(crate) fn measure(effort: Effort) {
    let rounds = if effort == Effort::Quick { 2 } else { 5 };
    let policies: Vec<_> =
        policies().into_iter().map(|(name, value)| (fixture::component(name), value)).collect();
    let (mut bare, mut writ) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(timed(|| {
            let engine = bare::engine();
            for (component, _) in &policies {
                engine.precompile_component(component).expect("a component");
            }
        }));
        // An engine of its own each time: it keeps compiled code.
        let bench = Bench::new(0);
        writ.push(timed(|| {
            for (component, settings) in &policies {
                bench.load(component, settings, &Limits::default());
            }
        }));
    }
    let (bare, writ) = (middle(bare), middle(writ));
    print("load/4-policies-bare-compile-ms", bare);
    print("load/4-policies-cold-ms", writ);
    print("load/4-policies-cold-of-bare", writ / bare);
}

/// The policies that `host/app/benches` starts its servers with.
fn policies() -> [(&'static str, Value); 4] {
    let list = |name: &str| json!({"allow": ["read_*", name], "deny": ["*_password"]});
    let rules = json!({"rules": [{
        "name": "small",
        "when": {"path": "/action/properties/options/limit", "le": 10_000},
        "effect": "allow",
    }]});
    [
        ("tool-list", list("search-0")),
        ("rules", rules),
        ("rate-limit", json!({"limit": 1_000, "window-seconds": 1})),
        ("tool-list", list("search-3")),
    ]
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1_000.0
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
