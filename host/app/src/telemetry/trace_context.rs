//! The `traceparent` header of W3C Trace Context (level 1), read strictly.
//!
//! A header that breaks the format is treated as absent, as section 4.3 asks. The trace id goes to
//! the log and to the stored decision; no span is made from it here.

use std::fmt;

/// The trace that a caller's request is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 32],
    parent_id: [u8; 16],
    /// Whether the caller records this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a header's value; none where it breaks the format.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (version, rest) = split_hex::<2>(header)?;
        let (trace_id, rest) = split_hex::<32>(rest.strip_prefix(b"-")?)?;
        let (parent_id, rest) = split_hex::<16>(rest.strip_prefix(b"-")?)?;
        let (flags, rest) = split_hex::<2>(rest.strip_prefix(b"-")?)?;
        // A later version may only append, after a dash.
        let ends = match &version {
            b"ff" => false,
            b"00" => rest.is_empty(),
            _ => rest.is_empty() || rest[0] == b'-',
        };
        let is_zero = |id: &[u8]| id.iter().all(|digit| *digit == b'0');
        let valid = ends && !is_zero(&trace_id) && !is_zero(&parent_id);
        let sampled = matches!(flags[1], b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f');
        valid.then_some(Self { trace_id, parent_id, sampled })
    }

    /// The trace id: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        std::str::from_utf8(&self.trace_id).expect("hexadecimal digits are ASCII")
    }

    /// The id of the caller's span: 16 lower-case hexadecimal digits.
    pub fn parent_id(&self) -> &str {
        std::str::from_utf8(&self.parent_id).expect("hexadecimal digits are ASCII")
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.parent_id(), u8::from(self.sampled))
    }
}

/// The first `N` bytes, if they are lower-case hexadecimal digits, and the rest.
fn split_hex<const N: usize>(text: &[u8]) -> Option<([u8; N], &[u8])> {
    let (head, rest) = text.split_first_chunk::<N>()?;
    let hex = head.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    hex.then_some((*head, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn check(header: &str, valid: bool) {
        assert_eq!(TraceContext::parse(header.as_bytes()).is_some(), valid, "{header}");
    }

    #[test]
    fn reads_what_the_standard_gives_as_its_example() {
        let context = TraceContext::parse(VALID.as_bytes()).unwrap();
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.parent_id(), "00f067aa0ba902b7");
        assert!(context.sampled);
        assert_eq!(format!("{context:?}"), VALID);
    }

    #[test]
    fn ignores_what_breaks_the_format() {
        check("", false);
        check(&VALID.to_uppercase(), false);
        check(&VALID[..54], false);
        check(&format!("{VALID}-"), false);
        check(&format!(" {VALID}"), false);
        check(&VALID.replacen("00", "ff", 1), false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false);
        check("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
    }

    #[test]
    fn a_later_version_may_only_append() {
        check(&VALID.replacen("00", "01", 1), true);
        check(&format!("{}-more", VALID.replacen("00", "cc", 1)), true);
        check(&format!("{}more", VALID.replacen("00", "cc", 1)), false);
    }

    #[test]
    fn an_unsampled_trace_is_still_a_trace() {
        let header = VALID.replace("-01", "-02");
        assert!(!TraceContext::parse(header.as_bytes()).unwrap().sampled);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&bytes);
        }
    }
}
