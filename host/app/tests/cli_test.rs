//! `writ test`: cases of a policy set, by the real binary.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use writ::config::DEFAULTS;
use writ_testkit::guests;

const SET: &str = r#"
[tests]
directory = "cases"

[[binding]]
name = "budget"
source = "builtin:budget"
settings = { amount = "/action/properties/amount", limit = 100, window-seconds = 86400, on-within = "allow" }

[[binding]]
name = "mask"
source = "builtin:redact"
match = { action = "mail" }
settings = { redactions = [{ name = "secrets", path = "/secret", remove = true }] }
"#;

/// How a command ended, and what it printed.
struct Ended {
    code: Option<i32>,
    text: String,
    stdout: String,
}

/// `writ test` on a configuration.
fn test(config: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["test", "--data-dir", concat!(env!("CARGO_TARGET_TMPDIR"), "/cli-test"), "--config"])
        .arg(config.file_name().unwrap())
        .args(arguments)
        .current_dir(config.parent().unwrap())
        .env_clear()
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let code = output.status.code();
    let told = String::from_utf8(output.stderr).unwrap();
    let text = format!("exit {}\n{stdout}{told}", code.map_or("none".into(), |c| c.to_string()));
    Ended { code, text, stdout }
}

/// `writ test` on the set above with one file of cases.
fn with_cases(name: &str, cases: &str, arguments: &[&str]) -> Ended {
    of_set(SET, name, cases, arguments)
}

/// The same on another set, which says that its cases are in `cases`.
fn of_set(set: &str, name: &str, cases: &str, arguments: &[&str]) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("cases")).unwrap();
    fs::write(directory.path().join("cases").join(name), cases).unwrap();
    fs::write(directory.path().join("writ.toml"), set).unwrap();
    test(&directory.path().join("writ.toml"), arguments)
}

/// A step of a case: a payment, and what is expected.
fn pay(more: &str, amount: u32, expect: &str) -> String {
    format!(
        r#"{{{more} "request": {{
            "subject": {{"type": "user", "id": "ann"}},
            "action": {{"name": "pay", "properties": {{"amount": {amount}}}}},
            "resource": {{"type": "account", "id": "7"}}}},
            "expect": {expect}}}"#
    )
}

fn case(given: &str, steps: &[String]) -> String {
    format!(r#"{{"name": "a story", "given": {given}, "steps": [{}]}}"#, steps.join(", "))
}

#[test]
fn the_cases_of_an_example_hold() {
    let config = guests::repository().join("examples/payments/writ.toml");
    let ended = test(&config, &[]);
    insta::assert_snapshot!(ended.text, @r#"
    exit 0
    holds    cases/payments.toml: a small payment goes on, a large one asks finance
    holds    cases/payments.toml: a payment without a payee is denied
    holds    cases/payments.toml: what a day may cost is there again on the next day
    3 of 3 cases hold
    "#);
}

/// What the built-in set answers where actions of these names have such arguments.
fn built_in(names: &[&str], properties: &Value, decision: &str, verdicts: &Value) {
    let case = |name: &&str| {
        json!({
            "name": name,
            "request": {
                "subject": {"type": "agent", "id": "helper"},
                "action": {"name": name, "properties": properties},
                "resource": {"type": "account", "id": "7"},
            },
            "expect": {"decision": decision, "verdicts": verdicts},
        })
    };
    let cases = Value::from_iter(names.iter().map(case)).to_string();
    let set = format!("{DEFAULTS}\n[tests]\ndirectory = \"cases\"\n");
    let ended = of_set(&set, "a.json", &cases, &[]);
    assert_eq!(ended.code, Some(0), "{properties}: {}", ended.text);
}

#[test]
fn the_built_in_set_bounds_what_moves_money() {
    let counted = [
        "pay",
        "pay_invoice",
        "transfer_funds",
        "send_money",
        "send_money_to",
        "send_funds",
        "send_payment",
        "write_transfer",
        "create_transfer",
        "create_bulk_payments",
        "create_payout",
        "create_refund",
        "update_scheduled_payment",
    ];
    let spent = json!({"large-payments": "abstain", "daily-budget": "abstain"});
    built_in(&counted, &json!({"amount": 100}), "allowed", &spent);
    let asked = json!({"large-payments": "require-approval"});
    built_in(&counted, &json!({"amount": 1_000}), "approval-required", &asked);
    let denied = json!({"daily-budget": "deny"});
    for amount in [json!({}), json!({"amount": "5"}), json!({"amount": -5}), json!({"amount": 1e9})]
    {
        built_in(&counted, &amount, "denied-by-policy", &denied);
    }
}

#[test]
fn the_built_in_set_asks_about_a_large_amount_under_any_name() {
    let others = ["send_payment_reminder", "create_transfer_report", "update_payment_method"];
    let not_counted = json!({"large-payments": "abstain", "daily-budget": "none"});
    built_in(&others, &json!({"to": "acme"}), "allowed", &not_counted);
    built_in(&["search_payments"], &json!({"amount": 500}), "allowed", &not_counted);
    let asked = json!({"large-payments": "require-approval", "daily-budget": "none"});
    for amount in [json!({"amount": 1e9}), json!({"amount": "5"}), json!({"amount": 0})] {
        built_in(&["create_payment_intent", "write_order"], &amount, "approval-required", &asked);
    }
}

#[test]
fn a_filter_takes_cases_by_name() {
    let config = guests::repository().join("examples/payments/writ.toml");
    assert!(test(&config, &["PAYEE"]).stdout.ends_with("\n1 of 1 cases hold\n"));
    assert_eq!(test(&config, &["nothing like it"]).code, Some(65));
}

#[test]
fn time_is_what_the_case_says_and_storage_what_was_kept() {
    let begins = r#""at": "2026-11-22T23:59:59Z","#;
    let stored = r#"{"decision": "allowed",
        "storage": {"budget": {"subject/user/ann": "1795305600 100", "subject/user/bob": null}}}"#;
    let denied = r#"{"decision": "denied", "verdicts": {"budget": "deny", "mask": "none"},
        "storage": {"budget": {"subject/user/ann": "1795305600 100"}}}"#;
    let cases = case(
        "{}",
        &[
            pay(begins, 100, stored),
            pay("", 1, denied),
            pay(
                r#""after_seconds": 1,"#,
                100,
                r#"{"verdicts": {"budget": {"verdict": "allow",
                "annotations": {"spent": "100"}}}}"#,
            ),
            pay(r#""at_ms": 1795564800000,"#, 100, r#"{"decision": "allowed"}"#),
        ],
    );
    let ended = with_cases("a.json", &cases, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
}

#[test]
fn what_differs_is_told_with_its_step() {
    let given =
        r#"{"at_ms": 1795305600000, "storage": {"budget": {"subject/user/ann": "1795305600 60"}}}"#;
    let wrong = r#"{"decision": "denied", "reason": "no", "verdicts": {"budget": "abstain", "mask": "amend"},
        "requirements": {"mask": {}}, "amended": {},
        "storage": {"budget": {"subject/user/ann": "1"}}}"#;
    let steps = [pay("", 10, r#"{"decision": "allowed"}"#), pay("", 30, wrong)];
    let ended = with_cases("a.json", &case(given, &steps), &[]);
    insta::assert_snapshot!(ended.text, @r#"
    exit 65
    DIFFERS  cases/a.json: a story
             step 2: the decision is `allowed`, not `denied`
             step 2: no reason is given, not `no`
             step 2: the action is not amended
             step 2: `mask` asks nobody
             step 2: the verdict of `budget` is `allow`, not `abstain`
             step 2: the verdict of `mask` is `none`, not `amend`
             step 2: storage.budget.subject/user/ann is `1795305600 100`, not "1"
    0 of 1 cases hold
    error: 1 case does not hold
    "#);
}

#[test]
fn an_amended_action_is_compared_whole() {
    let mail = |amended: &str| {
        format!(
            r#"[{{"name": "a mail", "request": {{
            "subject": {{"type": "user", "id": "ann"}},
            "action": {{"name": "mail", "properties": {{"amount": 1, "secret": "s", "to": "bob"}}}},
            "resource": {{"type": "mailbox", "id": "7"}}}},
            "expect": {{"decision": "amended", "amended": {amended}}}}}]"#
        )
    };
    let ended = with_cases("a.json", &mail(r#"{"amount": 1.0, "to": "bob"}"#), &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let ended = with_cases("a.json", &mail(r#"{"to": "bob"}"#), &[]);
    assert!(
        ended.text.contains(r#"amended is {"amount":1,"to":"bob"}, not {"to":"bob"}"#),
        "{}",
        ended.text
    );
}

#[test]
fn json_tells_programs_what_differs() {
    let steps = [pay("", 101, r#"{"decision": "allowed"}"#)];
    let ended = with_cases("a.json", &case("{}", &steps), &["--json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &told["failed"]), (Some(65), &Value::from(1)));
    assert_eq!(told["cases"][0]["name"], "a story");
    assert_eq!(told["cases"][0]["step"], 1);
    assert_eq!(told["cases"][0]["differences"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_its_place() {
    let check = |name: &str, text: &str, code: i32, told: &str| {
        let ended = with_cases(name, text, &[]);
        assert_eq!(ended.code, Some(code), "{}", ended.text);
        assert!(ended.text.contains(told), "{}", ended.text);
    };
    check("a.json", r#"{"name": "n", "stps": []}"#, 78, "cases/a.json:1:20: unknown key `stps`");
    check("a.json", r#"{"name": "n"}"#, 78, "the case `n` has no steps");
    check("a.toml", "[[case]]\nnam = 1\n", 78, "cases/a.toml:2:1: unknown key `nam`");
    let unknown = case("{}", &[pay("", 1, r#"{"decision": "denid"}"#)]);
    check("a.json", &unknown, 78, "there is no decision `denid`");
    let unbound = case("{}", &[pay("", 1, r#"{"verdicts": {"bugdet": "allow"}}"#)]);
    check("a.json", &unbound, 65, "the set has no binding `bugdet`");
    let twice = case("{}", &[pay(r#""at": 1, "after_seconds": 1,"#, 1, "{}")]);
    check("a.json", &twice, 78, "its time is given twice");
    check("a.txt", "", 65, "the policy set has no cases");
}
