//! Who calls: what authentication found out, and what it permits.
//!
//! A principal is made from a key or a token, never from a request's body.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::binding::Tenant;
use crate::person::Person;

/// What a principal may do. Roles do not include each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Asks for decisions, creates executions and carries them out.
    Agent,
    /// Sees and decides the approvals that name it.
    Approver,
    /// Runs the host: keys, executions of everybody, work that nobody can finish.
    Operator,
    /// Reads everything, changes nothing.
    Auditor,
}

/// A text names no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role\nhint: use agent, approver, operator or auditor")]
pub struct InvalidRole(String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Approver, Self::Operator, Self::Auditor];

    /// The role's name in keys, tokens and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Approver => "approver",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let named = Self::ALL.into_iter().find(|role| role.as_str() == text);
        named.ok_or_else(|| InvalidRole(text.to_owned()))
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose data it sees.
    pub tenant: Tenant,
    /// Its name.
    pub person: Person,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// The groups that it is in; compared as people are.
    pub groups: BTreeSet<Person>,
}

impl Principal {
    /// Whether it has one of some roles.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_what_it_writes() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>(), Ok(role));
        }
        assert!("Operator".parse::<Role>().is_err());
    }
}
