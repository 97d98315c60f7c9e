//! The check that the layers hold: who may depend on whom, and what a layer may not touch.
//!
//! The rules are those of ARCHITECTURE.md. Dependencies are read from `cargo metadata` (normal and
//! build ones; tests may use what they like), the rest from the text of the sources.

mod graph;
mod text;

use anyhow::{Result, bail};

use crate::metadata::Metadata;
use crate::repo::Repo;

/// Fails with every violation.
pub(crate) fn run(repo: &Repo) -> Result<()> {
    let metadata = Metadata::of_everything(repo)?;
    let mut violations = graph::Graph::of(&metadata).violations();
    violations.extend(text::violations(repo)?);
    if !violations.is_empty() {
        bail!("the layers do not hold:\n  {}", violations.join("\n  "));
    }
    println!("the layers hold");
    Ok(())
}
