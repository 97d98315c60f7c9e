//! PostgreSQL for tests: a private cluster for the process, and a database for each test.
//!
//! The cluster listens on a Unix socket only, and lives in a temporary directory, as the user
//! `postgres` where the tests run as root. A shell waits for this process to end, however it ends,
//! and then stops the cluster and removes it. Where `DATABASE_URL` is set, that server is used
//! instead: its role must be able to create databases.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The role of the databases' owner in a private cluster; it is no superuser.
const OWNER: &str = "writ";
/// The role that makes that one.
const ADMIN: &str = "postgres";

/// Starts the cluster, says so, and waits for the end of its input: that is when this process has
/// ended. What is not on disk may be lost: nobody needs it any more.
const KEEPER: &str = r#"
echo "fsync = off" >> "$2/data/postgresql.conf"
"$1/pg_ctl" start -s -w -t 60 -D "$2/data" -l "$2/log" -o "-k $2 -p 5432 -c listen_addresses= -c max_connections=300" || { cat "$2/log" >&2; exit 1; }
echo started
read -r _
"$1/pg_ctl" stop -s -m immediate -D "$2/data"
rm -rf "$2"
"#;

/// A database of a test. Removed with its cluster, or when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: &'static Server,
}

/// A server that runs.
#[derive(Debug)]
enum Server {
    /// One that somebody else runs, and the URL of a database on it.
    Given { url: String },
    /// Our own, until the pipe to its keeper is closed: when this process ends.
    Private { directory: PathBuf, _keeper: Child },
}

impl TestDatabase {
    /// A new database without any tables.
    ///
    /// # Panics
    /// If there is no PostgreSQL, or it does not create it.
    pub fn create() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let count = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("writ_test_{}_{count}", std::process::id());
        let server = server();
        run(server.program("createdb", OWNER).arg(&name), "a database cannot be created");
        Self { name, server }
    }

    /// From now on the whole cluster answers only what is on disk, where it is ours.
    ///
    /// # Panics
    /// If it does not.
    pub fn durable(&self) {
        if let Server::Private { .. } = self.server {
            let mut psql = self.server.program("psql", ADMIN);
            psql.args(["-q", "-c", "ALTER SYSTEM SET fsync = on", "-c", "SELECT pg_reload_conf()"]);
            run(psql.arg(ADMIN), "the cluster cannot be set");
        }
    }

    /// A program of PostgreSQL that works on it; what it prints is given.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(binaries().join(program));
        run(command.args(arguments).arg(self.url()), program)
    }

    /// Its URL, for a role that owns it.
    pub fn url(&self) -> String {
        match self.server {
            Server::Given { url } => with_name(url, &self.name),
            Server::Private { directory, .. } => {
                let socket = directory.display();
                format!("postgres://{OWNER}@localhost:5432/{}?host={socket}", self.name)
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Server::Given { .. } = self.server {
            // Only tidies up.
            self.server.program("dropdb", OWNER).args(["--force", &self.name]).status().ok();
        }
    }
}

impl Server {
    /// A program that creates or drops something on it, in a role where it is ours.
    fn program(&self, name: &str, role: &str) -> Command {
        let mut command = Command::new(binaries().join(name));
        match self {
            Self::Given { url } => command.arg("--maintenance-db").arg(url),
            Self::Private { directory, .. } => {
                command.arg("-h").arg(directory).args(["-p", "5432", "-U", role])
            }
        };
        command
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => Server::Given { url },
        _ => start(),
    })
}

/// Makes a cluster and starts it.
fn start() -> Server {
    // Only the keeper removes it: it must outlive this process for a moment.
    let directory = tempfile::tempdir().expect("a directory for the cluster").keep();
    let user = other_user();
    if let Some((user, group)) = user {
        chown(&directory, Some(user), Some(group)).expect("root may give a directory away");
    }
    let binaries = binaries();
    let mut initdb = as_user(Command::new(binaries.join("initdb")), user, &directory);
    initdb.args(["-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C", "-N", "-D"]);
    run(initdb.arg(directory.join("data")), "a cluster cannot be made");
    let mut keeper = as_user(Command::new("sh"), user, &directory);
    let mut keeper = keeper
        .args(["-c", KEEPER, "keeper"])
        .args([&binaries, &directory])
        // What stops the tests at the terminal must not stop it before its work is done.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    let mut line = String::new();
    let output = keeper.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("the keeper's output can be read");
    assert_eq!(line, "started\n", "the cluster does not start");
    let server = Server::Private { directory, _keeper: keeper };
    let mut createuser = server.program("createuser", ADMIN);
    run(createuser.args(["--createdb", OWNER]), "a role cannot be created");
    server
}

/// User and group that a cluster runs as, where this is root: PostgreSQL refuses to.
fn other_user() -> Option<(u32, u32)> {
    rustix::process::geteuid().is_root().then(|| (id("-u"), id("-g")))
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().expect("`id` can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("Debian's package has made the user `postgres`")
}

fn as_user(mut command: Command, user: Option<(u32, u32)>, directory: &Path) -> Command {
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command.current_dir(directory);
    command
}

/// What is needed of PostgreSQL.
const PROGRAMS: [&str; 4] = ["initdb", "pg_ctl", "createuser", "createdb"];

/// Where the programs are: Debian keeps the server's own apart, a folder a version.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_whole = |folder: &PathBuf| PROGRAMS.iter().all(|name| folder.join(name).exists());
    debian.chain(std::env::split_paths(&path)).find(is_whole).unwrap_or_else(|| {
        panic!(
            "there is no PostgreSQL\nhint: `cargo xtask test` installs it, or set DATABASE_URL to \
             one whose role may create databases"
        )
    })
}

/// A URL of another database on the same server.
fn with_name(url: &str, name: &str) -> String {
    let (place, query) = url.split_once('?').map_or((url, None), |(a, b)| (a, Some(b)));
    let (scheme, rest) = place.split_once("://").expect("DATABASE_URL is a URL");
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{host}/{name}{query}")
}

fn run(command: &mut Command, failed: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{failed}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{failed}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_another_database_of_the_same_server() {
        let check = |url: &str, expected: &str| assert_eq!(with_name(url, "new"), expected);
        check("postgres://a:b@h:1/old?host=/tmp", "postgres://a:b@h:1/new?host=/tmp");
        check("postgres://h", "postgres://h/new");
    }
}
