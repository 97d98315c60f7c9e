//! Reading a request's body: announced as JSON, whole, and not too large.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::{Problem, ProblemCode};

/// The body's bytes.
///
/// # Errors
/// Where it is not announced as JSON, longer than `bytes_max`, or breaks off.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    if !kind.is_some_and(is_json) {
        return Err(Problem::new(ProblemCode::ContentType)
            .with_hint("send the header `Content-Type: application/json`"));
    }
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Err(_) => Err(Problem::new(ProblemCode::BodyUnreadable)),
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(ProblemCode::BodyTooLarge)
        .with_detail(format!("a body may have {bytes_max} bytes"))
        .with_hint("the operator may raise `body-bytes-max` of `[server]`")
}

/// `application/json`, with or without parameters: JSON has none, and they change nothing.
fn is_json(kind: &[u8]) -> bool {
    const JSON: &[u8] = b"application/json";
    let (head, rest) = kind.split_at(kind.len().min(JSON.len()));
    let rest = rest.trim_ascii_start();
    head.eq_ignore_ascii_case(JSON) && (rest.is_empty() || rest[0] == b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/json ;v=1"]
        {
            assert!(is_json(kind.as_bytes()), "{kind}");
        }
        for kind in
            ["", "text/plain", "application/jsonp", "application/json-seq", "application/js"]
        {
            assert!(!is_json(kind.as_bytes()), "{kind}");
        }
    }
}
