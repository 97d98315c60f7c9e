//! Channels of kind `slack`, checked.

use std::collections::BTreeMap;

use writ_core::Person;

use super::Raw;
use super::people::user;
use crate::channels::config::SlackConfig;
use crate::config::outward::{SECRET_ENV, SECRET_FILE};
use crate::config::raw::Refusal;

/// How short a signing secret may be, in characters.
const SECRET_CHARS_MIN: usize = 16;

impl Raw<'_> {
    pub(super) fn slack(&self) -> Result<SlackConfig, Refusal> {
        let (raw, outward) = (self.raw, &self.outward);
        let places = [raw.url_file.as_deref(), raw.url_env.as_deref()];
        let (key, url) = outward.secret(["url-file", "url-env"], places)?;
        let endpoint =
            outward.endpoint_at(key, url.expose(), &raw.allowed_addresses, raw.timeout_ms)?;
        let places = [raw.secret_file.as_deref(), raw.secret_env.as_deref()];
        let (key, signing_secret) = outward.secret([SECRET_FILE, SECRET_ENV], places)?;
        if signing_secret.expose().chars().count() < SECRET_CHARS_MIN {
            let text = "this is no signing secret of Slack: it is too short\nhint: it is on the page of Slack's app, below `Basic Information`";
            return Err(outward.refused(key, &text));
        }
        let people = self.slack_users()?;
        let groups = self.groups(&people.values().collect())?;
        Ok(SlackConfig { endpoint, signing_secret, people, groups })
    }

    /// Who each Slack user is here. Nobody has to be anybody: then all only read.
    fn slack_users(&self) -> Result<BTreeMap<String, Person>, Refusal> {
        let known = |(id, person): (&String, &String)| {
            if !is_slack_id(id) {
                let text = format!(
                    "`{id}` is no id of a Slack user\nhint: it is in their profile, below `Copy member ID`, such as `U2CERLKJA`"
                );
                return Err(self.refused_in("people", id, text));
            }
            let person = user(person).map_err(|text| self.refused_in("people", id, text))?;
            Ok((id.clone(), person))
        };
        self.raw.people.iter().map(known).collect()
    }
}

fn is_slack_id(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.starts_with(['U', 'W']) && text.len() > 2 && text.bytes().all(is_letter)
}
