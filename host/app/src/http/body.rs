//! Reading a request's body: announced as plain JSON in UTF-8, whole, and not too large.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::{Problem, ProblemCode};
use super::{App, guard, json};

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body as it was sent and read, and its headers.
pub struct Sent<T> {
    /// The headers.
    pub headers: HeaderMap,
    /// The text.
    pub text: Bytes,
    /// What it says.
    pub body: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let text = read(&parts.headers, body, app.body_bytes_max).await?;
        let body = json::read(&text)?;
        Ok(Self { headers: parts.headers, text, body })
    }
}

/// A body that may be left out, which says as much as `{}`.
pub struct MaybeSent<T> {
    /// The headers.
    pub headers: HeaderMap,
    /// What it says.
    pub body: T,
}

impl<T: DeserializeOwned + Default> FromRequest<Arc<App>> for MaybeSent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let text = whole(&parts.headers, body, app.body_bytes_max).await?;
        if text.is_empty() {
            return Ok(Self { headers: parts.headers, body: T::default() });
        }
        check_kind(&parts.headers)?;
        Ok(Self { headers: parts.headers, body: json::read(&text)? })
    }
}

/// The body's bytes.
///
/// # Errors
/// Where it is announced as anything but JSON in UTF-8, or as compressed; is longer than
/// `bytes_max`, breaks off, or takes longer than 10 seconds.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    check_kind(headers)?;
    let read = whole(headers, body, bytes_max).await;
    read.map_err(|problem| match problem.code {
        ProblemCode::BodyTooLarge => {
            problem.with_hint("the operator may raise `body-bytes-max` of `[server]`")
        }
        _ => problem,
    })
}

/// How long a client may take to send a body that may be large.
pub(super) const ARRIVAL: Duration = Duration::from_secs(120);

/// The same, for bodies that may be large, whose bound is nobody's to raise.
///
/// # Errors
/// As [`read`], after two minutes.
pub(super) async fn read_large(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    check_kind(headers)?;
    whole_within(ARRIVAL, headers, body, bytes_max).await
}

/// A body's bytes, whatever they are announced as.
///
/// # Errors
/// Where it is longer than `bytes_max`, breaks off, or takes longer than 10 seconds.
pub(super) async fn whole(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    whole_within(BODY_TIMEOUT, headers, body, bytes_max).await
}

/// The same, for bodies that may be large.
///
/// # Errors
/// Where it is longer than `bytes_max`, breaks off, or takes longer than that.
pub(super) async fn whole_within(
    timeout: Duration,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let whole = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(timeout, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Ok(Err(_)) => Err(Problem::new(ProblemCode::BodyUnreadable)),
        Err(_elapsed) => Err(Problem::new(ProblemCode::BodyTimeout)
            .with_detail(format!("it was not complete after {} s", timeout.as_secs()))),
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(ProblemCode::BodyTooLarge)
        .with_detail(format!("a body may have {bytes_max} bytes"))
}

/// Whether the body can be read as it comes.
fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |detail: Option<&str>, hint: &str| {
        let problem = Problem::new(ProblemCode::ContentType).with_hint(hint);
        Err(Problem { detail: detail.map(str::to_owned), ..problem })
    };
    let kind = guard::only(headers, &CONTENT_TYPE)?;
    let Some(parameters) = kind.and_then(|kind| of_json(kind.as_bytes())) else {
        return refused(None, "send the header `Content-Type: application/json`");
    };
    if !is_utf8(parameters) {
        return refused(Some("it is announced in another charset than UTF-8"), "send UTF-8");
    }
    if headers.get_all(CONTENT_ENCODING).iter().any(|encoding| !is_plain(encoding.as_bytes())) {
        let hint = "send it as it is, without the header `Content-Encoding`";
        return refused(Some("it is announced as compressed"), hint);
    }
    Ok(())
}

/// Whether a body is announced as JSON, in whatever charset.
pub(super) fn is_json(kind: &[u8]) -> bool {
    of_json(kind).is_some()
}

/// The parameters of `application/json`; none where the kind is another.
fn of_json(kind: &[u8]) -> Option<&[u8]> {
    const JSON: &[u8] = b"application/json";
    let (head, rest) = kind.split_at_checked(JSON.len())?;
    let rest = rest.trim_ascii_start();
    (head.eq_ignore_ascii_case(JSON) && matches!(rest, [] | [b';', ..])).then_some(rest)
}

/// Whether the parameters name no other charset. JSON has none of its own (RFC 8259, section 11),
/// and others change nothing.
fn is_utf8(parameters: &[u8]) -> bool {
    parameters.split(|byte| *byte == b';').all(|parameter| {
        let mut parts = parameter.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let value = parts.next().unwrap_or_default().trim_ascii();
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        !name.eq_ignore_ascii_case(b"charset") || value.eq_ignore_ascii_case(b"utf-8")
    })
}

/// Whether every one of some encodings is `identity`, which is none.
fn is_plain(encodings: &[u8]) -> bool {
    let mut each = encodings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    each.all(|encoding| encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_not_waited_for() {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let headers = headers.into_iter().collect();
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
        let problem = read(&headers, never, 10).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::BodyTimeout);
    }

    fn check(headers: &[(HeaderName, &str)], accepted: bool) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let code = check_kind(&headers).map_err(|problem| problem.code);
        let expected = if accepted { Ok(()) } else { Err(ProblemCode::ContentType) };
        assert_eq!(code, expected, "{headers:?}");
    }

    #[test]
    fn only_json_is_json() {
        for kind in ["application/json", "Application/JSON; a=b", "application/json ;v=1"] {
            check(&[(CONTENT_TYPE, kind)], true);
        }
        for kind in
            ["", "text/plain", "application/jsonp", "application/json-seq", "application/js"]
        {
            check(&[(CONTENT_TYPE, kind)], false);
        }
        check(&[], false);
    }

    #[test]
    fn only_utf_8_is_read() {
        for parameters in ["; charset=utf-8", ";Charset=\"UTF-8\"", "; v=1; charset = utf-8 ;"] {
            check(&[(CONTENT_TYPE, &format!("application/json{parameters}"))], true);
        }
        for parameters in ["; charset=latin1", ";charset=utf-16", "; charset=utf-8;charset=x"] {
            check(&[(CONTENT_TYPE, &format!("application/json{parameters}"))], false);
        }
    }

    #[test]
    fn nothing_is_unpacked() {
        let json = (CONTENT_TYPE, "application/json");
        for encoding in ["identity", "", "Identity, identity"] {
            check(&[json.clone(), (CONTENT_ENCODING, encoding)], true);
        }
        for encoding in ["gzip", "identity, br", "deflate"] {
            check(&[json.clone(), (CONTENT_ENCODING, encoding)], false);
        }
    }
}
