//! What commands write for people.

use std::io::{self, Write};

use crate::cli::exit::Failure;

/// Writes a command's answer. That nobody reads it any more (`writ inspect | head`) is no error.
pub(super) fn to_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("standard output cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a value as indented JSON.
pub(super) fn json_to_stdout(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("answers are always JSON");
    to_stdout(&format!("{text}\n"))
}

/// Writes an error; where even that fails, nobody is left to be told.
pub(super) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A label and a value, in two columns; further lines of the value stand under its first.
pub(super) fn row(label: &str, value: impl std::fmt::Display) -> String {
    let value = value.to_string().replace('\n', &format!("\n{:15}", ""));
    format!("  {label:<12} {value}\n")
}

/// Several values, one a line; `none` where there are none.
pub(super) fn lines<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let lines: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}
