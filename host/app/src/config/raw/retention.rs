//! `[retention]`, within its bounds.

use serde::Deserialize;

use super::{Refusal, in_range};
use crate::config::document::at;
use crate::service::Retention as RetentionConfig;

/// A hundred years.
const DAYS_MAX: u32 = 36_500;

/// `[retention]`: for how long what has ended is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct Retention {
    days: Option<Days>,
}

/// A number of days, or a word.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a number of days, or \"forever\"")]
enum Days {
    Number(u64),
    Word(String),
}

impl Retention {
    pub(in crate::config) fn checked(self) -> Result<RetentionConfig, Refusal> {
        let key = || at!["retention", "days"];
        match self.days {
            None => Ok(RetentionConfig::default()),
            Some(Days::Number(days)) => {
                in_range(key(), days, 1, u64::from(DAYS_MAX))?;
                Ok(RetentionConfig::Days(u32::try_from(days).unwrap_or(DAYS_MAX)))
            }
            Some(Days::Word(word)) if word == "forever" => Ok(RetentionConfig::Forever),
            Some(Days::Word(word)) => {
                let text = format!(
                    "`{word}` is no number of days\nhint: write a number without quotes, or \"forever\""
                );
                Err((key(), text))
            }
        }
    }
}
