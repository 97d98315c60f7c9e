//! What cargo says about the workspace.
//!
//! Only the fields that the commands read.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::repo::Repo;
use crate::run::read;

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    /// Ids of the packages that are ours.
    pub(crate) workspace_members: Vec<String>,
    pub(crate) resolve: Option<Resolve>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
    pub(crate) crate_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DependencyKind {
    /// None is a normal dependency; otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    /// The workspace's packages alone, which needs no network.
    pub(crate) fn of_members(repo: &Repo) -> Result<Self> {
        Self::read(repo, &["--no-deps"])
    }

    /// The whole graph.
    pub(crate) fn of_everything(repo: &Repo) -> Result<Self> {
        Self::read(repo, &[])
    }

    fn read(repo: &Repo, flags: &[&str]) -> Result<Self> {
        let text = read(
            crate::run::cargo()
                .args(["metadata", "--format-version", "1"])
                .args(flags)
                .current_dir(repo.path("")),
        )?;
        serde_json::from_str(&text).context("cannot read what `cargo metadata` printed")
    }
}
