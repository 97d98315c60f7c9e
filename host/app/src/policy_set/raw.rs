//! A binding as it is written in `writ.toml`.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use writ_core::{Commit, Limits, Mode};

use crate::config::wording;

/// `[[binding]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RawBinding {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) digest: Option<String>,
    #[serde(rename = "match", default)]
    pub(super) matches: RawMatch,
    pub(super) settings: Option<toml::Table>,
    pub(super) settings_file: Option<String>,
    #[serde(default)]
    pub(super) order: i64,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) commit: Commit,
}

/// `[tests]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RawTests {
    pub(super) directory: Option<String>,
}

/// `match`: a part that is absent matches everything.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RawMatch {
    pub(super) subject_type: Option<Globs>,
    pub(super) subject_id: Option<Globs>,
    pub(super) action: Option<Globs>,
    pub(super) resource_type: Option<Globs>,
    pub(super) resource_id: Option<Globs>,
}

/// One glob, or a list of them.
#[derive(Debug)]
pub(crate) struct Globs(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Globs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(wording::GLOBS)
            }

            fn visit_str<E>(self, glob: &str) -> Result<Globs, E> {
                Ok(Globs(vec![glob.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Globs, A::Error> {
                let mut globs = Vec::new();
                while let Some(glob) = seq.next_element()? {
                    globs.push(glob);
                }
                Ok(Globs(globs))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}
