//! What is wrong with a channel is refused with its line, why, and what to do.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;

use writ::channels::config::{Kind, Security};
use writ::config::{Config, ConfigError, Overrides};

const GOOD: &[(&str, &str)] = &[
    ("name", "\"ops\""),
    ("kind", "\"webhook\""),
    ("events", "[\"approval.*\"]"),
    ("url", "\"https://hooks.example/a\""),
    ("secret-file", "\"secret\""),
];

/// A configuration of one channel, with some keys otherwise; an empty value leaves a key out.
fn load(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    text(&section(GOOD, changes))
}

fn section(good: &[(&str, &str)], changes: &[(&str, &str)]) -> String {
    let is_known = |key: &str| good.iter().any(|(good, _)| *good == key);
    let changed =
        |key: &str| changes.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let good = good.iter().map(|(key, value)| (*key, changed(key).unwrap_or(value)));
    let more = changes.iter().filter(|(key, _)| !is_known(key));
    let lines = good.chain(more.copied()).filter(|(_, value)| !value.is_empty());
    let lines: String = lines.map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!("[[channel]]\n{lines}")
}

fn text(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    write("weak", "whsec_c2hvcnQ=");
    write("short", "abc");
    write("webhook", "https://hooks.slack.com/services/T1/B1/x\n");
    write("writ.toml", text);
    Config::load(&directory.path().join("writ.toml"), &Overrides::default())
}

/// Where and how a channel is refused: line, text, and part of the hint.
fn check(changes: &[(&str, &str)], line: usize, message: &str, hint: &str) {
    check_error(&load(changes).unwrap_err(), line, message, hint);
}

fn check_error(error: &ConfigError, line: usize, message: &str, hint: &str) {
    assert_eq!(error.message, message);
    assert_eq!(error.place.position.map(|(line, _)| line), Some(line), "{error}");
    assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{message}");
}

#[test]
fn a_channel_is_read() {
    let config = load(&[("events", "[\"approval.*\", \"execution.unknown\"]")]).unwrap();
    let channel = &config.channels[0];
    let events: Vec<_> = channel.events.iter().copied().collect();
    let expected = ["approval.asked", "approval.ended", "approval.voted", "execution.unknown"];
    assert_eq!(events, expected);
    assert_eq!(channel.retry.backoff.attempts_max, 12);
    assert!(!format!("{config:?}").contains("MfKQ9r8G"), "a secret shows");
}

#[test]
fn names_and_events_are_checked() {
    check(&[("name", "\"Ops!\"")], 2, "`Ops!` is no channel name", "lower-case");
    check(&[("events", "[\"aproval.*\"]")], 4, "no event is named `aproval.*`", "approval.asked");
    check(&[("events", "[]")], 4, "an empty list of events tells nothing", "[\"*\"]");
    let channel: String = GOOD.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let error = text(&format!("[[channel]]\n{channel}\n[[channel]]\n{channel}")).unwrap_err();
    assert_eq!(error.message, "another channel is named `ops`");
    assert_eq!(error.place.position.map(|(line, _)| line), Some(9));
}

#[test]
fn what_is_sent_goes_where_nobody_else_can_read_it() {
    let plain = "whoever is between could read what is sent there";
    check(&[("url", "\"http://hooks.example/\"")], 5, plain, "https");
    check(&[("url", "\"ftp://hooks.example/\"")], 5, plain, "https");
    let named = "a URL must not hold a name or a password";
    check(&[("url", "\"https://a:b@hooks.example/\"")], 5, named, "");
    check(
        &[("url", "")],
        1,
        "a channel of kind `webhook` needs `url`, to which requests are sent",
        "",
    );
    let near = "`169.254.169.254` is not an address of the internet";
    check(&[("url", "\"https://169.254.169.254/\"")], 5, near, "allowed-addresses");
    let near = [("url", "\"https://10.1.2.3/\""), ("allowed-addresses", "[\"10.1.0.0/16\"]")];
    assert!(load(&near).is_ok());
    assert!(load(&[("url", "\"http://127.0.0.1:1/\"")]).is_ok());
    check(&[("allowed-addresses", "[\"ten\"]")], 7, "`ten` is no network", "10.1.0.0/16");
}

#[test]
fn a_secret_is_strong_and_elsewhere() {
    let weak = "the secret is not `whsec_` and 24 to 64 random bytes in base64";
    check(&[("secret-file", "\"weak\"")], 6, weak, "openssl rand");
    let missing = "a channel of kind `webhook` needs `secret-file` or `secret-env`";
    check(&[("secret-file", "")], 1, missing, "");
    let unset = "there is nothing in the environment variable `WRIT_TEST_NOT_SET`";
    let variable = ("secret-env", "\"WRIT_TEST_NOT_SET\"");
    check(&[("secret-file", ""), variable], 6, unset, "set it");
    check(&[variable], 7, "the secret is in two places", "keep one");
    check(&[("secret", "\"whsec_a\"")], 7, "unknown key `secret` in `channel[0]`", "secret-file");
}

#[test]
fn bounds_have_bounds() {
    let out = "`channel.attempts-max` is 0, must be 1 to 1000";
    check(&[("attempts-max", "0")], 7, out, "");
    let out = "`channel.backoff-ms` is 600000, must be 1 to 300000";
    check(&[("backoff-ms", "600000")], 7, out, "");
    let out = "`channel.timeout-ms` is 60001, must be 1 to 60000";
    check(&[("timeout-ms", "60001")], 7, out, "");
}

const MAIL: &[(&str, &str)] = &[
    ("name", "\"letters\""),
    ("kind", "\"mail\""),
    ("events", "[\"approval.asked\"]"),
    ("relay", "\"smtp.example\""),
    ("from", "\"Writ <writ@example.com>\""),
    ("people", "{ \"user:ann\" = \"ann@example.com\" }"),
];

/// A configuration of one channel that sends letters, with some keys otherwise.
fn mail(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    text(&format!("{}[server]\npublic-url = \"https://writ.example\"\n", section(MAIL, changes)))
}

fn check_mail(changes: &[(&str, &str)], line: usize, message: &str, hint: &str) {
    check_error(&mail(changes).unwrap_err(), line, message, hint);
}

#[test]
fn a_channel_that_sends_letters_is_read() {
    let config = mail(&[]).unwrap();
    let Kind::Mail(mail) = &config.channels[0].kind else { panic!("it sends letters") };
    assert_eq!((mail.relay.host.as_str(), mail.relay.port), ("smtp.example", 587));
    assert_eq!(mail.relay.security, Security::StartTls);
    assert!(mail.relay.credentials.is_none());
    // Its own name is answered, and a form may come from its own pages.
    assert_eq!(config.server.allowed_hosts, ["writ.example"]);
    assert_eq!(config.server.allowed_origins, ["https://writ.example"]);
    for (relay, tls, expected) in [
        ("smtp.example", "tls", ("smtp.example", 465)),
        ("smtp.example:2465", "tls", ("smtp.example", 2465)),
        ("127.0.0.1:2525", "none", ("127.0.0.1", 2525)),
        ("[::1]:2525", "none", ("::1", 2525)),
        ("localhost", "none", ("localhost", 25)),
    ] {
        let config =
            self::mail(&[("relay", &format!("\"{relay}\"")), ("tls", &format!("\"{tls}\""))]);
        let config = config.unwrap();
        let Kind::Mail(mail) = &config.channels[0].kind else { panic!("it sends letters") };
        assert_eq!((mail.relay.host.as_str(), mail.relay.port), expected, "{relay}");
    }
}

#[test]
fn letters_lead_somewhere_and_nobody_reads_them_on_the_way() {
    let needs = "a channel of kind `mail` needs `public-url` of `[server]`, to which the links in letters lead";
    check_error(&text(&section(MAIL, &[])).unwrap_err(), 1, needs, "");
    let plain = "whoever is between could read the letters, and answer in people's names";
    check_mail(&[("tls", "\"none\"")], 8, plain, "starttls");
    check_mail(
        &[("relay", "\"smtp.example/a\"")],
        5,
        "`smtp.example/a` is no relay",
        "smtp.example:587",
    );
    check_mail(
        &[("relay", "")],
        1,
        "a channel of kind `mail` needs `relay`, the SMTP server that takes letters",
        "",
    );
    check_mail(
        &[("user", "\"writ\"")],
        1,
        "a channel of kind `mail` needs `secret-file` or `secret-env`",
        "",
    );
    check_mail(
        &[("secret-file", "\"secret\"")],
        1,
        "a channel of kind `mail` needs `user`, whose secret this is",
        "",
    );
    check_mail(
        &[("url", "\"https://hooks.example/\"")],
        8,
        "a channel of kind `mail` has no `url`",
        "",
    );
    check_mail(
        &[("events", "[\"approval.*\"]")],
        4,
        "letters ask people, and tell nothing else",
        "approval.asked",
    );
    for (url, message) in [
        ("http://writ.example", "whoever is between could read what is sent there"),
        ("https://ann@writ.example", "a public URL ends with its path, and names nobody"),
        ("https://writ.example/?a", "a public URL ends with its path, and names nobody"),
    ] {
        let error = text(&format!("[server]\npublic-url = \"{url}\"\n")).unwrap_err();
        check_error(&error, 2, message, "");
    }
}

#[test]
fn people_and_groups_are_named_as_policies_name_them() {
    let people = |table: &str| mail(&[("people", table)]).unwrap_err().message;
    assert!(people("{ ann = \"ann@example.com\" }").contains("does not begin with `user:`"));
    assert!(people("{ \"user:ann\" = \"ann\" }").contains("this is no address"));
    assert!(
        people("{ \"user:ann\" = \"a@b.example\\r\\nBcc: c@d.example\" }").contains("no address")
    );
    let twice = people("{ \"user:ann\" = \"a@b.example\", \"user:ANN\" = \"c@d.example\" }");
    assert!(twice.contains("in two spellings"), "{twice}");
    let groups = |table: &str| mail(&[("groups", table)]);
    assert!(groups("{ \"group:finance\" = [\"user:Ann\"] }").is_ok());
    let stranger = groups("{ \"group:finance\" = [\"user:bob\"] }").unwrap_err();
    assert_eq!(stranger.message, "`user:bob` is not in `people`");
    assert!(groups("{ finance = [] }").unwrap_err().message.contains("`group:`"));
}

const SLACK: &[(&str, &str)] = &[
    ("name", "\"payments\""),
    ("kind", "\"slack\""),
    ("events", "[\"approval.*\"]"),
    ("url-file", "\"webhook\""),
    ("secret-file", "\"secret\""),
    ("people", "{ U1ANN = \"user:ann\" }"),
];

fn check_slack(changes: &[(&str, &str)], line: usize, message: &str, hint: &str) {
    check_error(&text(&section(SLACK, changes)).unwrap_err(), line, message, hint);
}

#[test]
fn a_channel_in_slack_is_read_and_its_address_is_a_secret() {
    let config =
        text(&section(SLACK, &[("groups", "{ \"group:ops\" = [\"user:ann\"] }")])).unwrap();
    let Kind::Slack(slack) = &config.channels[0].kind else { panic!("it is in Slack") };
    assert_eq!(slack.people["U1ANN"].as_str(), "ann");
    assert_eq!(slack.endpoint.url.host_str(), Some("hooks.slack.com"));
    let known = "a channel of kind `slack` has no `url`";
    check_slack(&[("url", "\"https://hooks.slack.com/services/a\"")], 8, known, "");
    let needs = "a channel of kind `slack` needs `url-file` or `url-env`";
    check_slack(&[("url-file", "")], 1, needs, "");
    check_slack(
        &[("secret-file", "\"short\"")],
        6,
        "this is no signing secret of Slack: it is too short",
        "Basic",
    );
    let id = "`@ann` is no id of a Slack user";
    check_slack(&[("people", "{ \"@ann\" = \"user:ann\" }")], 7, id, "U2CERLKJA");
    let name = "`ann` does not begin with `user:`";
    check_slack(&[("people", "{ U1ANN = \"ann\" }")], 7, name, "user:name");
}
