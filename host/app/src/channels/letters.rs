//! Dead letters: what was given up, for operators to see and send again.

use writ_core::{ChainedEvent, ChannelName, Principal, Tenant};
use writ_store::{DeadLetter, StoreError};

use super::{Channels, Notice};
use crate::clock::now_ms;
use crate::service::executions::Part;

/// A dead letter was not sent again. It is still there.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is none of this id.
    #[error("there is no dead letter of this id")]
    NotFound,
    /// Nobody says how its channel is to be told.
    #[error("the configuration has no channel `{0}`")]
    NoChannel(ChannelName),
    /// The receiver did not confirm.
    #[error("{0}")]
    Unsent(String),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Channels {
    /// Dead letters, newest first.
    ///
    /// # Errors
    /// [`LetterError::Store`].
    pub async fn letters(
        &self,
        by: &Principal,
        part: Part<'_>,
    ) -> Result<Vec<DeadLetter>, LetterError> {
        Ok(self.store.dead_letters_page(&by.tenant, part.before, part.limit).await?)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// [`LetterError::NotFound`], [`LetterError::Store`].
    pub async fn letter(&self, by: &Principal, id: &str) -> Result<DeadLetter, LetterError> {
        self.store.dead_letter(&by.tenant, id).await?.ok_or(LetterError::NotFound)
    }

    /// Tells an event once more, under its old id. Its letter is gone when the receiver has
    /// confirmed.
    ///
    /// # Errors
    /// [`LetterError`]
    pub async fn redeliver(
        &self,
        letter: DeadLetter,
        channel: &ChannelName,
        sequence: u64,
    ) -> Result<(), LetterError> {
        let found = self.channels.get(channel).filter(|_| letter.tenant == self.tenant);
        let channel = found.ok_or_else(|| LetterError::NoChannel(channel.clone()))?;
        let event = self.event(&letter.tenant, sequence).await?.ok_or(LetterError::NotFound)?;
        let notice = Notice::of(event, &self.store).await?;
        match channel.receiver.send(&notice).await {
            Ok(()) => {
                self.store.remove_dead_letter(&letter.tenant, &letter.id).await?;
                Ok(())
            }
            Err(unsent) => {
                let attempts = letter.attempts.saturating_add(1);
                let error = unsent.error.clone();
                let letter = DeadLetter { attempts, error, at_ms: now_ms(), ..letter };
                self.store.keep_dead_letter(letter).await?;
                Err(LetterError::Unsent(unsent.error))
            }
        }
    }

    async fn event(
        &self,
        tenant: &Tenant,
        sequence: u64,
    ) -> Result<Option<ChainedEvent>, StoreError> {
        let page = self.store.events_page(tenant, None, sequence.saturating_sub(1), 1).await?;
        Ok(page.into_iter().find(|event| event.sequence == sequence))
    }
}
