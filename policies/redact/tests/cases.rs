//! The cases of the policy, natively; the same files run against the Wasm component.

use writ_policy_redact::Redact;

#[test]
fn every_case_holds() {
    writ_sdk::testing::check_cases::<Redact>("cases");
}

#[test]
fn the_schema_and_the_settings_agree() {
    writ_sdk::testing::check_schema::<Redact>("cases");
}

#[test]
fn the_host_may_remember_every_answer() {
    writ_sdk::testing::check_asks_nothing::<Redact>("cases");
}
