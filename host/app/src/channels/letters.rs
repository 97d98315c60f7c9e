//! Dead letters: what a channel could not tell, for operators to see and send again.

use writ_core::{ChainedEvent, ChannelName, Principal};
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

    /// Sends a dead letter once more, under its old id. It is gone when its receiver has confirmed.
    ///
    /// # Errors
    /// [`LetterError`]
    pub async fn redeliver(&self, by: &Principal, id: &str) -> Result<DeadLetter, LetterError> {
        let letter = self.store.dead_letter(&by.tenant, id).await?.ok_or(LetterError::NotFound)?;
        let channel = self.channels.get(&letter.channel).filter(|_| by.tenant == self.tenant);
        let channel = channel.ok_or_else(|| LetterError::NoChannel(letter.channel.clone()))?;
        let event = self.event(&letter).await?.ok_or(LetterError::NotFound)?;
        let notice = Notice::of(event, &self.store).await?;
        match channel.receiver.send(&notice).await {
            Ok(()) => {
                self.store.remove_dead_letter(&letter.tenant, id).await?;
                Ok(letter)
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

    async fn event(&self, letter: &DeadLetter) -> Result<Option<ChainedEvent>, StoreError> {
        let after = letter.sequence.saturating_sub(1);
        let page = self.store.events_page(&letter.tenant, None, after, 1).await?;
        Ok(page.into_iter().find(|event| event.sequence == letter.sequence))
    }
}
