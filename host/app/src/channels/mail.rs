//! Mail: a letter to each person who is asked, with a link by which they answer.
//!
//! A link is kept before its letter is sent, and what the relay has taken is noted after. So a letter
//! comes twice where nobody noted that it was taken, and else not, however often its event is sent
//! again. Opening a link decides nothing, since programs open links, too.

mod letter;
mod link;

use std::collections::BTreeMap;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{Address, AsyncTransport, Message, Tokio1Executor};
use reqwest::Url;
use tokio::time::timeout;
use writ_core::Person;
use writ_store::{AnswerLink, AskedOf, ChannelId, Store, StoreError};

use super::Notice;
use super::config::{MailConfig, Relay, Security};
use super::delivery::{Again, Unsent};
use super::notice::Asking;
use super::people::Groups;
use crate::points;
use letter::Letter;
pub use link::{LinkError, Linked};

/// A relay that takes letters, and whom they reach.
pub(super) struct Mail {
    store: Store,
    id: ChannelId,
    relay: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
    from: Mailbox,
    public_url: Url,
    people: BTreeMap<Person, Address>,
    groups: Groups,
}

/// A letter was not taken.
enum Failed {
    /// The relay answers that it will never be, or that it may be later.
    Refused { is_final: bool, code: String },
    /// Nobody answers, so other letters need not be tried.
    NoAnswer(String),
}

/// What was not taken of several letters.
#[derive(Default)]
struct Failures {
    letters: usize,
    failed: usize,
    /// The most that stands in the way of any of them.
    again: Option<Again>,
    last: String,
}

impl Mail {
    pub(super) fn new(
        store: Store,
        id: ChannelId,
        config: &MailConfig,
    ) -> Result<Self, smtp::Error> {
        let MailConfig { relay, from, public_url, people, groups } = config.clone();
        Ok(Self {
            store,
            id,
            timeout: relay.timeout,
            relay: transport(relay)?,
            from,
            public_url,
            people,
            groups,
        })
    }

    /// Sends a letter to each person who is asked and has an address, but to those to whom one was
    /// sent before. What is no question, or not one any more, needs no letter.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Unsent> {
        let Some(asking) = notice.asking() else { return Ok(()) };
        let asked = AskedOf {
            execution: notice.execution.clone(),
            approval: asking.approval.to_owned(),
            stage: asking.stage,
        };
        let sent = self.store.sent_answer_links(&self.id, &asked).await.map_err(no_store)?;
        let is_asked = |person: &Person| {
            !sent.contains(person) && self.groups.is_named(person, &asking.question.approvers)
        };
        let mut failures = Failures::default();
        for (person, address) in self.people.iter().filter(|(person, _)| is_asked(person)) {
            let (token, secret) = link::fresh().map_err(no_random)?;
            let (channel, asked) = (self.id.clone(), asked.clone());
            let link = AnswerLink { token, channel, asked, person: person.clone() };
            self.store.keep_answer_link(link.clone()).await.map_err(no_store)?;
            points::pass("mail.link-kept");
            let letter = self.letter(notice, &asking, person, address, secret.expose());
            let posted = self.post(letter.message()).await;
            if posted.is_ok() {
                points::pass("mail.taken-unrecorded");
                self.store.answer_link_sent(link).await.map_err(no_store)?;
                points::pass("mail.taken");
            }
            let is_heard = !matches!(posted, Err(Failed::NoAnswer(_)));
            failures.note(posted);
            if !is_heard {
                break;
            }
        }
        failures.outcome()
    }

    fn letter<'a>(
        &'a self,
        notice: &'a Notice,
        asking: &'a Asking<'a>,
        person: &'a Person,
        address: &'a Address,
        secret: &str,
    ) -> Letter<'a> {
        let (channel, notice_id) = (self.id.name.as_str(), notice.id.as_str());
        Letter {
            from: &self.from,
            to: address,
            id: [channel, notice_id, person.folded()],
            asking,
            execution: &notice.execution,
            url: link::url(&self.public_url, secret),
        }
    }

    async fn post(&self, message: Message) -> Result<(), Failed> {
        match timeout(self.timeout, self.relay.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failed::of(&error)),
            Err(_elapsed) => Err(Failed::NoAnswer("the relay does not answer in time".into())),
        }
    }
}

impl Failed {
    /// Without what the relay says, since that may name people.
    fn of(error: &smtp::Error) -> Self {
        match error.status() {
            Some(code) => Self::Refused { is_final: error.is_permanent(), code: code.to_string() },
            None if error.is_response() => Self::NoAnswer("the relay does not speak SMTP".into()),
            None => Self::NoAnswer(format!("the relay cannot be reached: {error}")),
        }
    }
}

impl Failures {
    fn note(&mut self, posted: Result<(), Failed>) {
        self.letters += 1;
        let (again, last) = match posted {
            Ok(()) => return,
            Err(Failed::Refused { is_final, code }) => {
                let again = if is_final { Again::Never } else { Again::LaterAlone };
                (again, format!("the relay answers {code}"))
            }
            Err(Failed::NoAnswer(text)) => (Again::Later, text),
        };
        self.failed += 1;
        self.again = self.again.max(Some(again));
        self.last = last;
    }

    fn outcome(self) -> Result<(), Unsent> {
        let Self { letters, failed, again, last } = self;
        let Some(again) = again else { return Ok(()) };
        let error = format!("{failed} of {letters} letters were not taken: {last}");
        Err(Unsent { error, again, retry_after: None })
    }
}

fn transport(relay: Relay) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
    let parameters = || TlsParameters::new(relay.host.clone());
    let tls = match relay.security {
        Security::StartTls => Tls::Required(parameters()?),
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::None => Tls::None,
    };
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&relay.host)
        .port(relay.port)
        .tls(tls)
        .timeout(Some(relay.timeout));
    Ok(match relay.credentials {
        Some((user, password)) => {
            transport.credentials(Credentials::new(user, password.expose().to_owned())).build()
        }
        None => transport.build(),
    })
}

fn no_store(error: StoreError) -> Unsent {
    tracing::error!(%error, "the store cannot keep the links of letters");
    Unsent { error: "the store cannot answer".into(), again: Again::Later, retry_after: None }
}

fn no_random(error: getrandom::Error) -> Unsent {
    Unsent {
        error: format!("there are no random bits: {error}"),
        again: Again::Later,
        retry_after: None,
    }
}
