//! What holds under load: a budget is spent to its limit and not beyond, and a policy that loops
//! leaves the others served.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Barrier;

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::Client;
use writ_testkit::server::Writ;

const EVALUATION: &str = "/access/v1/evaluation";
/// How many requests are sent at the same time.
const AT_ONCE: usize = 64;

fn start(config: &str, policies: &[(&str, &str)]) -> Writ {
    let place: Vec<_> = policies.iter().map(|(file, name)| (*file, guests::bytes(name))).collect();
    Writ::start(env!("CARGO_BIN_EXE_writ"), config, &place)
}

/// A configuration in which three failures have a policy rest for longer than any test.
fn resting(config: &str) -> String {
    let breaker = "failures-max = 3\nbackoff-ms = 60000\nbackoff-ms-max = 60000\n";
    format!("[breaker]\n{breaker}{config}")
}

fn ask(client: &mut Client, action: &str, properties: Value) -> Value {
    ask_as(client, "a1", action, properties)
}

fn ask_as(client: &mut Client, subject: &str, action: &str, properties: Value) -> Value {
    let question = json!({
        "subject": {"type": "agent", "id": subject},
        "action": {"name": action, "properties": properties},
        "resource": {"type": "account", "id": "1"},
    });
    let reply = client.post(EVALUATION, &question.to_string()).expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Asks [`AT_ONCE`] questions, each on a connection of its own, and gives the answers in order.
fn at_once(server: &Writ, question: impl Fn(usize) -> (&'static str, Value) + Sync) -> Vec<Value> {
    let barrier = Barrier::new(AT_ONCE);
    std::thread::scope(|scope| {
        let ask = |number| {
            let (barrier, question) = (&barrier, &question);
            scope.spawn(move || {
                let mut client = server.client();
                let (action, properties) = question(number);
                barrier.wait();
                ask(&mut client, action, properties)
            })
        };
        let asked: Vec<_> = (0..AT_ONCE).map(ask).collect();
        asked.into_iter().map(|answer| answer.join().expect("no thread panics")).collect()
    })
}

fn permitted(answers: &[Value]) -> usize {
    answers.iter().filter(|answer| answer["decision"] == true).count()
}

const BUDGET: &str = r#"
[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["pay"], deny = ["drop"] }

[[binding]]
name = "budget"
source = "budget.wasm"
settings = { amount = "/action/properties/amount", limit = 1000 }
"#;

#[test]
fn requests_at_once_spend_a_budget_to_its_limit_and_not_beyond() {
    let policies = [("tool-list.wasm", "tool-list"), ("budget.wasm", "budget")];
    let server = start(BUDGET, &policies);
    // 33 of 30 fit into 1,000; the 34th does not.
    let answers = at_once(&server, |_| ("pay", json!({"amount": 30})));
    assert_eq!(permitted(&answers), 33, "{answers:#?}");
    let mut client = server.client();
    assert_eq!(ask(&mut client, "pay", json!({"amount": 11}))["decision"], false);
    assert_eq!(ask(&mut client, "pay", json!({"amount": 10}))["decision"], true);
    assert_eq!(ask(&mut client, "pay", json!({"amount": 1}))["decision"], false);
}

#[test]
fn a_request_that_another_policy_denies_spends_nothing() {
    let policies = [("tool-list.wasm", "tool-list"), ("budget.wasm", "budget")];
    let server = start(BUDGET, &policies);
    let answers = at_once(&server, |number| {
        (if number % 2 == 0 { "pay" } else { "drop" }, json!({"amount": 40}))
    });
    // All 32 payments would be 1,280: 25 fit exactly, if none of the 32 denied ones is counted.
    assert_eq!(permitted(&answers), 25, "{answers:#?}");
}

#[test]
fn requests_at_once_use_a_rate_up_and_no_more() {
    let config = r#"
        [[binding]]
        name = "rate"
        source = "rate-limit.wasm"
        settings = { limit = 20, window-seconds = 3600, on-within = "allow" }
    "#;
    let server = start(config, &[("rate-limit.wasm", "rate-limit")]);
    let answers = at_once(&server, |_| ("pay", json!({})));
    assert_eq!(permitted(&answers), 20, "{answers:#?}");
}

#[test]
fn attempts_count_where_the_binding_says_that_they_do() {
    let config = r#"
        [[binding]]
        name = "tools"
        source = "tool-list.wasm"
        settings = { deny = ["drop"] }

        [[binding]]
        name = "attempts"
        source = "rate-limit.wasm"
        settings = { limit = 2, window-seconds = 3600, on-within = "allow" }
        commit = "always"
    "#;
    let policies = [("tool-list.wasm", "tool-list"), ("rate-limit.wasm", "rate-limit")];
    let server = start(config, &policies);
    let mut client = server.client();
    let mut verdict = |action| {
        let answer = ask(&mut client, action, json!({}));
        answer["context"]["policies"][1]["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("drop"), "allow");
    assert_eq!(verdict("drop"), "allow");
    assert_eq!(verdict("pay"), "deny");
}

#[test]
fn a_policy_that_loops_is_rested_and_others_are_served() {
    let config = r#"
        [[binding]]
        name = "loop"
        source = "loop.wasm"
        match = { action = "drop" }
        limits = { deadline-ms = 20, fuel = 100000000000 }

        [[binding]]
        name = "tools"
        source = "tool-list.wasm"
        settings = { allow = ["pay"] }
    "#;
    let policies = [("tool-list.wasm", "tool-list"), ("loop.wasm", "hostile/loop-in-evaluate")];
    let server = start(&resting(config), &policies);
    let mut client = server.client();
    let mut first = |subject: &str, action: &str| {
        let answer = ask_as(&mut client, subject, action, json!({}));
        answer["context"]["policies"][0].clone()
    };
    for subject in ["a1", "a2", "a3"] {
        assert_eq!(first(subject, "drop")["fault"], "deadline-exceeded");
    }
    for _ in 0..50 {
        let rested = first("a4", "drop");
        assert_eq!((&rested["fault"], &rested["fuel"]), (&json!("breaker-open"), &json!(0)));
        assert_eq!(first("a1", "pay")["verdict"], "allow");
    }
    let page = client.get("/metrics").unwrap();
    for line in [
        // All had one key.
        r#"writ_breaker_opened_total{binding="loop",whose="principal"} 1"#,
        r#"writ_breaker_opened_total{binding="loop",whose="all"} 0"#,
        r#"writ_breaker_state{binding="loop"} 0"#,
        r#"writ_breaker_refusals_total{binding="loop"} 50"#,
        r#"writ_faults_total{code="deadline-exceeded"} 3"#,
        r#"writ_faults_total{code="breaker-open"} 50"#,
    ] {
        assert!(page.text().lines().any(|known| known == line), "no `{line}`");
    }
}

#[test]
fn whose_requests_alone_cost_too_much_is_refused_alone() {
    let config = r#"
        [[binding]]
        name = "notes"
        source = "rules.wasm"
        limits = { fuel = 2000000 }
        [[binding.settings.rules]]
        name = "plain"
        when = { path = "/action/properties/note", regex = "^(a|b|ab)*$" }
        effect = "allow"
    "#;
    let server = start(&resting(config), &[("rules.wasm", "rules")]);
    let mut client = server.client();
    let mut said = |subject: &str, note: String| {
        let answer = ask_as(&mut client, subject, "note", json!({"note": note}));
        let policy = &answer["context"]["policies"][0];
        policy.get("fault").unwrap_or(&policy["verdict"]).as_str().unwrap().to_owned()
    };
    let costly = || "ab".repeat(20_000);
    for _ in 0..3 {
        assert_eq!(said("mallory", costly()), "out-of-fuel");
    }
    assert_eq!(said("mallory", "ab".into()), "breaker-open");
    assert_eq!(said("ann", "ab".into()), "allow");
}

#[test]
fn who_goes_away_before_the_deadline_again_and_again_is_refused_too() {
    let config = r#"
        [[binding]]
        name = "loop"
        source = "loop.wasm"
        limits = { deadline-ms = 1000, fuel = 100000000000 }
    "#;
    let server = start(&resting(config), &[("loop.wasm", "hostile/loop-in-evaluate")]);
    let question = json!({
        "subject": {"type": "agent", "id": "a1"},
        "action": {"name": "drop"},
        "resource": {"type": "account", "id": "1"},
    });
    let question = question.to_string();
    let mut operator = server.client();
    let mut page = || operator.get("/metrics").unwrap().text().to_owned();
    let is_told = |page: &str, line: &str| page.lines().any(|known| known == line);
    // The policy computes while the operator reads, each time for longer.
    let mut reads = 1;
    while !is_told(&page(), r#"writ_breaker_opened_total{binding="loop",whose="subject"} 1"#) {
        let mut client = server.client();
        let head = client.head("POST", EVALUATION);
        let length = question.len();
        let head = format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n");
        client.write(format!("{head}\r\n{question}").as_bytes()).unwrap();
        (0..reads).for_each(|_| drop(page()));
        reads += reads / 2 + 1;
    }
    assert!(is_told(&page(), r#"writ_evaluation_duration_seconds_count{binding="loop"} 0"#));
}
