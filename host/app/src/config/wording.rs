//! From serde's texts to ours: no Rust names, and the nearest known key as a hint.
//!
//! serde gives its errors as text only. The phrases taken apart here are the documented defaults
//! of `serde::de::Error`; a phrase that is not known stays as it is.

/// What is wrong, and a hint, from one of serde's messages about the value at `path`.
pub(crate) fn of_serde(message: &str, path: &str) -> (String, Option<String>) {
    unknown(message, "unknown field ", "key", path)
        .or_else(|| unknown(message, "unknown variant ", "value", path))
        .or_else(|| missing(message, path))
        .or_else(|| mistyped(message, path))
        .unwrap_or_else(|| (format!("{}{message}", prefix(path)), None))
}

/// A hint that names what comes near, or else everything that would do.
pub(crate) fn suggest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let distance = |name: &&&str| strsim::damerau_levenshtein(unknown, name);
    match known.iter().min_by_key(distance) {
        Some(near) if distance(&near) <= 1 + unknown.len() / 4 => format!("did you mean `{near}`?"),
        Some(_) => format!("known here: {}", known.join(", ")),
        None => "nothing can be written here".to_owned(),
    }
}

fn unknown(
    message: &str,
    phrase: &str,
    what: &str,
    path: &str,
) -> Option<(String, Option<String>)> {
    let mut quoted = message.strip_prefix(phrase)?.split('`').skip(1).step_by(2);
    let name = quoted.next()?;
    let within = path.strip_suffix(name).unwrap_or(path).trim_end_matches('.');
    let within = match within {
        "" => "at the top level".to_owned(),
        within => format!("in `{within}`"),
    };
    Some((format!("unknown {what} `{name}` {within}"), Some(suggest(name, quoted))))
}

fn missing(message: &str, path: &str) -> Option<(String, Option<String>)> {
    let name = message.strip_prefix("missing field ")?;
    let within = match path {
        "" | "." => String::new(),
        path => format!(" in `{path}`"),
    };
    Some((format!("key {name} is missing{within}"), None))
}

fn mistyped(message: &str, path: &str) -> Option<(String, Option<String>)> {
    let rest =
        ["invalid type: ", "invalid value: "].iter().find_map(|p| message.strip_prefix(p))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let found = found.trim_end_matches(" as i128").trim_end_matches(" as u128");
    let expected = plain(expected);
    let text = format!("{}must be {expected}, but is {found}", prefix(path));
    Some((text, written(expected, found, path)))
}

/// How a value of the expected kind is written.
fn written(expected: &str, found: &str, path: &str) -> Option<String> {
    let key = path.rsplit('.').next().unwrap_or(path);
    Some(match expected {
        "a string" => "put it in quotes: `\"...\"`".to_owned(),
        "a boolean" => "write `true` or `false`, without quotes".to_owned(),
        "a whole number" => "write digits alone, without quotes or a point".to_owned(),
        COUNT => "write digits alone, without quotes, a sign or a point".to_owned(),
        "a list" if found == "map" => format!("write `[[{key}]]` in place of `[{key}]`"),
        "a list" => "put it in brackets: `[...]`".to_owned(),
        "a table" if path == key => format!("write `[{key}]`, and its keys below"),
        "a table" => "put its keys in braces: `{ key = ... }`".to_owned(),
        GLOBS => "write `\"read_*\"` or `[\"read_*\", \"list\"]`".to_owned(),
        _ => return None,
    })
}

const COUNT: &str = "a whole number of 0 or more";
/// What `match` says of its parts.
pub(crate) const GLOBS: &str = "a glob or a list of globs";

fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => COUNT,
        "i32" | "i64" | "isize" => "a whole number",
        "a map" => "a table",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn prefix(path: &str) -> String {
    match path {
        "" | "." => String::new(),
        path => format!("`{path}` "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_answered_with_the_nearest_key() {
        let known = ["name", "source", "settings"];
        assert_eq!(suggest("soruce", known), "did you mean `source`?");
        assert_eq!(suggest("zzz", known), "known here: name, source, settings");
    }

    #[test]
    fn each_kind_of_value_is_told_how_to_write_it() {
        for (message, path) in [
            ("invalid type: integer `3`, expected a string", "server.listen"),
            ("invalid type: string \"yes\", expected a boolean", "engine.memo"),
            ("invalid type: string \"1\", expected i64", "binding[0].order"),
            ("invalid type: floating point `1.5`, expected usize", "binding[0].limits.handles-max"),
            ("invalid type: map, expected a sequence", "binding"),
            ("invalid type: string \"a\", expected a sequence", "server.allowed-hosts"),
            ("invalid type: integer `3`, expected struct Server", "server"),
            ("invalid type: integer `3`, expected a map", "binding[0].settings"),
            (
                "invalid type: integer `3`, expected a glob or a list of globs",
                "binding[0].match.action",
            ),
        ] {
            assert!(of_serde(message, path).1.is_some(), "{message}");
        }
        let (_, hint) = of_serde("invalid type: map, expected a sequence", "binding");
        assert_eq!(hint.unwrap(), "write `[[binding]]` in place of `[binding]`");
    }

    #[test]
    fn no_text_speaks_of_rust() {
        let (text, _) = of_serde("invalid value: integer `-1`, expected u64", "limits.fuel");
        assert_eq!(text, "`limits.fuel` must be a whole number of 0 or more, but is integer `-1`");
        let (text, _) =
            of_serde("invalid type: integer `9223372036854775808` as i128, expected u64", "a");
        assert_eq!(
            text,
            "`a` must be a whole number of 0 or more, but is integer `9223372036854775808`"
        );
        let (text, _) = of_serde("invalid type: integer `3`, expected struct RawServer", "server");
        assert_eq!(text, "`server` must be a table, but is integer `3`");
    }
}
