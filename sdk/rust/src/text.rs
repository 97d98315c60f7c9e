//! Text within bounds.

/// The text, or its beginning and `…` where it has more than `chars_max` characters.
pub(crate) fn clip(mut text: String, chars_max: usize) -> String {
    if text.len() <= chars_max {
        return text;
    }
    let mut starts = text.char_indices().map(|(at, _)| at);
    let Some(cut) = starts.nth(chars_max.saturating_sub(1)) else { return text };
    if starts.next().is_some() {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// An error without the place where reading stopped: the host writes what is read on one line, so that
/// nobody finds anything there.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) if error.line() > 0 => what.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{clip, without_place};

    #[test]
    fn an_error_tells_no_place_that_nobody_finds() {
        let error = |text: &str| serde_json::from_str::<Vec<bool>>(text).unwrap_err();
        let what = without_place(&error("[1]"));
        assert_eq!(what, "invalid type: integer `1`, expected a boolean");
    }

    #[test]
    fn only_what_is_too_long_is_cut() {
        assert_eq!(clip("abc".into(), 3), "abc");
        assert_eq!(clip("éèê".into(), 3), "éèê");
        assert_eq!(clip("abcd".into(), 3), "ab…");
        assert_eq!(clip("éèêë".into(), 3), "éè…");
    }
}
