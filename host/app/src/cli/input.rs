//! What the operator names on the command line: files, standard input, the configuration.
//!
//! These may be anywhere: the operator's own rights decide. What a configuration names may not.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use writ_core::LoadLimits;

use super::exit::Failure;
use crate::config::server::address;
use crate::config::{Config, Environment, Origin, Overrides};
use crate::policy_set::Source;
use crate::registry::PinnedReference;

/// Options that say which configuration is used, and what goes before it.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ConfigArgs {
    /// The configuration file; without it, the built-in one is used
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where compiled code is kept, and decisions where no database is configured
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
}

impl ConfigArgs {
    /// Reads the configuration.
    pub(super) fn load(
        &self,
        environment: &Environment,
        listen: Option<&str>,
    ) -> Result<Config, Failure> {
        Ok(self.origin(environment, listen)?.load()?)
    }

    /// Where the configuration comes from.
    pub(super) fn origin(
        &self,
        environment: &Environment,
        listen: Option<&str>,
    ) -> Result<Origin, Failure> {
        let listen = listen.or(environment.listen.as_deref());
        let overrides = Overrides {
            listen: listen.map(address).transpose().map_err(Failure::usage)?,
            data_directory: self.data_directory(environment),
            database_url: environment.database_url.clone(),
        };
        let file = self.config.as_ref().or(environment.config.as_ref());
        Ok(Origin::new(file.cloned(), overrides))
    }

    pub(super) fn data_directory(&self, environment: &Environment) -> Option<PathBuf> {
        self.data_dir.clone().or_else(|| environment.data_directory.clone())
    }

    /// Whether no configuration file is named anywhere.
    pub(super) fn is_built_in(&self, environment: &Environment) -> bool {
        self.config.is_none() && environment.config.is_none()
    }
}

/// A component that the operator names: `builtin:NAME`, or a file.
pub(super) fn component(name: &str, limits: &LoadLimits) -> Result<(Source, Vec<u8>), Failure> {
    if name.starts_with("builtin:") {
        let source: Source = name.parse().map_err(Failure::refused)?;
        let Source::Builtin(builtin) = &source else { unreachable!("it starts as a builtin does") };
        let bytes = builtin.bytes.to_vec();
        return Ok((source, bytes));
    }
    if PinnedReference::is_meant(name) {
        return Err(Failure::refused(format!(
            "`{name}` is in a registry, and this command asks none\nhint: have the server pull it (`writ policy push {name}`), or name a file"
        )));
    }
    let max = limits.component_bytes_max as u64;
    // One byte more than is loaded tells that there is more.
    let bytes = file(Path::new(name), max + 1)?;
    match bytes.len() as u64 > max {
        true => Err(too_large(name, max)),
        false => Ok((Source::File(name.to_owned()), bytes)),
    }
}

/// A component of which only the beginning was read: nothing else can be said of it.
fn too_large(name: &str, max: u64) -> Failure {
    // A pipe has no size.
    let size = std::fs::metadata(name).ok().map(|file| file.len()).filter(|bytes| *bytes > max);
    let size = size.map_or_else(|| format!("more than {max}"), |bytes| bytes.to_string());
    Failure::refused(format!(
        "`{name}` has {size} bytes, at most {max} are loaded\n\
         hint: build it for size and strip it; for a server, a configuration may raise \
         `component-bytes-max` in `[engine.load]`"
    ))
}

/// The beginning of a file, or of standard input where it is called `-`.
pub(super) fn file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match path.as_os_str() == "-" {
            true => io::stdin().lock().take(bytes_max).read_to_end(&mut bytes)?,
            false => File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?,
        };
        Ok(bytes)
    };
    read().map_err(|error| {
        let name = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => Failure::refused(format!("there is no file `{name}`")),
            _ => Failure::refused(format!("`{name}` cannot be read: {error}")),
        }
    })
}

/// A text file, or standard input where it is called `-`.
pub(super) fn text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let bytes = file(path, bytes_max + 1)?;
    let name = path.display();
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::refused(format!("`{name}` has more than {bytes_max} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::refused(format!("`{name}` is not UTF-8 text")))
}
