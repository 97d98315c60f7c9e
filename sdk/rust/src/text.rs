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

#[cfg(test)]
mod tests {
    use super::clip;

    #[test]
    fn only_what_is_too_long_is_cut() {
        assert_eq!(clip("abc".into(), 3), "abc");
        assert_eq!(clip("éèê".into(), 3), "éèê");
        assert_eq!(clip("abcd".into(), 3), "ab…");
        assert_eq!(clip("éèêë".into(), 3), "éè…");
    }
}
