//! Conditions: tests of one place in a request, and what joins them.

use serde::{Deserialize, Deserializer};
use writ_sdk::{Globs, Place, Request};

use crate::operand::{Bound, Operand, Set};
use crate::pattern::Pattern;
use crate::test::{Kind, Length, Test};

/// When a rule matches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Raw")]
pub enum Condition {
    /// Every one holds; none of them: it holds.
    All(Vec<Condition>),
    /// At least one holds; none of them: it does not.
    Any(Vec<Condition>),
    /// The other does not hold.
    Not(Box<Condition>),
    /// There is a value at the place, and every test of it holds.
    At(Place, Vec<Test>),
    /// Whether there is a value at the place.
    Exists(Place, bool),
}

impl Default for Condition {
    /// The condition that always holds.
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Condition {
    /// Whether it holds for a request.
    pub fn holds(&self, request: &Request) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(request)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(request)),
            Self::Not(condition) => !condition.holds(request),
            Self::At(path, tests) => request
                .at(path)
                .is_some_and(|value| tests.iter().all(|test| test.holds(&value, request))),
            Self::Exists(path, expected) => request.at(path).is_some() == *expected,
        }
    }
}

/// A condition as settings write it: one of `all`, `any`, `not`, or `path` with tests.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Raw {
    all: Option<Vec<Condition>>,
    any: Option<Vec<Condition>>,
    not: Option<Box<Condition>>,
    path: Option<Place>,
    exists: Option<bool>,
    // `null` is a value to compare with, so it must not read as absent.
    #[serde(default, deserialize_with = "given")]
    eq: Option<Operand>,
    #[serde(default, deserialize_with = "given")]
    ne: Option<Operand>,
    // So must a bound that is `null`, or the condition would hold without it.
    #[serde(default, deserialize_with = "given")]
    lt: Option<Bound>,
    #[serde(default, deserialize_with = "given")]
    le: Option<Bound>,
    #[serde(default, deserialize_with = "given")]
    gt: Option<Bound>,
    #[serde(default, deserialize_with = "given")]
    ge: Option<Bound>,
    r#in: Option<Set>,
    not_in: Option<Set>,
    #[serde(default, deserialize_with = "given")]
    contains: Option<Operand>,
    glob: Option<Globs>,
    regex: Option<Pattern>,
    length: Option<Length>,
    is: Option<Kind>,
}

fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

impl TryFrom<Raw> for Condition {
    type Error = &'static str;

    fn try_from(mut raw: Raw) -> Result<Self, Self::Error> {
        let tests = raw.take_tests();
        let joined = [raw.all.map(Self::All), raw.any.map(Self::Any), raw.not.map(Self::Not)];
        let mut joined = joined.into_iter().flatten();
        match (joined.next(), joined.next(), raw.path) {
            (Some(one), None, None) if tests.is_empty() && raw.exists.is_none() => Ok(one),
            (None, None, Some(path)) => match raw.exists {
                None if tests.is_empty() => Err("a `path` needs a test, as `eq` or `exists`"),
                None => Ok(Self::At(path, tests)),
                Some(expected) if tests.is_empty() => Ok(Self::Exists(path, expected)),
                Some(_) => Err("`exists` stands alone: every other test needs a value"),
            },
            _ => Err("a condition has exactly one of `all`, `any`, `not` and `path`"),
        }
    }
}

impl Raw {
    fn take_tests(&mut self) -> Vec<Test> {
        let tests = [
            self.eq.take().map(Test::Eq),
            self.ne.take().map(Test::Ne),
            self.lt.take().map(Test::Lt),
            self.le.take().map(Test::Le),
            self.gt.take().map(Test::Gt),
            self.ge.take().map(Test::Ge),
            self.r#in.take().map(Test::In),
            self.not_in.take().map(Test::NotIn),
            self.contains.take().map(Test::Contains),
            self.glob.take().map(Test::Glob),
            self.regex.take().map(Test::Regex),
            self.length.take().map(Test::Length),
            self.is.take().map(Test::Is),
        ];
        tests.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use writ_sdk::{Action, Entity};

    fn request() -> Request {
        Request::new(
            Entity::new("user", "alice").with(json!({"limit": 100, "tags": ["a", 2, null]})),
            Action::new("pay").with(json!({"amount": 100.5, "note": null, "to": "bob"})),
            Entity::new("account", "7"),
        )
    }

    #[track_caller]
    fn check(condition: Value, expected: bool) {
        let parsed: Condition = serde_json::from_value(condition.clone()).unwrap();
        assert_eq!(parsed.holds(&request()), expected, "{condition}");
    }

    #[track_caller]
    fn refused(condition: Value, text: &str) {
        let told = serde_json::from_value::<Condition>(condition).unwrap_err().to_string();
        assert!(told.contains(text), "{told}");
    }

    #[test]
    fn null_is_a_value_to_compare_with() {
        check(json!({"path": "/action/properties/note", "eq": null}), true);
        check(json!({"path": "/action/properties/to", "eq": null}), false);
        check(json!({"path": "/action/properties/missing", "eq": null}), false);
        check(json!({"path": "/subject/properties/tags", "contains": null}), true);
    }

    #[test]
    fn nothing_but_exists_holds_where_nothing_is() {
        for test in ["eq", "ne", "lt", "gt", "contains"] {
            check(json!({"path": "/context/x", test: 1}), false);
        }
        check(json!({"path": "/context/x", "not-in": [1]}), false);
        check(json!({"path": "/context/x", "exists": false}), true);
        check(json!({"path": "/context/x", "exists": true}), false);
        check(json!({"path": "/action/properties/note", "exists": true}), true);
        check(json!({"not": {"path": "/context/x", "eq": 1}}), true);
    }

    #[test]
    fn places_are_compared_with_places() {
        let limit = json!({"path": "/subject/properties/limit"});
        check(json!({"path": "/action/properties/amount", "gt": limit}), true);
        check(json!({"path": "/action/properties/amount", "le": limit}), false);
        check(json!({"path": "/action/properties/amount", "le": {"path": "/context/x"}}), false);
        check(json!({"path": "/action/properties/amount", "ne": {"path": "/context/x"}}), false);
    }

    #[test]
    fn conditions_are_joined() {
        let yes = json!({"path": "/subject/id", "eq": "alice"});
        let no = json!({"path": "/subject/id", "eq": "bob"});
        check(json!({"all": [yes, no]}), false);
        check(json!({"any": [no, yes]}), true);
        check(json!({"all": []}), true);
        check(json!({"any": []}), false);
        check(json!({"not": no}), true);
        check(json!({"path": "/action/properties/amount", "ge": 100, "lt": 101}), true);
        check(json!({"path": "/action/properties/amount", "ge": 100, "lt": 100.5}), false);
    }

    #[test]
    fn what_means_two_things_or_nothing_is_refused() {
        refused(json!({}), "exactly one of");
        refused(json!({"all": [], "any": []}), "exactly one of");
        refused(json!({"all": [], "path": "/context/a", "eq": 1}), "exactly one of");
        refused(json!({"all": [], "eq": 1}), "exactly one of");
        refused(json!({"path": "/context/a"}), "needs a test");
        refused(json!({"path": "/context/a", "exists": true, "eq": 1}), "stands alone");
        refused(json!({"path": "a", "eq": 1}), "no JSON pointer");
        refused(json!({"path": "/context/a", "regex": "("}), "regular expression");
        refused(json!({"path": "/context/a", "equals": 1}), "unknown field `equals`");
        refused(json!({"path": "/context/a", "in": "x"}), "array");
    }
}
