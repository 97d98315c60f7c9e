//! The process that compiles, from the outside: started, fed, waited for, killed in time.
//!
//! One at a time, because a compiler takes what it gets of memory and processors, and the host has
//! requests to answer meanwhile. What the process says is bounded and not trusted further than a
//! guest could be: its code is, because nothing but this very program makes it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::child::Answer;
use crate::config::CompilerCommand;
use crate::frame::{self, HEAD_BYTES, Head};
use crate::load_error::{CompileLimit, LoadError};
use crate::platform;
use crate::prepare::{Job, Prepared};
use crate::report::shown;

/// How much of what the process says on its standard error is kept.
const NOISE_BYTES_MAX: usize = 16 << 10;
/// Threads that compile, and pools of memory that they take from: each reserves address space.
const THREADS_MAX: &str = "4";

/// Compiles, one component after the other.
pub(crate) struct Compiler {
    command: CompilerCommand,
    one: Semaphore,
}

impl Compiler {
    pub(crate) fn new(command: CompilerCommand) -> Self {
        Self { command, one: Semaphore::new(1) }
    }

    /// Waits until nothing else is compiled.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        let turn = self.one.acquire().await.expect("the semaphore is never closed");
        Turn { command: &self.command, _turn: turn }
    }
}

impl Turn<'_> {
    /// Does a job in a process of its own, with what was made of the component before.
    pub(crate) async fn run(
        &self,
        component: (&[u8], &[u8]),
        job: &Job,
    ) -> Result<Done, LoadError> {
        let mut process = Process::start(self.command).map_err(|error| failed(&error))?;
        let time = Duration::from_millis(job.limits.compile_timeout_ms);
        match tokio::time::timeout(time, process.exchange(component, job)).await {
            Ok(exchange) => exchange.map_err(|error| failed(&error))?.judge(),
            Err(_elapsed) => Err(LoadError::CompileLimit {
                limit: CompileLimit::Time,
                text: format!("it was stopped after {} ms", time.as_millis()),
            }),
        }
    }
}

/// Held by whoever compiles.
pub(crate) struct Turn<'a> {
    command: &'a CompilerCommand,
    _turn: SemaphorePermit<'a>,
}

/// What came of a job.
pub(crate) struct Done {
    /// What the component says.
    pub(crate) prepared: Prepared,
    /// Its code.
    pub(crate) code: Vec<u8>,
    /// What is to be kept of it for other settings; empty where nothing is.
    pub(crate) groundwork: Vec<u8>,
}

/// A running process with its pipes. Dropping it kills it and whatever it started.
struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    noise: ChildStderr,
}

/// What was seen of a process.
struct Exchange {
    status: ExitStatus,
    answer: io::Result<Said>,
    noise: String,
}

/// An answer, code, and what is to be kept.
type Said = (Answer, Vec<u8>, Vec<u8>);

impl Process {
    fn start(command: &CompilerCommand) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS_MAX)
            .env("MALLOC_ARENA_MAX", THREADS_MAX)
            // Memory that is set aside and not used does not count against its limit.
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir("/")
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (input, output, noise) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Self {
            child,
            input: input.expect("it is a pipe"),
            output: output.expect("it is a pipe"),
            noise: noise.expect("it is a pipe"),
        })
    }

    /// Hands the job over and takes the answer. The process reads its input to the end of its
    /// life, so the pipe stays open until it has ended.
    async fn exchange(
        &mut self,
        (component, known): (&[u8], &[u8]),
        job: &Job,
    ) -> io::Result<Exchange> {
        let Self { child, input, output, noise } = self;
        let give = async {
            // A process that has died reads no more; how it died says more than the broken pipe.
            let _ = input.write_all(&frame::start(job, component)).await;
            let _ = input.write_all(component).await;
            let _ = input.write_all(&frame::start(&(), known)).await;
            let _ = input.write_all(known).await;
            let _ = input.flush().await;
        };
        let ((), answer, noise) = tokio::join!(give, answer(output), bounded(noise));
        Ok(Exchange { status: child.wait().await?, answer, noise: noise? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The id is there as long as the process was not waited for, so it is still its own.
        if let Some(id) = self.child.id() {
            platform::kill_group(id);
        }
    }
}

async fn answer(output: &mut ChildStdout) -> io::Result<Said> {
    let (answer, code) = one(output).await?;
    // What comes after the answer is worth having, and not needed.
    let groundwork = one::<()>(output).await.map(|((), groundwork)| groundwork);
    Ok((answer, code, groundwork.unwrap_or_default()))
}

async fn one<H: DeserializeOwned>(output: &mut ChildStdout) -> io::Result<(H, Vec<u8>)> {
    let mut head = [0; HEAD_BYTES];
    output.read_exact(&mut head).await?;
    let head = Head::decode(&head)?;
    let header = exactly(output, head.header_bytes).await?;
    Ok((frame::header(&header)?, exactly(output, head.body_bytes).await?))
}

async fn exactly(from: &mut (impl AsyncRead + Unpin), count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(count).read_to_end(&mut bytes).await?;
    match bytes.len() as u64 == count {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads to the end and keeps the start.
async fn bounded(noise: &mut ChildStderr) -> io::Result<String> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = noise.read(&mut chunk).await?;
        if count == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        let room = NOISE_BYTES_MAX - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
}

impl Exchange {
    fn judge(self) -> Result<Done, LoadError> {
        match self.answer {
            Ok((Answer::Prepared(prepared), code, groundwork)) => {
                Ok(Done { prepared, code, groundwork })
            }
            Ok((Answer::Refused(refusal), _, _)) => Err(refusal),
            Err(_) if !self.status.success() => Err(ending(self.status, &self.noise)),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// What ended a process that gave no answer, as far as can be told.
fn ending(status: ExitStatus, noise: &str) -> LoadError {
    let last = shown(noise.trim().lines().last().unwrap_or("it said nothing"));
    let text = format!("{status}: {last}");
    match platform::limit_that_ended(status, noise) {
        Some(limit) => LoadError::CompileLimit { limit, text },
        None if noise.contains("has overflowed its stack") => {
            LoadError::CompileFailed { reason: "the compiler's stack was full".to_owned() }
        }
        None => LoadError::CompilerFailed { reason: text },
    }
}

fn failed(error: &io::Error) -> LoadError {
    LoadError::CompilerFailed { reason: error.to_string() }
}
