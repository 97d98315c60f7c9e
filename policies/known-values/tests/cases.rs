//! The cases of the policy, natively; the same files run against the Wasm component.

use writ_policy_known_values::KnownValues;

#[test]
fn every_case_holds() {
    writ_sdk::testing::check_cases::<KnownValues>("cases");
}

#[test]
fn the_schema_and_the_settings_agree() {
    writ_sdk::testing::check_schema::<KnownValues>("cases");
}
