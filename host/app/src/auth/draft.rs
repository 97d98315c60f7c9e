//! What an operator says of a key that is to be made.

use std::collections::BTreeSet;

use writ_core::{Person, Role};

/// How many groups a principal may be in.
pub(super) const GROUPS_MAX: usize = 64;
/// The longest time that a key may be for, in seconds: ten years.
const LIFETIME_S_MAX: u64 = 10 * 365 * 86_400;

/// A key that is to be made: whom it names, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub(super) person: Person,
    pub(super) roles: BTreeSet<Role>,
    pub(super) groups: BTreeSet<Person>,
    pub(super) lifetime_ms: Option<u64>,
}

/// A key is not made like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDraft {
    /// It would open nothing.
    #[error("a key needs one role at least: agent, approver, operator or auditor")]
    NoRole,
    /// More groups than anybody is in.
    #[error("a key may name {GROUPS_MAX} groups at most")]
    TooManyGroups,
    /// No time, or one beyond what anybody can answer for.
    #[error("a key lasts 1 to {LIFETIME_S_MAX} seconds, or does not expire")]
    Lifetime,
}

impl Draft {
    /// A key for a person; `lifetime_s` in seconds, none: it does not expire.
    ///
    /// # Errors
    /// Each of [`InvalidDraft`].
    pub fn new(
        person: Person,
        roles: impl IntoIterator<Item = Role>,
        groups: impl IntoIterator<Item = Person>,
        lifetime_s: Option<u64>,
    ) -> Result<Self, InvalidDraft> {
        let (roles, groups) = (BTreeSet::from_iter(roles), BTreeSet::from_iter(groups));
        if roles.is_empty() {
            return Err(InvalidDraft::NoRole);
        }
        if groups.len() > GROUPS_MAX {
            return Err(InvalidDraft::TooManyGroups);
        }
        if lifetime_s.is_some_and(|seconds| !(1..=LIFETIME_S_MAX).contains(&seconds)) {
            return Err(InvalidDraft::Lifetime);
        }
        let lifetime_ms = lifetime_s.map(|seconds| seconds * 1_000);
        Ok(Self { person, roles, groups, lifetime_ms })
    }

    /// The first key of a host: for its operator, who may do everything.
    pub fn of_first_key() -> Self {
        Self {
            person: "operator".parse().expect("it is a name"),
            roles: Role::ALL.into(),
            groups: BTreeSet::new(),
            lifetime_ms: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(roles: &[Role], groups: usize, lifetime_s: Option<u64>) -> Result<(), InvalidDraft> {
        let groups = (0..groups).map(|number| format!("g{number}").parse().unwrap());
        let draft = Draft::new("ann".parse().unwrap(), roles.iter().copied(), groups, lifetime_s);
        draft.map(drop)
    }

    #[test]
    fn a_key_has_a_role_a_few_groups_and_an_end_that_can_be_told() {
        assert_eq!(check(&[Role::Agent], 64, None), Ok(()));
        assert_eq!(check(&[Role::Agent], 0, Some(LIFETIME_S_MAX)), Ok(()));
        assert_eq!(check(&[], 0, None), Err(InvalidDraft::NoRole));
        assert_eq!(check(&[Role::Agent], 65, None), Err(InvalidDraft::TooManyGroups));
        assert_eq!(check(&[Role::Agent], 0, Some(0)), Err(InvalidDraft::Lifetime));
        assert_eq!(check(&[Role::Agent], 0, Some(u64::MAX)), Err(InvalidDraft::Lifetime));
    }
}
