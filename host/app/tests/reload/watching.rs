//! Files that change in the ways in which files change: nobody asks for anything.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::world::{World, allowing};

#[test]
fn a_file_that_is_written_in_place_or_renamed_over_decides() {
    let world = World::start(&allowing("\"read\""), &[]);
    for (number, action) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let text = allowing(&format!("{action:?}"));
        match number % 2 {
            0 => world.write("writ.toml", text),
            _ => world.replace("writ.toml", text),
        }
        world.until(action, |world| world.allows(action));
        assert!(!world.allows("read"));
    }
    assert_eq!(world.status()["trigger"], "file");
}

#[test]
fn an_editor_that_moves_the_file_away_first_is_followed() {
    let world = World::start(&allowing("\"read\""), &[]);
    let path = world.directory().join("writ.toml");
    fs::rename(&path, world.directory().join("writ.toml~")).unwrap();
    world.until("it is missed", |world| world.status()["failure"].is_object());
    assert!(world.allows("read"));
    world.write("writ.toml", allowing("\"write\""));
    world.until("it is back", |world| world.allows("write"));
}

#[test]
fn a_link_that_is_swapped_is_followed_as_kubernetes_does() {
    let world = World::start(&allowing("\"read\""), &[]);
    let root = world.directory().to_owned();
    let version = |name: &str, actions: &str| {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("writ.toml"), allowing(actions)).unwrap();
        symlink(name, root.join("..next")).unwrap();
        fs::rename(root.join("..next"), root.join("..data")).unwrap();
    };
    version("..1", "\"one\"");
    symlink("..data/writ.toml", root.join("linked")).unwrap();
    fs::rename(root.join("linked"), root.join("writ.toml")).unwrap();
    world.until("the first link", |world| world.allows("one"));
    version("..2", "\"two\"");
    world.until("the swapped link", |world| world.allows("two"));
    fs::remove_dir_all(root.join("..1")).unwrap();
    assert!(world.allows("two") && !world.allows("one"));
}

#[test]
fn settings_and_cases_are_watched_as_well() {
    let config = "[tests]\ndirectory = \"cases\"\n[[binding]]\nname = \"tools\"\nsource = \"builtin:tool-list\"\nsettings-file = \"tools.json\"\n";
    let case = |action: &str| {
        let request = json!({
            "subject": {"type": "agent", "id": "a1"},
            "action": {"name": action},
            "resource": {"type": "tool", "id": "t1"},
        });
        json!({"name": "one", "request": request, "expect": {"decision": "allowed"}}).to_string()
    };
    let place = [
        ("tools.json", br#"{"allow": ["read"]}"#.to_vec()),
        ("cases/one.json", case("read").into_bytes()),
    ];
    let world = World::start(config, &place);
    world.write("tools.json", r#"{"allow": ["read", "list"]}"#);
    world.until("the settings", |world| world.allows("list"));
    world.write("cases/two.json", case("write"));
    world.until("the case that is new", |world| world.status()["failure"]["phase"] == "cases");
    fs::remove_file(world.directory().join("cases/two.json")).unwrap();
    world.until("the case that is gone", |world| world.status().get("failure").is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn half_of_a_file_that_is_written_during_a_reload_decides_nothing() {
    use std::io::Write as _;

    let world = World::start(&allowing("\"read\""), &[]);
    let tasks = format!("/proc/{}/task", world.server.id());
    let compiles = || {
        let tasks = fs::read_dir(&tasks).unwrap().filter_map(|task| Some(task.ok()?.path()));
        let children = tasks.map(|task| fs::read_to_string(task.join("children")));
        children.flatten().any(|children| !children.is_empty())
    };
    let never_compiled = "[[binding]]\nname = \"eyes\"\nsource = \"builtin:four-eyes\"\nmatch = { action = \"x\" }\nsettings = { requirement = { stages = [{ approvers = [\"group:a\"] }] } }\n";
    world.write("writ.toml", allowing("\"one\"") + never_compiled);
    world.until("it compiles", |_| compiles());
    let mut file = fs::File::create(world.directory().join("writ.toml")).unwrap();
    file.write_all(allowing("\"half\"").as_bytes()).unwrap();
    world.until("it compiles no more", |_| !compiles());
    for _ in 0..1_000 {
        assert!(!world.allows("half"), "half of a file decides");
    }
    let rest = "[[binding]]\nname = \"more\"\nsource = \"builtin:tool-list\"\nsettings = { allow = [\"whole\"] }\n";
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    world.until("all of it", |world| world.allows("whole"));
}
