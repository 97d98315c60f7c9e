//! Storage keys made of parts.

/// Joins parts to one storage key, so that different parts never make the same key: `%` and `/`
/// inside of a part are written `%25` and `%2F`, and `/` stands between parts.
///
/// The host refuses keys longer than 256 bytes.
pub fn key<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut key = String::new();
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            key.push('/');
        }
        for letter in part.chars() {
            match letter {
                '%' => key.push_str("%25"),
                '/' => key.push_str("%2F"),
                other => key.push(other),
            }
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn different_parts_make_different_keys() {
        assert_eq!(key(["subject", "user", "alice"]), "subject/user/alice");
        assert_eq!(key(["a/b", "c"]), "a%2Fb/c");
        assert_eq!(key(["a", "b/c"]), "a/b%2Fc");
        assert_eq!(key(["a%2Fb", "c"]), "a%252Fb/c");
        assert_eq!(key(["a", ""]), "a/");
    }
}
