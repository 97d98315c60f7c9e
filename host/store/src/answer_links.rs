//! Links by which people answer from a letter: whose answer each one gives, to which question.
//!
//! Of what a letter holds only a digest is kept. A link says nothing of whether it may still be used:
//! the approval knows who has answered, and whether it still asks. So using one is the vote itself,
//! and there is nothing beside it that a crash could leave half done.

use writ_core::{Digest, Person, Tenant};

use crate::channels::{ChannelChange, ChannelId};
use crate::error::StoreError;
use crate::port::on;
use crate::store::Store;

/// A link in one letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerLink {
    /// Digest of what the letter holds: of so many random bits that it can be kept.
    pub token: Digest,
    /// Which channel sends the letter.
    pub channel: ChannelId,
    /// What the answer is about.
    pub asked: AskedOf,
    /// Who answers with it.
    pub person: Person,
}

/// One stage of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedOf {
    /// The execution's id.
    pub execution: String,
    /// The approval's id.
    pub approval: String,
    /// Which stage, from 0.
    pub stage: usize,
}

impl Store {
    /// Keeps a link, before its letter is sent. It goes with its execution.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_answer_link(&self, link: AnswerLink) -> Result<(), StoreError> {
        self.change_channel(ChannelChange::Linked(Box::new(link))).await
    }

    /// Notes that a link's letter was taken.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn answer_link_sent(&self, link: AnswerLink) -> Result<(), StoreError> {
        let AnswerLink { channel: ChannelId { tenant, .. }, token, .. } = link;
        self.change_channel(ChannelChange::LinkSent { tenant, token }).await
    }

    /// The link with this digest, of a channel of the same tenant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn answer_link(
        &self,
        tenant: &Tenant,
        token: &Digest,
    ) -> Result<Option<AnswerLink>, StoreError> {
        on!(self, backend => backend.answer_link(tenant, token).await)
    }

    /// Those to whom a channel has sent a letter about a question.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sent_answer_links(
        &self,
        channel: &ChannelId,
        asked: &AskedOf,
    ) -> Result<Vec<Person>, StoreError> {
        on!(self, backend => backend.sent_answer_links(channel, asked).await)
    }
}
