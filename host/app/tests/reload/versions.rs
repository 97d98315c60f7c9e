//! Versions: which there are, what differs, and deciding by another one.

use std::net::TcpListener;

use serde_json::{Value, json};
use writ_core::Digest;

use super::world::{World, allowing};

impl World {
    fn get(&self, path: &str) -> Value {
        let reply = self.client().get(path).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    fn post(&self, path: &str) -> (u16, Value) {
        let reply = self.client().post(path, "{}").unwrap();
        (reply.status, reply.json())
    }

    /// Has the files say something else, and decides by it.
    fn say(&self, actions: &str) {
        self.write("writ.toml", allowing(actions));
        let reply = self.reload();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn version(&self) -> Value {
        self.status()["version"].clone()
    }
}

#[test]
fn each_set_that_decides_is_a_version() {
    let world = World::start(&allowing("\"one\""), &[]);
    world.say("\"two\"");
    assert_eq!(world.version(), 2);
    let list = world.get("/v1/policy-sets");
    let shown = |item: &Value| (item["id"].clone(), item["active"].clone());
    let items: Vec<_> = list["items"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(items, [(json!(2), json!(true)), (json!(1), json!(false))]);
    assert_eq!(list["items"][0]["policy_set"], world.decide("two").1);
    let page = world.get("/v1/policy-sets?limit=1");
    let next = page["next"].as_str().unwrap();
    assert_eq!(world.get(&format!("/v1/policy-sets?cursor={next}"))["items"][0]["id"], 1);

    let one = world.get("/v1/policy-sets/1");
    assert_eq!(one["bindings"][0]["settings"], json!({"allow": ["one"]}));
    let diff = world.get("/v1/policy-sets/1/diff/2");
    let change = json!({"pointer": "/settings/allow", "from": ["one"], "to": ["two"]});
    assert_eq!(diff["changed"], json!([{"name": "tools", "changes": [change]}]));
    let (code, text) = world.writ(&["policy", "diff", "1", "2"]);
    let expected = "~ tools\n    /settings/allow: [\"one\"] -> [\"two\"]\n";
    assert_eq!((code, text.as_str()), (Some(0), expected));
    let (_, text) = world.writ(&["policy", "list"]);
    assert_eq!(text.lines().filter(|line| line.ends_with("  (decides)")).count(), 1, "{text}");
    let (_, text) = world.writ(&["policy", "show", "1"]);
    assert!(text.contains("\ntools\n") && text.contains(r#"{"allow":["one"]}"#), "{text}");
}

#[test]
fn an_older_version_decides_at_once_and_files_that_say_the_same_do_not_undo_it() {
    let mut world = World::start(&allowing("\"one\""), &[]);
    world.say("\"two\"");
    world.say("\"three\"");
    let (status, told) = world.post("/v1/policies/rollback");
    assert_eq!((status, &told["version"], &told["outcome"]), (200, &json!(2), &json!("activated")));
    assert!(world.allows("two") && !world.allows("three"));
    assert_eq!(world.post("/v1/policy-sets/1/activate").0, 200);
    assert!(world.allows("one"));
    let events = world.events("policy-set.activated", 4);
    let versions: Vec<_> = events.iter().map(|event| event["version"].clone()).collect();
    assert_eq!(versions, [2, 3, 2, 1]);
    assert_eq!(events[3]["by"], "operator");

    // The files say what they said: neither a signal nor a restart takes them.
    world.hang_up();
    world.until("the signal was heard", |world| world.reloads("unchanged") > 0);
    assert_eq!(world.version(), 1);
    world.server.kill();
    world.server.restart();
    assert_eq!((world.version(), world.allows("one")), (json!(1), true));
    // What they say anew is taken, and so is what an operator asks for.
    world.say("\"four\"");
    assert_eq!((world.version(), world.allows("four")), (json!(4), true));
    assert_eq!(world.post("/v1/policy-sets/9/activate").0, 404);
    assert!(world.allows("four"));
}

#[test]
fn who_goes_back_does_not_wait_for_what_files_name() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap();
    let registry =
        format!("[[registry]]\nhost = \"{place}\"\ninsecure = true\ntimeout-ms = 240000\n");
    let set = |actions: &str| registry.clone() + &allowing(actions);
    let world = World::start(&set("\"one\""), &[]);
    world.write("writ.toml", set("\"two\""));
    assert_eq!(world.reload().status, 200);

    let (pinned, component) = (Digest::of("manifest"), Digest::of("component"));
    let pulled = format!(
        "[[binding]]\nname = \"pulled\"\nsource = \"oci:{place}/limits@{pinned}\"\n\
         digest = \"{component}\"\n"
    );
    world.write("writ.toml", set("\"three\"") + &pulled);
    // The files are watched: whoever calls the registry is the host that prepares them.
    let (call, _) = silent.accept().unwrap();
    let (status, told) = world.post("/v1/policies/rollback");
    assert_eq!((status, &told["version"]), (200, &json!(1)), "{told}");
    assert!(world.allows("one"));
    drop((call, silent));
    world.until("the files were refused", |world| world.reloads("refused") > 0);
    assert!(world.allows("one"));
}

#[test]
fn files_that_changed_while_the_host_was_down_decide() {
    let mut world = World::start(&allowing("\"one\""), &[]);
    world.say("\"two\"");
    world.server.kill();
    world.write("writ.toml", allowing("\"one\""));
    world.server.restart();
    assert_eq!((world.version(), world.allows("one")), (json!(1), true));
    assert_eq!(world.events("policy-set.activated", 2)[1]["trigger"], "start");
}

#[test]
fn who_changed_the_set_and_why_is_kept_and_told() {
    let mut world = World::start(&allowing("\"one\""), &[]);
    world.write("writ.toml", allowing("\"two\""));
    let body = json!({"comment": "two is asked for"}).to_string();
    let reply = world.client().post("/v1/policies/reload", &body).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let (code, text) = world.writ(&["policy", "activate", "1", "--comment", "two was wrong"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("by operator") && text.contains("two was wrong"), "{text}");

    let list = world.get("/v1/policy-sets");
    let [two, one] = [0, 1].map(|place| list["items"][place].clone());
    assert_eq!((&one["trigger"], one.get("author")), (&json!("start"), None));
    assert_eq!(one["activated"]["by"], "operator");
    assert_eq!(one["activated"]["comment"], "two was wrong");
    // Files are watched, too: whoever was first made it.
    if two["trigger"] == "request" {
        assert_eq!((&two["author"], &two["comment"]), (&json!("operator"), &body_comment(&body)));
        assert_eq!(world.events("policy-set.activated", 2)[0]["comment"], "two is asked for");
    }
    let last = world.events("policy-set.activated", 2).pop().unwrap();
    assert_eq!((&last["by"], &last["comment"]), (&json!("operator"), &json!("two was wrong")));
    let (_, text) = world.writ(&["policy", "list"]);
    assert!(text.contains(" by operator: two was wrong\n"), "{text}");

    world.server.kill();
    world.server.restart();
    let status = world.status();
    assert_eq!((&status["trigger"], &status["by"]), (&json!("start"), &json!("operator")));
    assert_eq!(status["comment"], "two was wrong");
    let long = json!({"comment": "x".repeat(1_025)}).to_string();
    let reply = world.client().post("/v1/policies/rollback", &long).unwrap();
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(world.allows("one"));
}

#[test]
fn a_comment_on_what_changes_nothing_is_not_kept_and_it_is_told() {
    let world = World::start(&allowing("\"one\""), &[]);
    let check = |body: Value, kept: Value| {
        let reply = world.client().post("/v1/policies/reload", &body.to_string()).unwrap().json();
        assert_eq!((&reply["outcome"], &reply["comment_kept"]), (&json!("unchanged"), &kept));
        assert_eq!(reply.get("comment"), None, "{reply}");
    };
    check(json!({}), Value::Null);
    check(json!({"comment": "once more"}), json!(false));
    let (code, text) = world.writ(&["policy", "reload", "--comment", "once more"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("as it was, and the comment is not kept.\n"), "{text}");
    let (_, text) = world.writ(&["policy", "reload"]);
    assert!(!text.contains("comment"), "{text}");
}

fn body_comment(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["comment"].clone()
}
