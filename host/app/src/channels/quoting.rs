//! What policies and others wrote, as it stands in messages of ours: none of it can pass for ours.

use writ_core::text::is_invisible;

/// A text, marked as somebody else's on each of its lines.
pub(super) fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {}\n", one_line(line))).collect()
}

/// A text without what begins a line, or hides.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|letter| if is_invisible(letter) { ' ' } else { letter }).collect()
}
