//! The example `payments`, as its README says: a server with its configuration, and the walk.
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::Command;

use writ_testkit::guests;
use writ_testkit::server::Writ;

#[test]
fn the_whole_road_of_a_payment() {
    let example = guests::repository().join("examples/payments");
    let config = std::fs::read_to_string(example.join("writ.toml")).unwrap();
    let cases = std::fs::read(example.join("cases/payments.toml")).unwrap();
    let place = [("cases/payments.toml", cases)];
    let server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &place);
    let walked = Command::new(example.join("walk.sh"))
        .env("WRIT", env!("CARGO_BIN_EXE_writ"))
        .env("WRIT_SERVER", format!("http://{}", server.address()))
        .env("WRIT_KEY", server.key())
        .output()
        .unwrap();
    let (told, errors) =
        (String::from_utf8_lossy(&walked.stdout), String::from_utf8_lossy(&walked.stderr));
    assert!(walked.status.success(), "{told}\n{errors}");
    assert!(told.contains("execution.succeeded"), "{told}");
    assert!(errors.contains("the answer must give a reason"), "{errors}");
}
