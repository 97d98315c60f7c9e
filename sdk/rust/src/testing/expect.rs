//! Whether a decision is what a case expects.

use serde_json::Value;

use super::case::Expect;
use crate::decision::{Decision, Verdict};

impl Expect {
    /// Compares with what `evaluate` gave.
    ///
    /// # Errors
    /// A sentence that names the difference.
    pub fn check(&self, outcome: &Result<Decision, String>) -> Result<(), String> {
        match (outcome, &self.fault) {
            (Err(text), Some(fault)) if text.contains(fault) => Ok(()),
            (Err(text), Some(fault)) => Err(format!("the fault says `{text}`, not `{fault}`")),
            (Err(text), None) => Err(format!("it is a fault: {text}")),
            (Ok(decision), Some(_)) => Err(format!("it is no fault but {}", decision.verdict)),
            (Ok(decision), None) => self.check_decision(decision),
        }
    }

    fn check_decision(&self, decision: &Decision) -> Result<(), String> {
        let name = decision.verdict.name();
        if self.verdict.as_deref() != Some(name) {
            let told = reason(&decision.verdict).map_or("", String::as_str);
            let expected = self.verdict.as_deref().unwrap_or("nothing");
            return Err(format!("the verdict is {name} ({told}), not {expected}"));
        }
        self.check_parts(&decision.verdict)?;
        let annotations = Value::Object(decision.annotations.clone());
        self.annotations
            .as_ref()
            .map_or(Ok(()), |part| contains(&annotations, part, "annotations".to_owned()))
    }

    fn check_parts(&self, verdict: &Verdict) -> Result<(), String> {
        if let Some(expected) = &self.reason
            && reason(verdict) != Some(expected)
        {
            return Err(format!("the reason is {:?}, not {expected:?}", reason(verdict)));
        }
        if let Some(expected) = &self.patch {
            let Verdict::Amend(patch) = verdict else {
                return Err("there is no patch".to_owned());
            };
            let patch = Value::Object(patch.clone());
            if !equal(&patch, expected) {
                return Err(format!("the patch is {patch}, not {expected}"));
            }
        }
        if let Some(expected) = &self.requirement {
            let Verdict::RequireApproval(requirement) = verdict else {
                return Err("there is no requirement".to_owned());
            };
            let actual = serde_json::to_value(requirement).map_err(|error| error.to_string())?;
            contains(&actual, expected, "requirement".to_owned())?;
        }
        Ok(())
    }
}

fn reason(verdict: &Verdict) -> Option<&String> {
    match verdict {
        Verdict::Deny(reason) => Some(reason),
        Verdict::RequireApproval(requirement) => Some(&requirement.reason),
        Verdict::Abstain | Verdict::Allow | Verdict::Amend(_) => None,
    }
}

/// Whether `actual` holds every member of `part`; `at` names the place in the answer.
fn contains(actual: &Value, part: &Value, at: String) -> Result<(), String> {
    match (actual, part) {
        (Value::Object(actual), Value::Object(part)) => part.iter().try_for_each(|(key, part)| {
            let at = format!("{at}.{key}");
            match actual.get(key) {
                Some(actual) => contains(actual, part, at),
                None => Err(format!("{at} is not there")),
            }
        }),
        (Value::Array(actual), Value::Array(part)) if actual.len() == part.len() => {
            actual.iter().zip(part).enumerate().try_for_each(|(index, (actual, part))| {
                contains(actual, part, format!("{at}.{index}"))
            })
        }
        _ if equal(actual, part) => Ok(()),
        _ => Err(format!("{at} is {actual}, not {part}")),
    }
}

/// JSON has one kind of number: 1 and 1.0 are equal.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal(a, b))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, a)| right.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(expect: Value, outcome: Result<Decision, String>) -> Result<(), String> {
        serde_json::from_value::<Expect>(expect).unwrap().check(&outcome)
    }

    #[test]
    fn another_verdict_or_reason_is_a_difference() {
        let deny = || Ok(Decision::deny("no"));
        assert_eq!(check(json!({"verdict": "deny", "reason": "no"}), deny()), Ok(()));
        let told = check(json!({"verdict": "allow"}), deny()).unwrap_err();
        assert_eq!(told, "the verdict is deny (no), not allow");
        assert!(check(json!({"verdict": "deny", "reason": "yes"}), deny()).is_err());
        assert!(check(json!({}), deny()).is_err());
    }

    #[test]
    fn annotations_may_hold_more_but_not_other() {
        let decision = || Ok(Decision::allow().with("a", json!({"b": 1, "c": [1]})));
        let expect = |part: Value| json!({"verdict": "allow", "annotations": part});
        assert_eq!(check(expect(json!({"a": {"b": 1.0}})), decision()), Ok(()));
        let told = check(expect(json!({"a": {"c": [1, 2]}})), decision()).unwrap_err();
        assert_eq!(told, "annotations.a.c is [1], not [1,2]");
        let told = check(expect(json!({"x": 1})), decision()).unwrap_err();
        assert_eq!(told, "annotations.x is not there");
    }

    #[test]
    fn a_patch_is_compared_whole() {
        let decision = Ok(Decision::amend(json!({"a": 1, "b": 2}).as_object().unwrap().clone()));
        assert!(check(json!({"verdict": "amend", "patch": {"a": 1}}), decision).is_err());
    }

    #[test]
    fn a_fault_is_expected_by_its_text() {
        let fault = || Err("storage is gone".to_owned());
        assert_eq!(check(json!({"fault": "gone"}), fault()), Ok(()));
        assert!(check(json!({"fault": "other"}), fault()).is_err());
        assert!(check(json!({"verdict": "deny"}), fault()).is_err());
        assert!(check(json!({"fault": "gone"}), Ok(Decision::allow())).is_err());
    }
}
