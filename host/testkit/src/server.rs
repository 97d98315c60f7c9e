//! A real `writ serve`: a process in a directory of its own, on a port of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::compiled::Compiled;
use crate::http::Client;

/// A server that runs until it is stopped, killed or dropped.
#[derive(Debug)]
pub struct Writ {
    program: PathBuf,
    directory: TempDir,
    child: Child,
    address: SocketAddr,
    /// The first key, which the server printed when it was first started.
    key: String,
    /// Where its data are, if others take from there what it has compiled.
    lends: Option<PathBuf>,
}

impl Writ {
    /// Starts a server with a configuration. `program` is `env!("CARGO_BIN_EXE_writ")`. Policies
    /// that the configuration names by path are written into its directory by `place` before. What
    /// a server of the same program has compiled, it does not compile again.
    ///
    /// # Panics
    /// If it does not start; the text is what it wrote on its standard error.
    pub fn start(program: impl AsRef<Path>, config: &str, place: &[(&str, Vec<u8>)]) -> Self {
        let compiled = Compiled::of(program.as_ref());
        let directory = tempfile::tempdir_in(compiled.hosts()).expect("a directory for the server");
        let data = directory.path().join(data(config));
        compiled.lend(&data);
        let mut server = Self::start_in(directory, program.as_ref(), config, place);
        server.lends = Some(data);
        server
    }

    /// The same, but it compiles all of its policies.
    ///
    /// # Panics
    /// As [`Writ::start`].
    pub fn start_cold(program: impl AsRef<Path>, config: &str, place: &[(&str, Vec<u8>)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the server");
        Self::start_in(directory, program.as_ref(), config, place)
    }

    fn start_in(
        directory: TempDir,
        program: &Path,
        config: &str,
        place: &[(&str, Vec<u8>)],
    ) -> Self {
        for (name, bytes) in place {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it is in the directory"))
                .expect("a directory can be made");
            write_private(&path, bytes);
        }
        std::fs::write(directory.path().join("writ.toml"), config).expect("a file can be written");
        let Started { child, address, key } = spawn(program, directory.path(), &[]);
        let (program, key) = (program.to_owned(), key.unwrap_or_default());
        Self { program, directory, child, address, key, lends: None }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its directory: configuration and data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its first key, which may do everything; empty where tokens of an issuer are taken instead.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A new connection to it, which sends its first key.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn client(&self) -> Client {
        let client = Client::connect(self.address).expect("the server listens");
        if self.key.is_empty() { client } else { client.with_key(&self.key) }
    }

    /// Kills it, as `kill -9` does, and waits until it is gone.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks it to stop, as an orchestrator does.
    ///
    /// # Panics
    /// If it has ended already.
    pub fn ask_to_stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the server runs");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }

    /// How it has ended; none while it runs.
    ///
    /// # Panics
    /// If it cannot be looked at.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be looked at")
    }

    /// Starts it again in the same directory, after it has ended.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, with variables in its environment.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_with(&mut self, variables: &[(&str, &str)]) {
        let started = spawn(&self.program, self.directory.path(), variables);
        (self.child, self.address) = (started.child, started.address);
    }
}

impl Drop for Writ {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(data) = &self.lends {
            Compiled::of(&self.program).keep(data);
        }
    }
}

/// The data directory of a configuration: the one that tests write, or the default.
fn data(config: &str) -> &'static str {
    if config.contains("directory = \"data\"") { "data" } else { "writ-data" }
}

/// A server that says where it listens.
struct Started {
    child: Child,
    address: SocketAddr,
    key: Option<String>,
}

fn spawn(program: &Path, directory: &Path, variables: &[(&str, &str)]) -> Started {
    let mut child = Command::new(program)
        .args(["serve", "--config", "writ.toml", "--listen", "127.0.0.1:0"])
        .current_dir(directory)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be run");
    let told = told(child.stderr.take().expect("it is piped"));
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    let address = lines.find_map(|line| address_in(&line));
    // The line on keys comes next but one.
    let key = lines.find_map(|line| line.strip_prefix("keys: ").map(key_in));
    let Some((address, key)) = address.zip(key) else {
        let status = child.wait().expect("it has ended");
        let told = told.join().expect("reading does not panic");
        panic!("the server did not start: {status}\n{told}");
    };
    // What it prints later is read away, so that it never waits for a reader.
    thread::spawn(move || lines.for_each(drop));
    Started { child, address, key }
}

/// How much of what a server writes on its standard error is kept, in bytes.
const TOLD_BYTES_MAX: usize = 64 << 10;

/// Passes on what a process writes on its standard error, line by line, and gives the beginning of
/// it once the process has ended.
fn told(stderr: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut told = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("{line}");
            if told.len() + line.len() < TOLD_BYTES_MAX {
                told.push_str(&line);
                told.push('\n');
            }
        }
        told
    })
}

/// The key in a line, where one is shown.
fn key_in(line: &str) -> Option<String> {
    let words = line.split_whitespace();
    words.into_iter().find(|word| word.starts_with("writ_")).map(str::to_owned)
}

/// The address in the line that says where the server listens.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c)));
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// Writes a file that only its owner may read, as secrets must be.
///
/// # Panics
/// Where it cannot be written.
pub fn write_private(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).expect("a file can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("a file's mode can be set");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_sentence() {
        let address = Some("127.0.0.1:8181".parse().unwrap());
        assert_eq!(address_in("listening on http://127.0.0.1:8181"), address);
        assert_eq!(address_in("curl http://127.0.0.1:8181/access/v1/evaluation"), address);
        assert_eq!(address_in("nothing"), None);
    }

    #[test]
    fn a_key_is_found_where_one_is_shown() {
        assert_eq!(key_in("shown here: writ_abc_def"), Some("writ_abc_def".to_owned()));
        assert_eq!(key_in("2 in use; `writ keys create` makes another"), None);
    }
}
