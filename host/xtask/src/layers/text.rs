//! Rules on what sources may name.
//!
//! A search for words, not a proof: it keeps honest people from slipping.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::repo::Repo;

/// Words that a part of the sources may not contain.
struct Rule {
    /// Folders below the root, each with all that is in it.
    within: &'static [&'static str],
    /// Starts of paths to which the rule does not apply.
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        within: &["host/core/src", "host/engine/src", "host/store/src", "host/app/src"],
        except: &["host/app/src/config"],
        words: &["std::env", "env::var", "env::args", "env::current_", "env::temp_dir"],
        why: "the environment is read in host/app/src/config alone",
    },
    Rule {
        within: &["host/core/src"],
        except: &[],
        words: &["std::fs", "std::net", "std::process", "SystemTime", "Instant::now"],
        why: "core has no files, network, processes or clock",
    },
];

/// One line for each word that is where it may not be.
pub(super) fn violations(repo: &Repo) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for rule in RULES {
        for folder in rule.within {
            for path in sources(&repo.path(folder))? {
                let name = repo.short(&path).to_string();
                found.extend(rule.violations(&name, &fs::read_to_string(&path)?));
            }
        }
    }
    Ok(found)
}

impl Rule {
    fn violations(&self, path: &str, source: &str) -> Vec<String> {
        if self.except.iter().any(|start| path.starts_with(start)) {
            return Vec::new();
        }
        let lines = code(source).filter_map(|(number, line)| {
            let word = self.words.iter().find(|word| line.contains(**word))?;
            Some(format!("{path}:{number}: `{word}`, but {}", self.why))
        });
        lines.collect()
    }
}

/// Lines that are compiled into the host, with their numbers: no comments, and nothing after the
/// start of the file's tests, which are last.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = source.find("#[cfg(test)]\nmod ").unwrap_or(source.len());
    let lines = source[..tests].lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, source: &str) -> usize {
        RULES
            .iter()
            .filter(|rule| rule.within.iter().any(|folder| path.starts_with(folder)))
            .map(|rule| rule.violations(path, source).len())
            .sum()
    }

    #[test]
    fn the_environment_is_found_outside_of_the_configuration() {
        let source = "use std::env;\nfn f() { env::var(\"X\"); }\n";
        assert_eq!(check("host/engine/src/lib.rs", source), 2);
        assert_eq!(check("host/app/src/config/env.rs", source), 0);
        assert_eq!(check("host/app/src/config.rs", source), 0);
    }

    #[test]
    fn the_violation_names_the_place_and_the_reason() {
        let found = RULES[1].violations("host/core/src/digest.rs", "\nuse std::fs;\n");
        let expected = "host/core/src/digest.rs:2: `std::fs`, but core has no files, network, \
                        processes or clock";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn files_are_free_outside_of_core() {
        assert_eq!(check("host/app/src/main.rs", "use std::fs;\n"), 0);
        assert_eq!(check("host/core/src/lib.rs", "use std::fs;\n"), 1);
    }

    #[test]
    fn comments_and_tests_do_not_count() {
        let source = "//! Not `std::fs`.\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(check("host/core/src/lib.rs", source), 0);
    }
}
