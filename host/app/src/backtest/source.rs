//! Where recorded decisions come from: the store, or a file into which they were exported, a decision on
//! each line.

use std::io::{self, BufRead};
use std::sync::Arc;

use uuid::Uuid;
use writ_core::Tenant;
use writ_core::text::visible;
use writ_store::{RecordedBatch, Store, StoreError, StoredDecision};

/// How many bytes of lines are decided at a time.
const LINES_BYTES: usize = 256 << 10;
/// How large a line may be, in bytes: several times what is kept of one decision.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Recorded decisions, read once from beginning to end.
pub enum Source {
    /// A store's, newest first.
    Stored(Box<Stored>),
    /// Those of a file, in its order.
    Exported(Exported),
}

/// A store's decisions.
pub struct Stored {
    store: Store,
    tenant: Tenant,
    since_ms: u64,
    /// What was read, the last one first.
    read: Vec<RecordedBatch>,
    last: Option<Arc<RecordedBatch>>,
}

/// A file's decisions.
pub struct Exported {
    lines: Box<dyn BufRead + Send>,
    since_ms: u64,
    /// How many lines have been read.
    line: u64,
}

/// Some decisions: few enough to be in memory.
pub enum Part {
    /// A batch of a store's.
    Batch(Arc<RecordedBatch>),
    /// Lines of a file.
    Lines {
        /// Each a decision.
        text: String,
        /// How many lines are before them.
        before: u64,
        /// Only those from then on, in milliseconds since the Unix epoch.
        since_ms: u64,
    },
}

/// Recorded decisions cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The store does not give them.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read.
    #[error("the decisions cannot be read: {0}")]
    File(#[from] io::Error),
    /// A line is none.
    #[error(
        "line {line} is no decision: {reason}\nhint: `writ decisions export` writes such a file"
    )]
    Line {
        /// Which, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
}

impl Source {
    /// A tenant's decisions since a time, in milliseconds since the Unix epoch.
    pub fn stored(store: Store, tenant: Tenant, since_ms: u64) -> Self {
        Self::Stored(Box::new(Stored { store, tenant, since_ms, read: Vec::new(), last: None }))
    }

    /// The same of an exported file.
    pub fn exported(lines: Box<dyn BufRead + Send>, since_ms: u64) -> Self {
        Self::Exported(Exported { lines, since_ms, line: 0 })
    }

    /// The next decisions; none at the end.
    ///
    /// # Errors
    /// [`SourceError`]
    pub async fn next(&mut self) -> Result<Option<Part>, SourceError> {
        match self {
            Self::Stored(stored) => Ok(stored.next().await?.map(Part::Batch)),
            Self::Exported(exported) => exported.next(),
        }
    }
}

impl Stored {
    async fn next(&mut self) -> Result<Option<Arc<RecordedBatch>>, StoreError> {
        if self.read.is_empty() {
            let last = self.last.as_deref();
            self.read = self.store.recorded(&self.tenant, self.since_ms, last).await?;
            self.read.reverse();
        }
        let next = self.read.pop().map(Arc::new);
        self.last = next.clone().or(self.last.take());
        Ok(next)
    }
}

impl Exported {
    fn next(&mut self) -> Result<Option<Part>, SourceError> {
        let (mut text, before) = (String::new(), self.line);
        while text.len() < LINES_BYTES {
            let mut line = io::Read::take(&mut self.lines, LINE_BYTES_MAX);
            let read = line.read_line(&mut text)?;
            if read == 0 {
                break;
            }
            self.line += 1;
            if read as u64 == LINE_BYTES_MAX {
                let reason = format!("it has more than {LINE_BYTES_MAX} bytes");
                return Err(SourceError::Line { line: self.line, reason });
            }
        }
        let since_ms = self.since_ms;
        Ok((!text.is_empty()).then_some(Part::Lines { text, before, since_ms }))
    }
}

impl Part {
    /// How many decisions there are at most.
    pub fn decisions_max(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.records() as u64,
            Self::Lines { text, .. } => text.lines().count() as u64,
        }
    }

    /// The decisions.
    ///
    /// # Errors
    /// Each that is none.
    pub fn decisions(
        &self,
    ) -> Box<dyn Iterator<Item = Result<StoredDecision, SourceError>> + Send + '_> {
        match self {
            Self::Batch(batch) => {
                Box::new(batch.decisions().map(|read| read.map_err(SourceError::from)))
            }
            Self::Lines { text, before, since_ms } => {
                let read = |(line, text): (u64, &str)| {
                    serde_json::from_str::<StoredDecision>(text).map_err(|error| {
                        SourceError::Line { line, reason: visible(&error.to_string()).to_string() }
                    })
                };
                let is_meant = |read: &Result<StoredDecision, _>| {
                    let at_ms = read.as_ref().ok().and_then(|decision| decided_ms(&decision.id));
                    at_ms.is_none_or(|at_ms| at_ms >= *since_ms)
                };
                Box::new((before + 1..).zip(text.lines()).map(read).filter(is_meant))
            }
        }
    }
}

/// When a decision was made, by its id, in milliseconds since the Unix epoch; none where that does not
/// tell.
pub(crate) fn decided_ms(id: &str) -> Option<u64> {
    let (seconds, nanos) = Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    seconds.checked_mul(1_000)?.checked_add(u64::from(nanos) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &'static str) -> Result<usize, SourceError> {
        let mut source = Source::exported(Box::new(text.as_bytes()), 0);
        let mut count = 0;
        while let Some(part) = source.next().await? {
            for decision in part.decisions() {
                decision?;
                count += 1;
            }
        }
        Ok(count)
    }

    #[tokio::test]
    async fn a_line_that_is_no_decision_is_named() {
        assert_eq!(read("").await.unwrap(), 0);
        let error = read("{}\n").await.unwrap_err().to_string();
        assert!(error.starts_with("line 1 is no decision: missing field `id`"), "{error}");
    }
}
