//! Slack: a message in Block Kit to an incoming webhook, and the answers that its buttons give.
//!
//! A reason is a field of the message itself, which Slack sends along with a press of a button: so
//! this host needs no token that could do more in Slack than this. What is said back goes through
//! the address that came with the press, and only where that is at the host of the webhook.

mod message;
mod press;
mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use writ_core::execution::Fact;
use writ_core::{ChannelName, Execution, Person, Tenant};

use super::config::SlackConfig;
use super::delivery::{Receiver, Unsent};
use super::people::Groups;
use super::webhook::Sender;
use super::{Channels, Invitation, Notice, Unanswered};
use crate::auth::Secret;
use crate::clock::now_ms;
use crate::service::executions::Executions;
use press::Press;
pub use signature::Signed;

/// How long Slack may take to hear what became of a press.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// An incoming webhook, and the app whose buttons come back from it.
pub(super) struct Slack {
    http: Sender,
    /// The webhook; what is said about a press goes to the same host.
    webhook: Url,
    signing_secret: Secret,
    people: BTreeMap<String, Person>,
    groups: Groups,
}

/// A request in the name of Slack is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlackRefused {
    /// There is no such channel, its secret has not signed this, or that was too long ago.
    #[error("no secret of such a channel has signed it within five minutes")]
    Unsigned,
    /// It is signed, and says something else.
    #[error("it is no press of one of this host's buttons")]
    Unreadable,
}

impl Channels {
    /// Takes a request as an answer of whoever pressed a button, and tells them what came of it.
    /// Nothing of it is read before its signature was checked.
    ///
    /// # Errors
    /// [`SlackRefused`]; a person who is refused is told so in Slack.
    pub async fn pressed(
        &self,
        channel: &str,
        request: Signed<'_>,
        executions: &Executions,
    ) -> Result<(), SlackRefused> {
        let is_signed = |slack: &&Arc<Slack>| request.is_by(&slack.signing_secret, now_ms());
        let slack = self.slack(channel).filter(is_signed).ok_or(SlackRefused::Unsigned)?;
        let press = Press::read(request.body).ok_or(SlackRefused::Unreadable)?;
        let replies = slack.answer(&press, executions, &self.tenant).await;
        let slack = slack.clone();
        // Slack waits three seconds for the answer to its request; the vote stands already.
        tokio::spawn(async move {
            for reply in replies {
                slack.reply(&press, &reply).await;
            }
        });
        Ok(())
    }
}

impl Channels {
    fn slack(&self, name: &str) -> Option<&Arc<Slack>> {
        let name = name.parse::<ChannelName>().ok()?;
        match &self.channels.get(&name)?.receiver {
            Receiver::Slack(slack) => Some(slack),
            Receiver::Webhook(_) | Receiver::Mail(_) => None,
        }
    }
}

impl Slack {
    pub(super) fn new(config: &SlackConfig) -> Result<Self, reqwest::Error> {
        let SlackConfig { endpoint, signing_secret, people, groups } = config.clone();
        let http = Sender::new(&endpoint)?;
        Ok(Self { http, webhook: endpoint.url, signing_secret, people, groups })
    }

    /// Posts a message; Slack shows it again where it comes again. A question that is not asked any
    /// more is not posted.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Unsent> {
        let message = match (&notice.fact, notice.asking()) {
            (_, Some(asking)) => message::asked(&notice.execution, &asking),
            (Fact::Asked { .. }, None) => return Ok(()),
            (fact, None) => message::told(fact.kind(), &notice.execution),
        };
        let request = self.http.post().header(CONTENT_TYPE, "application/json");
        self.http.send(request.body(message.to_string())).await
    }

    /// What is to be said about a press, which may be a vote.
    async fn answer(&self, press: &Press, executions: &Executions, tenant: &Tenant) -> Vec<Value> {
        let Some(person) = self.people.get(&press.user) else {
            tracing::info!("somebody in Slack is refused, whom the channel's `people` do not name");
            return vec![message::words(&format!(
                "Writ does not know who you are. Ask whoever runs it to add `{}` to its `people`.",
                press.user
            ))];
        };
        let by = self.groups.approver(tenant, person);
        let (approval, stage) = (press.approval.clone(), press.stage);
        let invitation = Invitation { by, approval, stage };
        match invitation.answer(executions, press.choice, press.reason.clone()).await {
            Ok(execution) => after(&execution, &invitation).into_iter().collect(),
            Err(refused) => {
                let words = message::words(&refused.to_string());
                // Its buttons do nothing any more, so they go.
                let seen = match refused {
                    Unanswered::Over => {
                        executions.of_approval(&invitation.by, &press.approval).await.ok()
                    }
                    _ => None,
                };
                let over = seen.and_then(|execution| after(&execution, &invitation));
                [Some(words), over].into_iter().flatten().collect()
            }
        }
    }

    /// Says something where the press came from. The vote stands, whether or not that is heard.
    async fn reply(&self, press: &Press, reply: &Value) {
        let url = press.response_url.parse::<Url>();
        let Some(url) = url.ok().filter(|url| url.origin() == self.webhook.origin()) else {
            tracing::warn!("a press names another host than Slack's for what is said about it");
            return;
        };
        let request = self.http.post_to(url).header(CONTENT_TYPE, "application/json");
        let request = request.timeout(REPLY_TIMEOUT).body(reply.to_string());
        if let Err(Unsent { error, .. }) = self.http.send(request).await {
            tracing::warn!(error, "somebody in Slack is not told what became of their answer");
        }
    }
}

/// The message as it is to be after a vote, or the end.
fn after(execution: &Execution, invitation: &Invitation) -> Option<Value> {
    message::after(execution, execution.approval(&invitation.approval)?, invitation.stage)
}
