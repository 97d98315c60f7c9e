//! Keeps notes in the directory that it is granted, before and after it asks people: it would write them
//! twice if a run that begins again did what the one before has done.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::tool_bindings::writ::host::files::{self, Error};
use writ_hostile::{Json, ToolRule, ask};

struct ToolNotes;

impl ToolRule for ToolNotes {
    const NAME: &str = "tool-notes";

    fn call(_arguments: Json) -> Result<Json, String> {
        append("began")?;
        ask("user:tess")?;
        append("ended")?;
        let removed = files::remove("removed").map_err(|error| format!("{error:?}"))?;
        let names = files::list_names("").map_err(|error| format!("{error:?}"))?;
        Ok(format!("{{\"removed\":{removed},\"names\":{names:?}}}"))
    }
}

fn append(word: &str) -> Result<(), String> {
    let mut notes = match files::read("notes") {
        Ok(notes) => notes,
        Err(Error::NotFound) => Vec::new(),
        Err(error) => return Err(format!("{error:?}")),
    };
    notes.extend(word.bytes());
    notes.push(b'\n');
    files::write("notes", &notes).map_err(|error| format!("{error:?}"))
}

writ_hostile::tool!(ToolNotes);
