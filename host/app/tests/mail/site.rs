//! A server with a channel of kind `mail`, and how people use the links in its letters.

use writ_testkit::http::{Client, Reply};

use crate::relay::Relay;
use crate::world::World;

/// `Ann` is asked by name, Bob as one of `finance`, and Cid by nobody.
pub(crate) const PEOPLE: &str = r#"
[channel.people]
"user:ann" = "ann@example.com"
"user:Bob" = "bob@example.com"
"user:cid" = "cid@example.com"

[channel.groups]
"group:FINANCE" = ["user:bob"]

[server]
public-url = "http://127.0.0.1/writ"
"#;

/// A channel that sends its letters to a relay; `more` are further keys of it.
pub(crate) fn channel(relay: &Relay, more: &str) -> String {
    format!(
        "\n[[channel]]\nname = \"letters\"\nkind = \"mail\"\nevents = [\"approval.asked\"]\n\
         relay = \"{}\"\ntls = \"none\"\nfrom = \"Writ <writ@example.com>\"\n\
         backoff-ms = 10\ntimeout-ms = 5000\n{more}{PEOPLE}",
        relay.address
    )
}

pub(crate) fn world(relay: &Relay) -> World {
    World::with(&channel(relay, ""), "")
}

/// Somebody without any key.
pub(crate) fn browser(world: &World) -> Client {
    world.server.client().without_key()
}

/// Opens a link.
pub(crate) fn open(world: &World, link: &str) -> Reply {
    browser(world).get(link).unwrap()
}

/// Sends a page's form.
pub(crate) fn send(world: &World, link: &str, form: &str) -> Reply {
    send_by(&mut browser(world), link, form)
}

pub(crate) fn send_by(client: &mut Client, link: &str, form: &str) -> Reply {
    let head = format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        client.head("POST", link),
        form.len()
    );
    client.send(&head, form.as_bytes()).unwrap()
}
