//! `writ policy create`: what a configuration's bindings say becomes a version on a server, and does not
//! decide by that.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use writ_core::Digest;

use super::{COMPONENTS, Comment, PATH, SENT_BYTES_MAX};
use crate::cases;
use crate::cli::exit::Failure;
use crate::cli::remote::Remote;
use crate::cli::text;
use crate::config::Config;
use crate::config::root::{ReadError, Root};
use crate::policy_set::{PolicyBinding, SIGNATURE_BYTES_MAX, SIGNATURE_SUFFIX, Source};

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
    pub(super) async fn run(&self, remote: &Remote) -> Result<Value, Failure> {
        let policies = Config::policies_of(&self.file)?;
        let cases = cases::files(&policies)?;
        let mut bindings = Vec::with_capacity(policies.bindings.len());
        for binding in &policies.bindings {
            let component = there(remote, binding, policies.root()).await?;
            bindings.push(told(binding, component));
        }
        let mut body = Map::new();
        body.insert("bindings".into(), bindings.into());
        body.insert("cases".into(), json!(cases));
        self.comment.add_to(&mut body);
        let body = serde_json::to_vec(&body).expect("texts and exact numbers");
        remote.post_bytes(&[PATH], "application/json", None, body).await
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
        let beside = found
            .file
            .map(|file| root.read_text(&format!("{file}{SIGNATURE_SUFFIX}"), SIGNATURE_BYTES_MAX));
        let signature = match beside {
            None | Some(Err(ReadError::Missing(_))) => None,
            Some(read) => Some(read.map_err(Failure::refused)?),
        };
        push(remote, found.bytes.into_owned(), signature).await?;
    }
    Ok(digest)
}

/// With the signature that lies beside it, where that counts there; otherwise without, as a server reads
/// files of its own.
async fn push(
    remote: &Remote,
    component: Vec<u8>,
    signature: Option<String>,
) -> Result<(), Failure> {
    let Some(signature) = signature else {
        return super::send(remote, component, None).await.map(drop);
    };
    let Err(refused) = super::send(remote, component.clone(), Some(signature)).await else {
        return Ok(());
    };
    match super::send(remote, component, None).await {
        Ok(_) => {
            text::to_stderr(&format!(
                "The signature beside the component is not kept: {refused}\n"
            ));
            Ok(())
        }
        Err(_) => Err(refused),
    }
}

async fn is_there(remote: &Remote, component: Digest) -> Result<bool, Failure> {
    let found: Option<Value> = remote.find(&[COMPONENTS, &component.to_string()]).await?;
    Ok(found.is_some())
}

/// What is told of a version that was made, or was there.
pub(super) fn created(version: &Value) -> String {
    let (number, mut text) = (&version["id"], super::line(version));
    if version["created"] == false {
        text += "There was such a version already.";
        text += if version["comment_kept"] == false { " The comment is not kept.\n" } else { "\n" };
    }
    let what = match version["active"] == true {
        true => "decides".to_owned(),
        false => format!(
            "does not decide: `writ policy shadow {number}`, `canary {number}`, `backtest {number}`, or `activate {number}`"
        ),
    };
    format!("{text}Version {number} {what}.\n")
}
