//! What has begun was counted, and is not counted again before it goes on.

use serde_json::json;
use writ_policy_rate_limit::RateLimit;
use writ_sdk::testing::TestHost;
use writ_sdk::{Action, Entity, Policy, Request, Verdict, configure};

#[test]
fn what_filled_the_window_goes_on() {
    let settings = json!({"limit": 1, "window-seconds": 60, "on-within": "allow"});
    let policy = configure::<RateLimit>(&settings.to_string()).unwrap();
    let request =
        Request::new(Entity::new("user", "alice"), Action::new("pay"), Entity::new("account", "7"));
    let host = TestHost::new();
    let verdict = |host: &TestHost| policy.evaluate(&request, host).unwrap().verdict;
    assert_eq!(verdict(&host), Verdict::Allow);
    host.commit();
    assert!(matches!(verdict(&host), Verdict::Deny(_)), "another one is too much");
    host.discard();
    host.set_begun();
    assert_eq!(verdict(&host), Verdict::Allow);
}
