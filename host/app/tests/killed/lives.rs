//! Whole lives, by their plan.

use serde_json::json;

use crate::life::Life;
use crate::plan::{Carried, Plan};
use crate::told::Told;
use crate::world::Who;

impl Life<'_> {
    /// Lives it from the question to its end, and tells what there was to hear.
    pub(crate) fn live(mut self) -> Told {
        match self.told.plan {
            Plan::Question => self.question(),
            Plan::Denied => drop(self.ask("forbidden", json!({"amount": 500}), None)),
            Plan::Rejected => {
                self.ask("pay", json!({"amount": 500}), None);
                self.vote(Who::Ann, 0, "approve");
                self.vote(Who::Bob, 0, "reject");
            }
            Plan::Expired => {
                self.ask("slow", json!({"amount": 500}), None);
                self.until_status("expired");
            }
            Plan::Cancelled => {
                self.ask("pay", json!({"amount": 500}), None);
                self.cancel();
            }
            Plan::Carried(carried) => self.carried(carried),
            Plan::Payout { rejected } => self.payout(rejected),
            Plan::Nested => {
                self.ask("recursion", json!({"cents": 1}), Some("recursion"));
                let ended = self.until(|seen| seen["status"] == "succeeded");
                assert_eq!(ended["result"], 8, "each call was made once");
            }
            Plan::Called { repeatable } => {
                let endpoint = if repeatable { "transfer" } else { "charge" };
                self.ask(endpoint, json!({"amount": 50}), Some(endpoint));
                self.until(|seen| seen["status"] == "succeeded" || seen["status"] == "unknown");
            }
        }
        self.told
    }

    fn question(&self) {
        let body = json!({
            "subject": {"type": "agent", "id": "shop"},
            "action": {"name": "look", "properties": {"amount": 1}},
            "resource": {"type": "account", "id": "main"},
        });
        let reply = self.world.post(Who::Agent, "/access/v1/evaluation", &body);
        assert_eq!(reply.json()["decision"], true, "{}", reply.text());
    }

    fn carried(&mut self, carried: Carried) {
        self.ask("pay", json!({"amount": 500}), None);
        self.vote(Who::Ann, 0, "approve");
        self.vote(Who::Bob, 0, "approve");
        let permit = self.claim();
        match (carried, permit) {
            (Carried::Succeeded, Some(permit)) => self.report(Some(&permit), "succeeded"),
            (Carried::Failed, Some(permit)) => self.report(Some(&permit), "failed"),
            (Carried::Forgotten, _) | (Carried::Succeeded | Carried::Failed, None) => {
                self.until_status("unknown");
            }
            (Carried::Resolved, _) => {
                self.until_status("unknown");
                self.report(None, "succeeded");
            }
        }
    }

    fn payout(&mut self, rejected: bool) {
        let arguments = json!({"payee": "acme", "cents": 500});
        self.ask("payout", arguments, Some("payout"));
        if rejected {
            self.vote(Who::Treasurer, 0, "reject");
        } else {
            self.vote(Who::Treasurer, 0, "approve");
            self.vote(Who::Director, 1, "approve");
        }
        self.until(|seen| seen["status"] == "succeeded" || seen["status"] == "failed");
    }
}
