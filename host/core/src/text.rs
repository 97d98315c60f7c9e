//! Texts of somebody else's, which may hold what nobody sees.

/// Whether nobody sees a character: a control, a separator of lines, what Unicode calls
/// `Default_Ignorable_Code_Point`, or the empty Braille pattern. In a text of somebody else's it could make
/// that look like another.
pub fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{2800}' | '\u{3164}' | '\u{feff}')
        || matches!(letter, '\u{ffa0}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}')
        || matches!(letter, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}')
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(letter, '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fff8}')
        || matches!(letter, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || matches!(letter, '\u{e0000}'..='\u{e0fff}')
}

/// A text of somebody else's, as it can be shown: what nobody sees stands there as `\u{…}`, so that
/// nothing begins a line, moves a cursor, turns other text around, or hides.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_invisible(letter) {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    shown
}

/// The beginning of such a text, for an error or a log: `chars_max` characters of it.
pub fn shown(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", visible(&text[..end])),
        None => visible(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shown("äöü", 3), "äöü");
        assert_eq!(shown("äö\nü", 3), "äö\\u{a}…");
    }

    #[test]
    fn nothing_of_others_forges_a_line_or_hides() {
        assert_eq!(visible("an agent \u{e9}"), "an agent \u{e9}");
        assert_eq!(visible("ann\u{3164}\u{2800}"), "ann\\u{3164}\\u{2800}");
        assert_eq!(
            visible("a\nb\u{1b}[1A\u{202e}c\u{2028}"),
            "a\\u{a}b\\u{1b}[1A\\u{202e}c\\u{2028}"
        );
    }
}
