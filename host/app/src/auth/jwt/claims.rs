//! From claims to a principal.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use writ_core::{Person, Principal, Role, Tenant};

use super::TokenFault;

/// What the claims are called that name a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Its name: a text.
    pub person: String,
    /// Its roles: a list, or a text with spaces between. Names that are no roles are another's.
    pub roles: String,
    /// Its groups: a list, or one.
    pub groups: String,
    /// Its tenant, which must be this host's; none: tokens are for this host's tenant.
    pub tenant: Option<String>,
}

impl ClaimNames {
    /// Whom some claims name, on a host of one tenant.
    ///
    /// # Errors
    /// Where they name nobody, or somebody of another tenant.
    pub(super) fn principal(
        &self,
        claims: &Map<String, Value>,
        host: &Tenant,
    ) -> Result<Principal, TokenFault> {
        let tenant = self.tenant.as_ref().map(|name| claims.get(name).and_then(Value::as_str));
        if tenant.is_some_and(|tenant| tenant != Some(host.as_str())) {
            return Err(TokenFault("it is for another tenant"));
        }
        let person = claims.get(&self.person).and_then(Value::as_str);
        let person: Option<Person> = person.and_then(|person| person.parse().ok());
        let roles = texts(claims.get(&self.roles)).into_iter().flat_map(str::split_whitespace);
        let groups = texts(claims.get(&self.groups)).into_iter();
        Ok(Principal {
            tenant: host.clone(),
            person: person.ok_or(TokenFault("it names no person"))?,
            roles: roles.filter_map(|role| role.parse::<Role>().ok()).collect(),
            groups: groups.filter_map(|group| group.parse().ok()).collect::<BTreeSet<Person>>(),
        })
    }
}

/// The texts of a list, or one text; what is no text names nothing.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(tenant: Option<&str>, claims: Value) -> Result<Principal, &'static str> {
        let names = ClaimNames {
            person: "sub".into(),
            roles: "writ_roles".into(),
            groups: "groups".into(),
            tenant: tenant.map(str::to_owned),
        };
        let claims = claims.as_object().unwrap();
        names.principal(claims, &Tenant::default()).map_err(|fault| fault.0)
    }

    #[test]
    fn roles_and_groups_are_lists_or_texts() {
        let listed = check(
            None,
            json!({
                "sub": "Ann", "writ_roles": ["agent", "offline_access", 7], "groups": ["a b", "c"],
            }),
        );
        let listed = listed.unwrap();
        assert_eq!(listed.roles, BTreeSet::from([Role::Agent]));
        assert_eq!(listed.groups.len(), 2);
        let one =
            check(None, json!({"sub": "ann", "writ_roles": "agent auditor", "groups": "a b"}));
        let one = one.unwrap();
        assert_eq!(one.roles, BTreeSet::from([Role::Agent, Role::Auditor]));
        assert_eq!(one.groups, BTreeSet::from(["A B".parse().unwrap()]));
        assert_eq!(one.person, listed.person);
    }

    #[test]
    fn without_claims_there_are_no_roles_and_without_a_name_there_is_nobody() {
        let bare = check(None, json!({"sub": "ann", "writ_roles": {"agent": true}})).unwrap();
        assert!(bare.roles.is_empty() && bare.groups.is_empty());
        for claims in [json!({}), json!({"sub": ""}), json!({"sub": 7}), json!({"sub": ["ann"]})] {
            assert_eq!(check(None, claims), Err("it names no person"));
        }
    }

    #[test]
    fn a_token_of_another_tenant_names_nobody_here() {
        let of = |tenant: Value| check(Some("org"), json!({"sub": "ann", "org": tenant})).map(drop);
        assert_eq!(of(json!("default")), Ok(()));
        for tenant in [json!("other"), json!(null), json!(["default"]), json!("Default")] {
            assert_eq!(of(tenant), Err("it is for another tenant"));
        }
        assert!(check(Some("org"), json!({"sub": "ann"})).is_err());
    }
}
