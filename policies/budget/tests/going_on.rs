//! What has begun was counted, and is not counted again before it goes on.

use serde_json::json;
use writ_policy_budget::Budget;
use writ_sdk::testing::TestHost;
use writ_sdk::{Action, Entity, Policy, Request, Verdict, configure};

#[test]
fn what_used_the_budget_up_goes_on() {
    let settings = json!({
        "amount": "/action/properties/amount", "limit": 100, "on-within": "allow",
    });
    let budget = configure::<Budget>(&settings.to_string()).unwrap();
    let request = Request::new(
        Entity::new("user", "alice"),
        Action::new("pay").with(json!({"amount": 100})),
        Entity::new("account", "7"),
    );
    let host = TestHost::new();
    let verdict = |host: &TestHost| budget.evaluate(&request, host).unwrap().verdict;
    assert_eq!(verdict(&host), Verdict::Allow);
    host.commit();
    assert!(matches!(verdict(&host), Verdict::Deny(_)), "another one is too much");
    host.discard();
    host.set_begun();
    assert_eq!(verdict(&host), Verdict::Allow);
}
