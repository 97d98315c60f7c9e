//! The process that compiles, from the inside: one job in, one answer out, under its own limits. With
//! the job comes what was made of the component before, and with the answer what is to be kept of it.
//!
//! It gets no environment, no directory and no socket of its host's, only three pipes; its limits are set
//! before it looks at a byte of the component. It is the same user as its host: what escapes from
//! wasmtime here has that user's rights.

use std::io::{self, Read};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::frame;
use crate::groundwork::Groundwork;
use crate::load_error::LoadError;
use crate::platform;
use crate::prepare::{self, Job, Prepared};

/// The header of the answer; its body is the code.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The component is ready.
    Prepared(Prepared),
    /// It is refused.
    Refused(LoadError),
}

/// Compiles one component for a host: reads a job from the standard input, writes the answer to
/// the standard output, and ends. It ends as well when its standard input is closed, so that no
/// compiler outlives its host.
///
/// Meant as the whole body of a hidden subcommand. It limits the memory and the time of the
/// process that it runs in.
pub fn run_compile_child() -> ExitCode {
    match serve(&mut io::stdin(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the process that compiles cannot talk to its host: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(input: &mut io::Stdin, output: &mut io::Stdout) -> io::Result<()> {
    let (job, component): (Job, _) = frame::read(&mut input.lock())?;
    let ((), known) = frame::read(&mut input.lock())?;
    platform::limit_compiler(&job.limits)?;
    end_with_host()?;
    let mut groundwork = Groundwork::read(&known);
    drop(known);
    match prepare::prepare(&component, &job, &mut groundwork) {
        Ok((prepared, code)) => frame::write(output, &Answer::Prepared(prepared), &code)?,
        Err(refusal) => frame::write(output, &Answer::Refused(refusal), &[])?,
    }
    frame::write(output, &(), &groundwork.news())
}

/// Waits for the end of the standard input beside the work.
fn end_with_host() -> io::Result<()> {
    let wait = || {
        // Nothing more is to come; whatever ends the wait, there is nobody to answer any more.
        let _ = io::stdin().lock().read(&mut [0]);
        std::process::exit(1);
    };
    std::thread::Builder::new().name("writ-host".into()).spawn(wait).map(drop)
}
