//! The link in a letter: 256 random bits, of which a digest is kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use writ_core::{Approval, ChannelName, Digest, Execution};
use writ_store::StoreError;

use super::Mail;
use crate::auth::Secret;
use crate::channels::delivery::Receiver;
use crate::channels::{Channels, Invitation};

/// Where links lead, below the public URL.
const PATH: &str = "answer";
/// How many characters of base64 (RFC 4648, section 5) 32 bytes are.
const SECRET_LENGTH: usize = 43;

/// What a link leads to.
#[derive(Clone, Debug)]
pub struct Linked {
    /// What whoever has it may do.
    pub invitation: Invitation,
    /// The execution that waits for an answer, or waited.
    pub execution: Execution,
}

/// A link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is none, what it asks was removed, or it is for somebody to whom the configuration sends
    /// no letters any more.
    #[error("no letter holds this link")]
    Unknown,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Linked {
    /// The approval that it is about.
    pub fn approval(&self) -> Option<&Approval> {
        self.execution.approval(&self.invitation.approval)
    }
}

impl Channels {
    /// What a link leads to, whether or not it can still be answered.
    ///
    /// # Errors
    /// [`LinkError`]
    pub async fn linked(&self, secret: &str) -> Result<Linked, LinkError> {
        if secret.len() != SECRET_LENGTH {
            return Err(LinkError::Unknown);
        }
        let link = self.store.answer_link(&self.tenant, &Digest::of(secret)).await?;
        let link = link.ok_or(LinkError::Unknown)?;
        let mail = self.mail(&link.channel.name).ok_or(LinkError::Unknown)?;
        if !mail.people.contains_key(&link.person) {
            return Err(LinkError::Unknown);
        }
        let execution = self.store.execution(&self.tenant, &link.asked.execution).await?;
        let execution = execution.ok_or(LinkError::Unknown)?;
        let by = mail.groups.approver(&self.tenant, &link.person);
        let (approval, stage) = (link.asked.approval, link.asked.stage);
        Ok(Linked { invitation: Invitation { by, approval, stage }, execution })
    }

    fn mail(&self, name: &ChannelName) -> Option<&Mail> {
        match &self.channels.get(name)?.receiver {
            Receiver::Mail(mail) => Some(mail),
            Receiver::Webhook(_) | Receiver::Slack(_) => None,
        }
    }
}

/// A new link: what is kept of it, and what its letter holds.
pub(super) fn fresh() -> Result<(Digest, Secret), getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let text = URL_SAFE_NO_PAD.encode(secret);
    Ok((Digest::of(&text), Secret::new(text)))
}

/// Where a link leads.
pub(super) fn url(public_url: &Url, secret: &str) -> Url {
    let mut url = public_url.clone();
    let mut path = url.path_segments_mut().expect("a public URL is http or https");
    path.pop_if_empty().extend([PATH, secret]);
    drop(path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_below_the_public_url() {
        for (base, expected) in [
            ("https://writ.example", "https://writ.example/answer/abc"),
            ("https://writ.example/", "https://writ.example/answer/abc"),
            ("https://example.com/writ", "https://example.com/writ/answer/abc"),
            ("https://example.com/writ/", "https://example.com/writ/answer/abc"),
        ] {
            assert_eq!(url(&base.parse().unwrap(), "abc").as_str(), expected);
        }
    }

    #[test]
    fn no_two_links_are_the_same() {
        let [first, second] = [(); 2].map(|()| fresh().unwrap());
        assert_eq!(first.1.expose().len(), SECRET_LENGTH);
        assert_ne!(first.0, second.0);
        assert_ne!(first.1, second.1);
    }
}
