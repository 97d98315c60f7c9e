//! Reading a request's body: announced as JSON, whole, and not too large.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::{Problem, ProblemCode};

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body's bytes.
///
/// # Errors
/// Where it is not announced as JSON, longer than `bytes_max`, breaks off, or takes longer than
/// 10 seconds.
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
    let whole = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Ok(Err(_)) => Err(Problem::new(ProblemCode::BodyUnreadable)),
        Err(_elapsed) => Err(Problem::new(ProblemCode::BodyTimeout)
            .with_detail(format!("it was not complete after {} s", BODY_TIMEOUT.as_secs()))),
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
    use axum::http::HeaderValue;
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_not_waited_for() {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let headers = headers.into_iter().collect();
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
        let problem = read(&headers, never, 10).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::BodyTimeout);
    }

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
