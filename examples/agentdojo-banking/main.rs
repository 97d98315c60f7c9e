//! Prints what a running server would have done to AgentDojo's banking tasks.
//!
//! `cargo run --release --example agentdojo-banking -- [ADDRESS:PORT]`; the server is one that was
//! started with the `writ.toml` beside this file, and `WRIT_KEY` holds its key.

mod replay;

use anyhow::Context;
use replay::{Answered, Kind, Outcome, Suite, Task, goes_through, replay};
use writ_testkit::http::Client;

fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8181".into());
    let key = std::env::var("WRIT_KEY").context("the server's key is not in WRIT_KEY")?;
    let client = Client::connect(address.parse()?);
    let client = client.with_context(|| format!("no server answers at {address}"))?;
    let mut client = client.with_key(&key);
    let mut replayed = Vec::new();
    for task in Suite::shipped()?.tasks {
        let answered = replay(&mut client, &task)?;
        replayed.push((task, answered));
    }
    report(&replayed, Kind::User, "user tasks that need nobody");
    report(
        &replayed,
        Kind::Injection,
        "injection tasks that go through without a person being asked",
    );
    Ok(())
}

fn report(replayed: &[(Task, Vec<Answered>)], kind: Kind, title: &str) {
    let of_kind: Vec<_> = replayed.iter().filter(|(task, _)| task.kind == kind).collect();
    let through = of_kind.iter().filter(|(_, answered)| goes_through(answered)).count();
    for (task, answered) in &of_kind {
        println!("{}: {}", task.name, task.goal);
        for call in answered {
            println!("    {} {}", call.tool, said(&call.outcome));
        }
    }
    println!("\n{title}: {through} of {}\n", of_kind.len());
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Permitted => "goes on".into(),
        Outcome::AsksPeople(reasons) => format!("asks people: {}", reasons.join("; ")),
        Outcome::Denied(why) => format!("is denied: {why}"),
    }
}
