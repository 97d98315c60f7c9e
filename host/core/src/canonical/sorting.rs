//! Canonical JSON of our own types, written at once: the members of an object are put in order when it
//! ends, where they are not.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::ops::Range;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// What has been written so far: by the serializer, and looked at by what puts it in order.
type Text = RefCell<Vec<u8>>;

/// The text of one of our own types, whose integers are times, counts and versions: far below 2^53,
/// up to which integers are exact doubles, and whose raw parts are canonical ([`crate::Json`]).
pub(crate) fn text(of: &impl Serialize) -> String {
    let text = Text::new(Vec::with_capacity(1_024));
    let order = Order { text: &text, members: Vec::new(), open: Vec::new() };
    let mut serializer = Serializer::with_formatter(Sink(&text), order);
    of.serialize(&mut serializer).expect("our own types are plain JSON");
    String::from_utf8(text.into_inner()).expect("JSON is written as UTF-8")
}

struct Sink<'a>(&'a Text);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes as little as can be, and each object's members in order.
struct Order<'a> {
    text: &'a Text,
    /// Where members begin, of all objects that have not ended.
    members: Vec<usize>,
    /// How many members there were before each of those objects.
    open: Vec<usize>,
}

impl Formatter for Order<'_> {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(serde_json_canonicalizer::to_string(&value)?.as_bytes())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push(self.members.len());
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.members.push(self.text.borrow().len());
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let first = self.open.pop().unwrap_or_default();
        sort(&mut self.text.borrow_mut(), &self.members[first..]);
        self.members.truncate(first);
        writer.write_all(b"}")
    }
}

/// Puts the members of the object at the end of a text in order, by the UTF-16 units of their names
/// (RFC 8785, section 3.2.3).
fn sort(text: &mut Vec<u8>, members: &[usize]) {
    let is_before = |pair: &[usize]| order(&text[pair[0]..], &text[pair[1]..]).is_lt();
    if members.windows(2).all(is_before) {
        return;
    }
    let start = members[0];
    let ends = members[1..].iter().map(|next| next - ",".len()).chain([text.len()]);
    let mut ranges: Vec<Range<usize>> =
        members.iter().copied().zip(ends).map(|(at, end)| at..end).collect();
    ranges.sort_by(|one, other| order(&text[one.clone()], &text[other.clone()]));
    let sorted: Vec<&[u8]> = ranges.into_iter().map(|range| &text[range]).collect();
    let sorted = sorted.join(&b',');
    text.truncate(start);
    text.extend_from_slice(&sorted);
}

/// The order of two members, by their names, which they begin with.
fn order(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    let (one, other) = (name(one), name(other));
    match one.is_ascii() && other.is_ascii() {
        true => one.cmp(&other),
        false => one.encode_utf16().cmp(other.encode_utf16()),
    }
}

/// The name that a member begins with.
fn name(member: &[u8]) -> Cow<'_, str> {
    let mut names = serde_json::Deserializer::from_slice(member).into_iter::<Cow<'_, str>>();
    names.next().and_then(Result::ok).expect("a member begins with its name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::Json;
    use crate::canonical::tests::value;

    #[derive(Serialize)]
    struct Record<'a> {
        name: &'a str,
        #[serde(flatten)]
        others: Value,
        at: f64,
        json: Json,
    }

    fn check(of: &impl Serialize) {
        let value = serde_json::to_value(of).unwrap();
        assert_eq!(text(of), serde_json_canonicalizer::to_string(&value).unwrap());
    }

    #[test]
    fn members_are_put_in_order() {
        let json = Json::parse(r#"{"z": [{"b": 1, "a": 2}], "y": {}}"#).unwrap();
        let others =
            json!({"\u{fb33}": 1, "\u{1f600}": {"q": {}, "p": []}, "\r": 3, "na": 4, "é": 5});
        check(&Record { name: "n", others, at: 1e21, json });
        check(&[json!(null), json!({}), json!([{"b": [], "a": {"d": 1, "c": 2}}])]);
    }

    proptest! {
        #[test]
        fn what_is_quick_is_what_the_general_writer_gives(value in value()) {
            check(&Record { name: "quick", others: json!({"one": value}), at: 0.5, json: Json::empty_object() });
        }
    }
}
