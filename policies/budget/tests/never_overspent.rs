//! Whatever the order of payments, no window spends more than the limit, and nothing that fits is
//! denied.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use writ_policy_budget::Budget;
use writ_sdk::testing::TestHost;
use writ_sdk::{Action, Decision, Entity, Policy, Request, Verdict, configure};

fn pay(host: &TestHost, budget: &Budget, cents: u32) -> Decision {
    let request = Request::new(
        Entity::new("user", "alice"),
        Action::new("pay").with(json!({"amount": f64::from(cents) / 100.0})),
        Entity::new("account", "7"),
    );
    let decision = budget.evaluate(&request, host).expect("no fault");
    match decision.verdict {
        Verdict::Allow => host.commit(),
        _ => host.discard(),
    }
    decision
}

proptest! {
    #[test]
    fn a_payment_goes_on_if_and_only_if_it_fits(
        payments in prop::collection::vec((0_u64..40, 0_u32..6_000), 1..60),
    ) {
        let settings = json!({
            "amount": "/action/properties/amount", "limit": 100, "window-seconds": 60,
            "on-within": "allow",
        });
        let budget = configure::<Budget>(&settings.to_string()).unwrap();
        let host = TestHost::new();
        let (mut now, mut windows) = (0, BTreeMap::<u64, u32>::new());
        for (wait, cents) in payments {
            now += wait;
            host.set_time(now * 1_000);
            let spent = windows.entry(now / 60).or_default();
            let fits = *spent + cents <= 10_000;
            let decision = pay(&host, &budget, cents);
            prop_assert_eq!(decision.verdict == Verdict::Allow, fits);
            if fits {
                *spent += cents;
            }
        }
    }
}
