//! Where a configuration comes from, so that it can be read again.

use std::path::{Path, PathBuf};

use super::root::Root;
use super::{Config, ConfigError, Overrides};

/// The sections that are read again while a host serves: what belongs to the policy set.
const RELOADED: [&str; 2] = ["binding", "tests"];

/// What the operator named.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    file: Option<PathBuf>,
    overrides: Overrides,
}

impl Origin {
    /// A file, or the built-in configuration; and what goes before either.
    pub fn new(file: Option<PathBuf>, overrides: Overrides) -> Self {
        Self { file, overrides }
    }

    /// Reads it as it is now.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let Some(file) = &self.file else {
            let here = Path::new(".");
            let root = Root::open(here).map_err(|error| {
                ConfigError::in_file(
                    here,
                    format!("the current directory cannot be opened: {error}"),
                )
            })?;
            return Config::defaults(root, &self.overrides);
        };
        Config::load(file, &self.overrides)
    }

    /// The file; none where the configuration is built in, and so never another one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// The sections of a configuration that are not read again while a host serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixed(toml::Table);

impl Fixed {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        let mut table: toml::Table = config.text().parse().unwrap_or_default();
        for name in RELOADED {
            table.remove(name);
        }
        Self(table)
    }

    /// The names of those that differ, in order: they need a restart.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (&self.0, &other.0);
        let differs = |name: &&String| ours.get(*name) != theirs.get(*name);
        let mut names: Vec<_> = ours.keys().chain(theirs.keys()).filter(differs).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;

    fn fixed(text: &str) -> Fixed {
        let root = Root::open(Path::new(".")).unwrap();
        let document = Document::new("writ.toml", text);
        Fixed::of(&Config::parse(document, root, &Overrides::default()).unwrap())
    }

    #[test]
    fn only_what_is_not_read_again_needs_a_restart() {
        let before = fixed("[log]\nlevel = \"info\"\n[server]\nlisten = \"127.0.0.1:1\"\n");
        let binding = "[[binding]]\nname = \"a\"\nsource = \"builtin:rules\"\n";
        let same = format!(
            "# Moved.\n[server]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"info\"\n{binding}"
        );
        assert_eq!(before.differing(&fixed(&same)), [""; 0]);
        let other = "[server]\nlisten = \"127.0.0.1:2\"\n[breaker]\nbackoff-ms = 5\n";
        assert_eq!(before.differing(&fixed(other)), ["breaker", "log", "server"]);
    }
}
