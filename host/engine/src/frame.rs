//! What the host and the process that compiles say to each other: one frame each way.
//!
//! A frame is 8 bytes of mark, the length of a header (4 bytes) and of a body (8 bytes), both
//! little-endian, then the header as JSON and the body as it is.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

const MARK: &[u8; 8] = b"writ-f01";
/// Bytes before the header.
pub(crate) const HEAD_BYTES: usize = 20;
/// The largest header: settings of 64 MiB, each byte escaped at worst.
const HEADER_BYTES_MAX: u64 = 512 << 20;
/// The largest body: a component, or its code.
pub(crate) const BODY_BYTES_MAX: u64 = 512 << 20;

/// The lengths at the start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) header_bytes: u64,
    pub(crate) body_bytes: u64,
}

impl Head {
    /// Reads the start of a frame.
    pub(crate) fn decode(bytes: &[u8; HEAD_BYTES]) -> io::Result<Self> {
        let (mark, lengths) = bytes.split_at(MARK.len());
        let (header, body) = lengths.split_at(4);
        let head = Self {
            header_bytes: u32::from_le_bytes(header.try_into().expect("4 of 12 bytes")).into(),
            body_bytes: u64::from_le_bytes(body.try_into().expect("8 of 12 bytes")),
        };
        if mark != MARK {
            return Err(invalid("this is no frame"));
        }
        if head.header_bytes > HEADER_BYTES_MAX || head.body_bytes > BODY_BYTES_MAX {
            return Err(invalid("the frame is too large"));
        }
        Ok(head)
    }
}

/// Everything of a frame but its body.
pub(crate) fn start(header: &impl Serialize, body: &[u8]) -> Vec<u8> {
    let header = serde_json::to_vec(header).expect("plain data becomes JSON");
    let mut start = Vec::with_capacity(HEAD_BYTES + header.len());
    let header_bytes = u32::try_from(header.len()).expect("settings are bounded");
    start.extend_from_slice(MARK);
    start.extend_from_slice(&header_bytes.to_le_bytes());
    start.extend_from_slice(&(body.len() as u64).to_le_bytes());
    start.extend_from_slice(&header);
    start
}

/// Reads a header that has arrived.
pub(crate) fn header<H: DeserializeOwned>(bytes: &[u8]) -> io::Result<H> {
    serde_json::from_slice(bytes).map_err(|error| invalid(&error.to_string()))
}

/// Writes a frame.
pub(crate) fn write(to: &mut impl Write, header: &impl Serialize, body: &[u8]) -> io::Result<()> {
    to.write_all(&start(header, body))?;
    to.write_all(body)?;
    to.flush()
}

/// Reads one frame and nothing after it.
pub(crate) fn read<H: DeserializeOwned>(from: &mut impl Read) -> io::Result<(H, Vec<u8>)> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head)?;
    let head = Head::decode(&head)?;
    let bytes = exactly(from, head.header_bytes)?;
    Ok((header(&bytes)?, exactly(from, head.body_bytes)?))
}

/// Takes memory as bytes arrive, not as a length is announced.
fn exactly(from: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(count).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == count {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &"header", b"body").unwrap();
        bytes
    }

    #[test]
    fn a_frame_reads_back_and_what_follows_stays() {
        let mut bytes = frame();
        bytes.push(b'x');
        let mut rest = bytes.as_slice();
        let (header, body): (String, _) = read(&mut rest).unwrap();
        assert_eq!((header.as_str(), body.as_slice(), rest), ("header", &b"body"[..], &b"x"[..]));
    }

    #[test]
    fn a_frame_that_ends_early_is_an_error() {
        let bytes = frame();
        for length in 0..bytes.len() {
            assert!(read::<String>(&mut &bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_anything_is_read() {
        let mut bytes = frame();
        bytes[HEAD_BYTES - 1] = 1;
        let refused = read::<String>(&mut bytes.as_slice()).unwrap_err();
        assert_eq!(refused.to_string(), "the frame is too large");
    }
}
