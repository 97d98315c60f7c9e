//! From a scanned component to compiled code: `describe`, `configure`, snapshot, compile.
//!
//! Runs guest code and the compiler, neither of which can be trusted with the host's time and
//! memory: hosts call it in a child process only, see `compiler`. Equal jobs give equal bytes.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};
use wasmtime_wizer::Wizer;
use writ_core::{Digest, Json, LoadLimits};

use crate::config;
use crate::groundwork::Groundwork;
use crate::link::Kind;
use crate::load_error::{CompileLimit, LoadError};
use crate::platform;
use crate::report::Described;
use crate::trial::{Ticking, Trial};

/// What is to be done with a component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) limits: LoadLimits,
}

/// See [`Job`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// It is only asked to describe itself.
    Describe(Kind),
    /// A policy is configured with settings, as canonical JSON, and compiled.
    Policy(String),
    /// A tool is compiled.
    Tool,
}

/// What became of it, beside its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) description: Described,
    /// Why `configure` has to run on each fresh instance; none: the code holds the state that
    /// `configure` left.
    pub(crate) not_preinitialised: Option<String>,
}

/// Does the job; the code is empty where it was only to describe itself.
pub(crate) fn prepare(
    component: &[u8],
    job: &Job,
    groundwork: &mut Groundwork,
) -> Result<(Prepared, Vec<u8>), LoadError> {
    let (described, snapshot) = match job.work {
        Work::Describe(Kind::Policy) | Work::Policy(_) => try_out(component, job, groundwork)?,
        Work::Describe(Kind::Tool) => (describe_tool(component, job)?, None),
        // A tool keeps nothing in memory before it is called, so there is nothing to keep of it.
        Work::Tool => (describe_tool(component, job)?, Some(Cow::Borrowed(component))),
    };
    let Some(snapshot) = snapshot else { return Ok((described, Vec::new())) };
    let mut config = config::code();
    // A tool has no settings, so it is compiled once.
    if let Work::Policy(_) = job.work {
        config.enable_incremental_compilation(groundwork.functions()).map_err(compile_failed)?;
    }
    Ok((described, compile(&config, &snapshot)?))
}

/// What a tool says of itself.
fn describe_tool(component: &[u8], job: &Job) -> Result<Prepared, LoadError> {
    let engine = Ticking::start(&config::pre_initialising()).map_err(compile_failed)?;
    let compiled = Component::new(&engine, component).map_err(compile_failed)?;
    let trial = Trial::new(&engine, &compiled, Digest::of(component), &job.limits)?;
    let description = Described::Tool(trial.describe_tool()?);
    Ok(Prepared { description, not_preinitialised: None })
}

/// What was said, and what is to be compiled: nothing where there are no settings, else the
/// component with the state that `configure` left, if it can have one.
type TriedOut<'a> = (Prepared, Option<Cow<'a, [u8]>>);

/// Runs the component once.
fn try_out<'a>(
    component: &'a [u8],
    job: &Job,
    groundwork: &mut Groundwork,
) -> Result<TriedOut<'a>, LoadError> {
    let wizer = wizer();
    let instrumented = guarded(|| wizer.instrument_component(component));
    let engine = Ticking::start(&config::pre_initialising()).map_err(compile_failed)?;
    let bytes = instrumented.as_ref().map_or(component, |(_, bytes)| bytes);
    let compiled = groundwork.trial(&engine, bytes).map_err(compile_failed)?;
    let trial = Trial::new(&engine, &compiled, Digest::of(component), &job.limits)?;
    let description = trial.describe()?;
    let Work::Policy(settings) = &job.work else {
        let description = Described::Policy(description);
        return Ok((Prepared { description, not_preinitialised: instrumented.err() }, None));
    };
    let settings = Json::parse(settings).expect("the host sends what it has parsed");
    let mut configured = trial.configure(settings.as_str(), &description.sensitive(&settings))?;
    let snapshot =
        instrumented.and_then(|(context, _)| guarded(|| configured.snapshot(&wizer, &context)));
    let (bytes, not_preinitialised) = match snapshot {
        Ok(snapshot) => (Cow::Owned(snapshot), None),
        Err(reason) => (Cow::Borrowed(component), Some(reason)),
    };
    let description = Described::Policy(description);
    Ok((Prepared { description, not_preinitialised }, Some(bytes)))
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    wizer
}

fn compile(config: &Config, component: &[u8]) -> Result<Vec<u8>, LoadError> {
    let engine = Engine::new(config).map_err(compile_failed)?;
    engine.precompile_component(component).map_err(compile_failed)
}

fn compile_failed(error: wasmtime::Error) -> LoadError {
    let reason = format!("{error:#}");
    match platform::is_out_of_memory(&reason) {
        true => LoadError::CompileLimit { limit: CompileLimit::Memory, text: reason },
        false => LoadError::CompileFailed { reason },
    }
}

/// Pre-initialising is worth having and not needed: where it fails, or panics on a component that
/// its authors did not think of, there is a reason instead.
fn guarded<T>(pre_initialise: impl FnOnce() -> wasmtime::Result<T>) -> Result<T, String> {
    match std::panic::catch_unwind(AssertUnwindSafe(pre_initialise)) {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(_panic) => Err("the pre-initialiser does not support this component".to_owned()),
    }
}

/// The pre-initialiser's version, part of the fingerprint of everything that is cached.
pub(crate) const WIZER_VERSION: &str = "48.0.8";
