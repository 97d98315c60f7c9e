//! Texts that callers give, as columns can hold them.
//!
//! PostgreSQL's texts hold every character but U+0000. So a backslash becomes two, and U+0000 a
//! backslash and a zero: different texts stay different, and most stay as they are. JSON needs none
//! of this: it writes U+0000 as an escape of its own.

use std::borrow::Cow;

/// A text as it is kept.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    match text.contains(['\0', '\\']) {
        true => text.replace('\\', "\\\\").replace('\0', "\\0").into(),
        false => text.into(),
    }
}

/// The text that was kept.
pub(super) fn read(kept: String) -> String {
    if !kept.contains('\\') {
        return kept;
    }
    let mut text = String::with_capacity(kept.len());
    let mut letters = kept.chars();
    while let Some(letter) = letters.next() {
        let escaped = (letter == '\\').then(|| letters.next()).flatten();
        text.push(match escaped {
            Some('0') => '\0',
            Some(other) => other,
            None => letter,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_text_is_kept_as_it_is() {
        assert!(matches!(kept("user:ä 'x'\n"), Cow::Borrowed(_)));
        assert_eq!(kept("a\0b\\0"), "a\\0b\\\\0");
    }

    proptest! {
        #[test]
        fn a_text_reads_back(text in "[a0\\\\\0ä]{0,12}") {
            let kept = kept(&text).into_owned();
            prop_assert!(!kept.contains('\0'));
            prop_assert_eq!(read(kept), text);
        }
    }
}
