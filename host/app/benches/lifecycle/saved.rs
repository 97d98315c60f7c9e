//! From a file that is saved to the first answer by what it says.

use std::fs;
use std::time::{Duration, Instant};

use writ_testkit::http::Client;
use writ_testkit::server::Writ;

use crate::effort::{Effort, median, print};
use crate::question::Template;
use crate::sets::{Set, nobody, readers, readers_by};

/// How long is waited for the answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is asked: who asks all the time takes a processor from the host.
const PERIOD: Duration = Duration::from_millis(2);

pub(crate) fn measure(effort: Effort) {
    let (mut unseen, mut settings, mut cached) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds() {
        // A host of its own, which never saw the policy that the file will bind.
        let mut server = nobody().start();
        unseen.push(until_it_decides(&server, &readers()));
        save(&server, &nobody());
        settings.push(until_it_decides(&server, &readers_by("others")));
        save(&server, &nobody());
        until(&mut server.client(), false);
        server.kill();
        server.restart();
        // What was compiled is on disk, and not in memory.
        cached.push(until_it_decides(&server, &readers()));
    }
    print("saved/unseen-ms", median(unseen.into_iter()));
    print("saved/settings-ms", median(settings.into_iter()));
    print("saved/cached-ms", median(cached.into_iter()));
}

fn until_it_decides(server: &Writ, set: &Set) -> f64 {
    let mut client = server.client();
    until(&mut client, false);
    let begin = Instant::now();
    save(server, set);
    until(&mut client, true);
    begin.elapsed().as_secs_f64() * 1_000.0
}

/// Asks until it is answered so; a period too late at most.
fn until(client: &mut Client, allowed: bool) {
    let (mut template, begin) = (Template::new(0, "read_file"), Instant::now());
    for turn in 0.. {
        template.vary(turn);
        let body = std::str::from_utf8(template.as_bytes()).expect("it is JSON");
        let reply = client.post("/access/v1/evaluation", body).expect("the server answers");
        assert_eq!(reply.status, 200, "{}", reply.text());
        if reply.json()["decision"] == allowed {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "it never decides: {}", reply.text());
        std::thread::sleep(PERIOD);
    }
}

/// Saves a configuration as careful programs do: beside it, then renamed.
fn save(server: &Writ, set: &Set) {
    let beside = server.directory().join(".writ.toml.swp");
    fs::write(&beside, set.config()).expect("a file can be written");
    fs::rename(beside, server.directory().join("writ.toml")).expect("a file can be renamed");
}
