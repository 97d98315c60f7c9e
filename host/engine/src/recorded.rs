//! What the store answers a policy, taken down while it is evaluated; and answered once more, when it
//! is evaluated again.
//!
//! An evaluation asks the ports of [`writ_core::ports`], whoever is behind them: the store itself, a
//! [`Recorder`] that stands between, or a [`Replay`] in the store's place. So what is evaluated again
//! is evaluated by the same code.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use writ_core::Approval;
use writ_core::inquiry::{Answer, Inquiry, Question, Reply};
use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{
    About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Unavailable, Window,
};

/// Takes down what the store answers in one evaluation.
pub struct Recorder {
    storage: Arc<dyn StorageReader>,
    approvals: Arc<dyn ApprovalReader>,
    bytes_max: usize,
    // Guards what was taken down; held for one addition, never across an await.
    taken: Mutex<Transcript>,
}

/// What the store was asked in one evaluation, and answered, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The questions and answers.
    pub inquiries: Vec<Inquiry>,
    /// Whether there were more than a record may hold: then nothing can be evaluated again with it.
    pub is_truncated: bool,
    bytes: usize,
}

impl Recorder {
    /// Between a store and one evaluation. What exceeds `bytes_max` bytes is not kept.
    pub fn new(
        storage: Arc<dyn StorageReader>,
        approvals: Arc<dyn ApprovalReader>,
        bytes_max: usize,
    ) -> Self {
        Self { storage, approvals, bytes_max, taken: Mutex::default() }
    }

    /// What was taken down, once the evaluation has ended.
    pub fn transcript(&self) -> Transcript {
        std::mem::take(&mut *self.taken())
    }

    fn take(&self, asked: Question, answered: Reply) {
        let mut taken = self.taken();
        taken.bytes += weight(&asked) + weight_of_reply(&answered);
        if taken.bytes > self.bytes_max {
            taken.is_truncated = true;
        }
        if !taken.is_truncated {
            taken.inquiries.push(Inquiry { asked, answered });
        }
    }

    fn taken(&self) -> MutexGuard<'_, Transcript> {
        self.taken.lock().expect("nobody panics while taking down")
    }
}

impl StorageReader for Recorder {
    fn read<'a>(&'a self, namespace: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored> {
        Box::pin(async move {
            let answer = self.storage.read(namespace, key).await;
            self.take(Question::Key { key: key.to_owned() }, Reply::of(&answer));
            answer
        })
    }

    fn usage<'a>(&'a self, namespace: &'a Namespace) -> PortFuture<'a, Usage> {
        Box::pin(async move {
            let answer = self.storage.usage(namespace).await;
            self.take(Question::Usage, Reply::of(&answer));
            answer
        })
    }

    fn list<'a>(&'a self, namespace: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing> {
        Box::pin(async move {
            let answer = self.storage.list(namespace, page).await;
            self.take(Question::page(&page), Reply::of(&answer));
            answer
        })
    }
}

impl ApprovalReader for Recorder {
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        Box::pin(async move {
            let answer = self.approvals.recent(about, window).await;
            self.take(Question::approvals(window), Reply::of(&answer));
            answer
        })
    }
}

/// In which order recorded answers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In the recorded one: the same policy asks the same questions.
    Recorded,
    /// By question, whenever it is asked: another policy may ask in another order.
    Any,
}

/// Answers one evaluation as another one was answered.
pub struct Replay {
    order: Order,
    inquiries: Vec<Inquiry>,
    // Guards how far it has come; held for one look, never across an await.
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    answered: usize,
    /// Which answers were given, where the order does not matter.
    given: BTreeSet<usize>,
    departed: Option<Departure>,
}

/// The first question that is another than the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Its place, from 0.
    pub place: usize,
    /// What is asked now; none where nothing is.
    pub asked: Option<Question>,
    /// What was asked then; none where nothing was.
    pub recorded: Option<Question>,
}

impl Replay {
    /// In the place of a store that answered `inquiries`.
    pub fn new(inquiries: Vec<Inquiry>, order: Order) -> Self {
        Self { order, inquiries, progress: Mutex::default() }
    }

    /// The first question that departs from the recorded ones, once the evaluation has ended.
    pub fn departure(&self) -> Option<Departure> {
        let progress = self.progress();
        let place = progress.answered;
        let left = match self.order {
            Order::Recorded => self.inquiries.get(place).map(|left| left.asked.clone()),
            Order::Any => None,
        };
        let unasked = || left.map(|left| Departure { place, asked: None, recorded: Some(left) });
        progress.departed.clone().or_else(unasked)
    }

    /// From the first departure on nothing is answered: what would follow from it is anybody's guess.
    fn answer<T: Answer>(&self, asked: Question) -> Result<T, Unavailable> {
        let unrecorded = || Unavailable("the question is not recorded".into());
        let mut progress = self.progress();
        if progress.departed.is_some() {
            return Err(unrecorded());
        }
        let place = progress.answered;
        let found = match self.order {
            Order::Recorded => self.inquiries.get(place).filter(|found| found.asked == asked),
            Order::Any => self.unordered(&asked, &mut progress.given),
        };
        let answer = found.and_then(|found| found.answered.clone().answer().ok());
        if let Some(answer) = answer {
            progress.answered += 1;
            return answer.ok_or_else(|| Unavailable("the store did not answer then".into()));
        }
        let recorded = match self.order {
            Order::Recorded => self.inquiries.get(place).map(|found| found.asked.clone()),
            Order::Any => None,
        };
        progress.departed = Some(Departure { place, asked: Some(asked), recorded });
        Err(unrecorded())
    }

    /// The next answer to a question that was asked several times, or the last one.
    fn unordered(&self, asked: &Question, given: &mut BTreeSet<usize>) -> Option<&Inquiry> {
        let places = || (0..).zip(&self.inquiries).filter(|(_, found)| found.asked == *asked);
        let (place, found) =
            places().find(|(place, _)| !given.contains(place)).or_else(|| places().last())?;
        given.insert(place);
        Some(found)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("nobody panics while answering")
    }
}

impl StorageReader for Replay {
    fn read<'a>(&'a self, _: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored> {
        Box::pin(async move { self.answer(Question::Key { key: key.to_owned() }) })
    }

    fn usage<'a>(&'a self, _: &'a Namespace) -> PortFuture<'a, Usage> {
        Box::pin(async move { self.answer(Question::Usage) })
    }

    fn list<'a>(&'a self, _: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing> {
        Box::pin(async move { self.answer(Question::page(&page)) })
    }
}

impl ApprovalReader for Replay {
    fn recent<'a>(&'a self, _: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        Box::pin(async move { self.answer(Question::approvals(window)) })
    }
}

/// What one question or answer takes beside its texts, about, in bytes.
const INQUIRY_BYTES: usize = 64;
/// What an approval takes beside its texts, about, in bytes.
const APPROVAL_BYTES: usize = 512;

/// How many bytes a question takes, about.
fn weight(question: &Question) -> usize {
    INQUIRY_BYTES
        + match question {
            Question::Key { key } => key.len(),
            Question::Keys { prefix, after, .. } => {
                prefix.len() + after.as_ref().map_or(0, String::len)
            }
            Question::Usage | Question::Approvals { .. } => 0,
        }
}

/// How many bytes an answer takes, about.
fn weight_of_reply(reply: &Reply) -> usize {
    match reply {
        Reply::Stored { value, .. } => value.as_ref().map_or(0, |value| value.0.len() * 4 / 3),
        Reply::Listing { keys, .. } => keys.iter().map(|key| key.len() + 3).sum(),
        Reply::Approvals { approvals } => approvals
            .iter()
            .map(|approval| APPROVAL_BYTES + crate::capability::approval_history::bytes(approval))
            .sum(),
        Reply::Usage { .. } | Reply::Unavailable => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace() -> Namespace {
        Namespace { tenant: Default::default(), binding: "b".parse().unwrap() }
    }

    fn stored(version: u64) -> Stored {
        Stored { version, value: Some(vec![7; 10]), expires_at_ms: None }
    }

    fn recorded() -> Vec<Inquiry> {
        let key = |key: &str, version| Inquiry {
            asked: Question::Key { key: key.into() },
            answered: stored(version).reply(),
        };
        let usage = Usage { keys: 2, bytes: 20 };
        vec![key("a", 1), Inquiry { asked: Question::Usage, answered: usage.reply() }, key("b", 2)]
    }

    fn key(key: &str) -> Option<Question> {
        Some(Question::Key { key: key.into() })
    }

    #[tokio::test]
    async fn what_is_replayed_is_what_was_recorded() {
        let replay = Arc::new(Replay::new(recorded(), Order::Recorded));
        let recorder = Recorder::new(replay.clone(), replay.clone(), 10_000);
        let space = namespace();
        assert_eq!(recorder.read(&space, "a").await, Ok(stored(1)));
        assert_eq!(recorder.usage(&space).await, Ok(Usage { keys: 2, bytes: 20 }));
        let left = Departure { place: 2, asked: None, recorded: key("b") };
        assert_eq!(replay.departure(), Some(left));
        assert_eq!(recorder.read(&space, "b").await, Ok(stored(2)));
        assert_eq!(replay.departure(), None);
        let transcript = recorder.transcript();
        assert_eq!((transcript.inquiries, transcript.is_truncated), (recorded(), false));
    }

    #[tokio::test]
    async fn the_first_question_that_differs_is_told_and_nothing_is_answered_after_it() {
        let replay = Replay::new(recorded(), Order::Recorded);
        let space = namespace();
        assert!(replay.read(&space, "b").await.is_err());
        assert!(replay.read(&space, "a").await.is_err());
        let departure = Departure { place: 0, asked: key("b"), recorded: key("a") };
        assert_eq!(replay.departure(), Some(departure));
    }

    #[tokio::test]
    async fn another_order_is_answered_where_that_does_not_matter() {
        let replay = Replay::new(recorded(), Order::Any);
        let space = namespace();
        assert_eq!(replay.read(&space, "b").await, Ok(stored(2)));
        assert_eq!(replay.read(&space, "a").await, Ok(stored(1)));
        assert_eq!(replay.departure(), None, "not all has to be asked");
        assert!(replay.read(&space, "c").await.is_err());
        let departure = Departure { place: 2, asked: key("c"), recorded: None };
        assert_eq!(replay.departure(), Some(departure));
    }

    #[tokio::test]
    async fn one_question_that_was_answered_twice_is_answered_so_again() {
        let usage =
            |keys| Inquiry { asked: Question::Usage, answered: Usage { keys, bytes: 0 }.reply() };
        let replay = Replay::new(vec![usage(1), usage(2)], Order::Any);
        let space = namespace();
        for keys in [1, 2, 2] {
            assert_eq!(replay.usage(&space).await, Ok(Usage { keys, bytes: 0 }));
        }
        assert_eq!(replay.departure(), None);
    }

    #[tokio::test]
    async fn a_transcript_has_a_size() {
        let replay = Arc::new(Replay::new(recorded(), Order::Any));
        let recorder = Recorder::new(replay.clone(), replay, 100);
        let space = namespace();
        recorder.read(&space, "a").await.unwrap();
        recorder.read(&space, "b").await.unwrap();
        let transcript = recorder.transcript();
        assert_eq!((transcript.inquiries.len(), transcript.is_truncated), (1, true));
    }
}
