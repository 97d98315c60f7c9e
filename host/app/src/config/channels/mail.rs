//! Channels of kind `mail`, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use reqwest::Url;
use writ_core::Person;

use super::Raw;
use super::people::user;
use crate::auth::Secret;
use crate::channels::config::{MailConfig, Relay, Security};
use crate::config::outward::{SECRET_ENV, SECRET_FILE};
use crate::config::raw::{Refusal, RelayTls};
use crate::outbound::is_local;

/// The one kind of event of which letters tell.
const ASKED: &str = "approval.asked";

impl Raw<'_> {
    pub(super) fn mail(&self, events: &BTreeSet<&'static str>) -> Result<MailConfig, Refusal> {
        let outward = &self.outward;
        if events.iter().any(|event| *event != ASKED) {
            let text = format!(
                "letters ask people, and tell nothing else\nhint: write `events = [\"{ASKED}\"]`; a webhook tells the rest"
            );
            return Err(outward.refused("events", &text));
        }
        let public_url = self.public_url.ok_or_else(|| {
            outward.missing("`public-url` of `[server]`, to which the links in letters lead")
        })?;
        let from = self.raw.from.as_deref();
        let from = from.ok_or_else(|| outward.missing("`from`, the sender of its letters"))?;
        let from = from.parse::<Mailbox>().map_err(|error| {
            let text =
                format!("this is no sender: {error}\nhint: write `\"Writ <writ@example.com>\"`");
            outward.refused("from", &text)
        })?;
        let people = self.addresses()?;
        let groups = self.groups(&people.keys().collect())?;
        Ok(MailConfig {
            relay: self.relay()?,
            from,
            public_url: public_url.clone(),
            people,
            groups,
        })
    }

    fn addresses(&self) -> Result<BTreeMap<Person, Address>, Refusal> {
        if self.raw.people.is_empty() {
            let text = "`people`, which says who is reached where\nhint: write `people = { \"user:ann\" = \"ann@example.com\" }`";
            return Err(self.outward.missing(text));
        }
        let mut people = BTreeMap::new();
        for (written, address) in &self.raw.people {
            let refused = |text: String| self.refused_in("people", written, text);
            let person = user(written).map_err(refused)?;
            let address = address.parse::<Address>();
            let address = address.map_err(|error| {
                refused(format!("this is no address: {error}\nhint: write it without a name, such as `ann@example.com`"))
            })?;
            if people.insert(person, address).is_some() {
                return Err(refused(format!("`{written}` is there twice, in two spellings")));
            }
        }
        Ok(people)
    }

    fn relay(&self) -> Result<Relay, Refusal> {
        let (raw, outward) = (self.raw, &self.outward);
        let text = raw.relay.as_deref();
        let text =
            text.ok_or_else(|| outward.missing("`relay`, the SMTP server that takes letters"))?;
        let url = relay_url(text).ok_or_else(|| {
            let text = format!("`{text}` is no relay\nhint: write a name and maybe a port, such as `smtp.example:587`");
            outward.refused("relay", &text)
        })?;
        let security = match raw.tls.unwrap_or(RelayTls::Starttls) {
            RelayTls::Starttls => Security::StartTls,
            RelayTls::Tls => Security::Tls,
            RelayTls::None if is_local(&url) => Security::None,
            RelayTls::None => {
                let text = "whoever is between could read the letters, and answer in people's names\nhint: `none` is for a relay on this machine; write `starttls` or `tls`";
                return Err(outward.refused("tls", &text));
            }
        };
        outward.bounded("timeout-ms", raw.timeout_ms, 1, 60_000)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(match security {
            Security::StartTls => 587,
            Security::Tls => 465,
            Security::None => 25,
        });
        let timeout = Duration::from_millis(raw.timeout_ms);
        Ok(Relay { host, port, security, credentials: self.credentials()?, timeout })
    }

    fn credentials(&self) -> Result<Option<(String, Secret)>, Refusal> {
        let raw = self.raw;
        let places = [raw.secret_file.as_deref(), raw.secret_env.as_deref()];
        match (&raw.user, places) {
            (None, [None, None]) => Ok(None),
            (None, _) => Err(self.outward.missing("`user`, whose secret this is")),
            (Some(user), _) => {
                let (_, secret) = self.outward.secret([SECRET_FILE, SECRET_ENV], places)?;
                Ok(Some((user.clone(), secret)))
            }
        }
    }
}

/// A host and maybe a port, and nothing else.
fn relay_url(text: &str) -> Option<Url> {
    let url = format!("smtp://{text}").parse::<Url>().ok()?;
    let rest =
        [url.path(), url.username(), url.query().unwrap_or(""), url.fragment().unwrap_or("")];
    let is_bare = rest.iter().all(|part| part.is_empty()) && url.password().is_none();
    (is_bare && url.host_str().is_some_and(|host| !host.is_empty())).then_some(url)
}
