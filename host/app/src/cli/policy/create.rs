//! `writ policy create`: what a configuration's bindings say becomes a version on a server, and does not
//! decide by that.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use writ_core::Digest;

use super::{COMPONENTS, Comment, PATH, SENT_BYTES_MAX};
use crate::cases;
use crate::cli::exit::Failure;
use crate::cli::input::ConfigArgs;
use crate::cli::remote::Remote;
use crate::config::Environment;
use crate::config::root::Root;
use crate::policy_set::{PolicyBinding, Source};

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The configuration file; of it, `[[binding]]` and `[tests]` are used
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    comment: Comment,
}

impl Create {
    /// Sends what it is made of, then what it says.
    pub(super) async fn run(
        &self,
        remote: &Remote,
        environment: &Environment,
    ) -> Result<Value, Failure> {
        let configured = ConfigArgs { config: Some(self.file.clone()), data_dir: None };
        let config = configured.load(environment, None)?;
        let cases = cases::files(&config.policies)?;
        let mut bindings = Vec::with_capacity(config.policies.bindings.len());
        for binding in &config.policies.bindings {
            let component = there(remote, binding, config.policies.root()).await?;
            bindings.push(told(binding, component));
        }
        let mut body = Map::new();
        body.insert("bindings".into(), bindings.into());
        body.insert("cases".into(), json!(cases));
        self.comment.add_to(&mut body);
        remote.post(&[PATH], &body).await
    }
}

/// A binding, as the server is told it.
fn told(binding: &PolicyBinding, component: Digest) -> Value {
    let PolicyBinding { binding: core, matches, source, settings, order, limits, .. } = binding;
    json!({
        "name": core.name, "component": component, "source": source.to_string(), "match": matches,
        "settings": settings.json().to_value(), "limits": limits, "mode": core.mode,
        "commit": core.commit, "order": order.to_string(),
    })
}

/// Sees to it that the server has a binding's component, and tells its digest.
async fn there(remote: &Remote, binding: &PolicyBinding, root: &Root) -> Result<Digest, Failure> {
    let PolicyBinding { source, digest, .. } = binding;
    let named = match source {
        Source::Digest(digest) => Some(*digest),
        Source::Registry(_) => *digest,
        Source::Builtin(_) | Source::File(_) => None,
    };
    if let Some(digest) = named
        && is_there(remote, digest).await?
    {
        return Ok(digest);
    }
    if let (Source::Registry(reference), Some(digest)) = (source, named) {
        super::refer(remote, reference, None).await?;
        return Ok(digest);
    }
    let found = source.read(root, SENT_BYTES_MAX as u64).map_err(Failure::refused)?;
    source.check_pin(*digest, &found.bytes).map_err(Failure::refused)?;
    let digest = Digest::of(&found.bytes);
    if !is_there(remote, digest).await? {
        super::send(remote, found.bytes.into_owned(), None).await?;
    }
    Ok(digest)
}

async fn is_there(remote: &Remote, component: Digest) -> Result<bool, Failure> {
    let found: Option<Value> = remote.find(&[COMPONENTS, &component.to_string()]).await?;
    Ok(found.is_some())
}

/// What is told of a version that was made, or was there.
pub(super) fn created(version: &Value) -> String {
    let number = &version["id"];
    let what = match version["active"] == true {
        true => "decides already".to_owned(),
        false => format!(
            "does not decide: `writ policy shadow {number}`, `canary {number}`, `backtest {number}`, or `activate {number}`"
        ),
    };
    format!("{}Version {number} {what}.\n", super::line(version))
}
