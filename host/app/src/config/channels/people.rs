//! Who is who elsewhere: `people` and `groups` of `[[channel]]`, checked.

use std::collections::{BTreeMap, BTreeSet};

use writ_core::Person;

use super::Raw;
use crate::channels::config::Groups;
use crate::config::document::Step;
use crate::config::raw::Refusal;

/// Somebody as policies name approvers: `user:` and a name.
pub(super) fn user(text: &str) -> Result<Person, String> {
    named("user:", text)
}

fn named(prefix: &str, text: &str) -> Result<Person, String> {
    let name = text.strip_prefix(prefix).ok_or_else(|| {
        format!("`{text}` does not begin with `{prefix}`\nhint: write it as policies do, such as `{prefix}name`")
    })?;
    name.parse::<Person>().map_err(|error| error.to_string())
}

impl Raw<'_> {
    /// Something in one of the tables of a channel cannot be used.
    pub(super) fn refused_in(&self, table: &str, key: &str, text: impl ToString) -> Refusal {
        let mut path = self.outward.path(table);
        path.push(Step::Key(key.to_owned()));
        (path, text.to_string())
    }

    /// Groups whose members are all known here.
    pub(super) fn groups(&self, known: &BTreeSet<&Person>) -> Result<Groups, Refusal> {
        let mut groups = BTreeMap::new();
        for (written, members) in &self.raw.groups {
            let refused = |text: String| self.refused_in("groups", written, text);
            let group = named("group:", written).map_err(refused)?;
            let members = members.iter().map(|member| user(member)).collect::<Result<_, _>>();
            let members: BTreeSet<Person> = members.map_err(refused)?;
            if let Some(stranger) = members.iter().find(|member| !known.contains(member)) {
                let text = format!(
                    "`user:{stranger}` is not in `people`\nhint: say there where they are reached"
                );
                return Err(refused(text));
            }
            if groups.insert(group, members).is_some() {
                return Err(refused(format!("`{written}` is there twice, in two spellings")));
            }
        }
        Ok(Groups::new(groups))
    }
}
