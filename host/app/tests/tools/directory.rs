//! A directory that is granted to a tool: what it may do there, and that it gets nowhere else.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;
use writ_testkit::guests;

use crate::hostile::is_refused;
use crate::world::{Tables, World, on_both, text};

on_both! {
    what_a_tool_writes_is_written_once_however_often_it_runs,
}

fn tool(name: &str, access: &str) -> String {
    format!(
        "[[tools]]\nname = \"{name}\"\nsource = \"{name}.wasm\"\n\
         directory = {{ path = \"files\", access = \"{access}\" }}\n"
    )
}

/// A world with a tool, and the directory that it is granted.
fn world(tables: Tables, guest: &str, access: &str) -> (World, PathBuf) {
    let name = guest.strip_prefix("hostile/tool-").unwrap();
    let (file, guest) = (format!("{name}.wasm"), guests::bytes(guest));
    // The directory is there before the server is.
    let place = [(file.as_str(), guest), ("files/removed", b"r".to_vec())];
    let world = World::on(tables, 0, &tool(name, access), &place);
    let files = world.server.directory().join("files");
    (world, files)
}

fn what_a_tool_writes_is_written_once_however_often_it_runs(tables: Tables) {
    let (mut world, files) = world(tables, "hostile/tool-notes", "read-write");
    let asked = world.ask("notes", &json!({"cents": 1}));
    world.until_status(&asked, "suspended");
    assert_eq!(std::fs::read_to_string(files.join("notes")).unwrap(), "began\n");
    world.kill();
    // What happens to the file meanwhile is not what the tool was told.
    std::fs::write(files.join("notes"), "changed\n").unwrap();
    world.answer(&asked, 0, "approve");
    let ended = world.until_status(&asked, "succeeded");
    assert_eq!(std::fs::read_to_string(files.join("notes")).unwrap(), "changed\nended\n");
    assert_eq!(ended["result"], json!({"removed": true, "names": ["notes"]}));
}

#[test]
fn what_is_granted_for_reading_is_not_written() {
    let (world, files) = world(Tables::Sqlite, "hostile/tool-notes", "read");
    let asked = world.ask("notes", &json!({"cents": 1}));
    let failed = world.until_status(&asked, "failed");
    assert!(text(&failed["error"]).contains("ReadOnly"), "{failed}");
    assert!(!files.join("notes").exists());
}

#[test]
fn no_way_leads_out_of_the_directory() {
    let (world, files) = world(Tables::Sqlite, "hostile/tool-escape", "read-write");
    let secret = world.server.directory().join("secret");
    std::fs::write(&secret, "s").unwrap();
    std::fs::create_dir(files.join("below")).unwrap();
    symlink("../secret", files.join("out")).unwrap();
    symlink("..", files.join("up")).unwrap();
    let asked = world.ask("escape", &json!({"cents": 1}));
    let ended = world.until_status(&asked, "succeeded");
    assert_eq!(ended["result"], json!([]), "it got hold of something");
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "s");
    let mut left: Vec<_> =
        std::fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["below", "out", "removed", "up"]);
}

#[test]
fn a_directory_that_is_not_there_is_refused_at_start_with_its_line() {
    let escape = || guests::bytes("hostile/tool-escape");
    let config = |directory: &str| {
        format!("[[tools]]\nname = \"a\"\nsource = \"hostile.wasm\"\n{directory}\n")
    };
    let check = |directory: &str, told: &[&str]| is_refused(&config(directory), escape(), told);
    check("", &["the import `writ:host/files@0.1.0` is not granted", "`directory`"]);
    let absent = ["writ.toml:4:22", "there is no directory `absent`", "hint: make it"];
    check("directory = { path = \"absent\" }", &absent);
    check("directory = { path = \"..\" }", &["writ.toml:4:22", "leads outside"]);
    check("directory = { path = \"hostile.wasm\" }", &["is no directory"]);
    check("directory = { path = \".\", access = \"write\" }", &["writ.toml:4", "`write`"]);
}
