//! Who is in which group, for channels whose answers come without a key or a token: as the operator
//! says it, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use writ_core::{Person, Principal, Role, Tenant};

/// Groups of people, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<Person, BTreeSet<Person>>);

impl Groups {
    /// Groups of these members.
    pub fn new(groups: BTreeMap<Person, BTreeSet<Person>>) -> Self {
        Self(groups)
    }

    /// The groups that somebody is in.
    pub fn of(&self, person: &Person) -> BTreeSet<Person> {
        let has = |members: &BTreeSet<Person>| members.contains(person);
        self.0.iter().filter(|(_, members)| has(members)).map(|(group, _)| group.clone()).collect()
    }

    /// Whether a list of approvers, `user:ID` or `group:ID`, names somebody.
    pub fn is_named(&self, person: &Person, approvers: &[String]) -> bool {
        let groups = self.of(person);
        approvers.iter().any(|approver| match approver.split_once(':') {
            Some(("user", name)) => person.is(name),
            Some(("group", name)) => groups.iter().any(|group| group.is(name)),
            Some(_) | None => false,
        })
    }

    /// Somebody as an approver: with the groups that they are in, and no other right.
    pub fn approver(&self, tenant: &Tenant, person: &Person) -> Principal {
        Principal {
            tenant: tenant.clone(),
            person: person.clone(),
            roles: [Role::Approver].into(),
            groups: self.of(person),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_people_by_themselves_or_by_their_groups() {
        let person = |name: &str| name.parse::<Person>().unwrap();
        let groups = Groups::new([(person("Finance"), [person("Bob")].into())].into());
        let check = |name: &str, approvers: &[&str], expected: bool| {
            let approvers: Vec<_> = approvers.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(
                groups.is_named(&person(name), &approvers),
                expected,
                "{name} {approvers:?}"
            );
        };
        check("bob", &["user:ann", "group:finance"], true);
        check("bob", &["user:BOB"], true);
        check("ann", &["user:ann", "group:finance"], true);
        check("ann", &["group:finance"], false);
        // A user who is called as the group is not in it.
        check("finance", &["group:finance"], false);
        check("bob", &["bob", "group:", ""], false);
        assert_eq!(
            groups.approver(&Tenant::default(), &person("bob")).roles,
            [Role::Approver].into()
        );
    }
}
