//! An OCI registry for tests: Debian's `docker-registry`, on a port and in a directory of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;
use writ_core::Digest;

/// Whom a registry with a password lets in.
pub const USER: (&str, &str) = ("ann", "a password");
/// The same, as the registry reads it: bcrypt, with the least work that there is.
const HTPASSWD: &str = "ann:$2b$04$GfK1MPmOvx6ty/5iMjVOIOMOYupQo.KWnupRj.d/WjA3Q98WkDFsG\n";

/// What a registry does besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Whether it lets in [`USER`] alone.
    pub has_password: bool,
    /// Whether it speaks TLS, by a certificate of [`Registry::authority`].
    pub has_tls: bool,
    /// Where it sends whoever wants a layer: a URL.
    pub layers_at: Option<&'a str>,
    /// Where it sends whoever has no token: a URL. Nobody has one.
    pub tokens_at: Option<&'a str>,
}

/// A registry that runs until this is dropped.
#[derive(Debug)]
pub struct Registry {
    directory: TempDir,
    child: Child,
    address: SocketAddr,
}

impl Registry {
    /// Starts one without TLS, which lets anybody pull and push.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts one that does something besides.
    ///
    /// # Panics
    /// If it does not start; the text is what it wrote.
    pub fn start_with(options: Options<'_>) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the registry");
        let config = directory.path().join("config.yml");
        fs::write(&config, written(options, directory.path())).expect("a file can be written");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`docker-registry`: {error}\nhint: `cargo xtask test` installs it")
            });
        let told = BufReader::new(child.stderr.take().expect("it is piped"));
        let Some(address) = address(told) else {
            let status = child.wait().expect("it can be waited for");
            panic!("the registry does not start: {status}");
        };
        Self { directory, child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of who vouches for its own, in PEM, where it speaks TLS.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// The file in which it keeps the bytes of this digest.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        let blobs = self.directory.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(&hex).join("data")
    }

    /// Ends it, whatever it is doing.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The configuration of a registry in a directory, with the files that it names.
fn written(options: Options<'_>, directory: &Path) -> String {
    let place = directory.display();
    let mut config = format!(
        "version: 0.1\n\
         log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
         storage: {{ filesystem: {{ rootdirectory: {place}/data }} }}\n"
    );
    if options.has_tls || options.tokens_at.is_some() {
        make_certificates(directory);
    }
    let tls = format!(", tls: {{ certificate: {place}/own.pem, key: {place}/own.key }}");
    let tls = if options.has_tls { &tls } else { "" };
    config += &format!("http: {{ addr: \"127.0.0.1:0\", secret: test{tls} }}\n");
    if options.has_password {
        fs::write(directory.join("htpasswd"), HTPASSWD).expect("a file can be written");
        config += &format!("auth: {{ htpasswd: {{ realm: test, path: {place}/htpasswd }} }}\n");
    }
    if let Some(url) = options.tokens_at {
        config += &format!(
            "auth: {{ token: {{ realm: \"{url}\", service: test, issuer: test, \
             rootcertbundle: {place}/authority.pem }} }}\n"
        );
    }
    if let Some(url) = options.layers_at {
        config += &format!(
            "middleware: {{ storage: [{{ name: redirect, options: {{ baseurl: \"{url}\" }} }}] }}\n"
        );
    }
    config
}

/// Makes an authority, and a certificate of it for loopback.
fn make_certificates(directory: &Path) {
    let openssl = |arguments: &[&str]| {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(arguments).current_dir(directory).output();
        let output = output.expect("`openssl` can be run; `cargo xtask test` installs it");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no certificate: {told}");
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let authority = ["-x509", "-subj", "/CN=authority", "-keyout", "authority.key"];
    openssl(&[&["req"], &key[..], &authority[..], &["-out", "authority.pem"]].concat());
    let own = ["-x509", "-subj", "/CN=registry", "-keyout", "own.key", "-out", "own.pem"];
    let by = ["-CA", "authority.pem", "-CAkey", "authority.key"];
    let of =
        ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(&[&["req"], &key[..], &own[..], &by[..], &of[..]].concat());
}

/// The address that a registry says it listens on; what it says later is read away.
fn address(mut told: impl BufRead + Send + 'static) -> Option<SocketAddr> {
    let mut line = String::new();
    while told.read_line(&mut line).is_ok_and(|read| read > 0) {
        if let Some(address) = address_in(&line) {
            thread::spawn(move || told.lines().map_while(Result::ok).for_each(drop));
            return Some(address);
        }
        eprint!("{line}");
        line.clear();
    }
    None
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("msg=\"listening on ")?;
    rest.split(['"', ',']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_a_registry_says() {
        let address = Some("127.0.0.1:5000".parse().unwrap());
        assert_eq!(address_in("level=info msg=\"listening on 127.0.0.1:5000\" go=1"), address);
        assert_eq!(address_in("level=info msg=\"listening on 127.0.0.1:5000, tls\" go=1"), address);
        assert_eq!(address_in("level=info msg=\"redis not configured\""), None);
    }
}
