//! `/answer/{token}`: where the link in a letter leads. A page asks, and its form answers.
//!
//! Whoever has the link is taken for the person to whom its letter was sent, for this one answer. A
//! `GET` changes nothing, since programs that look for harm in letters open links too. Every page
//! forbids scripts, frames, caches, and telling others from where one came: the address is a secret.

mod page;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use writ_core::approval::{Choice, REASON_CHARS_MAX, Standing};

use super::App;
use super::access::Access;
use super::body;
use super::page::Id;
use super::problem::{Problem, ProblemCode};
use crate::channels::{LinkError, Linked, Unanswered};
use crate::clock::now_ms;
use crate::points;

/// Where links lead.
pub const PATH: &str = "/answer/{token}";
/// Who may use them.
pub const ACCESS: Access = Access::Shown("the link that a letter holds");

/// How large a form may be, in bytes: a reason of 2,000 characters, each of them percent-encoded.
const FORM_BYTES_MAX: usize = 32 << 10;

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    // Not `no-referrer`: a browser would then send `Origin: null` with the form, which comes from
    // nowhere that this host knows. Others are told nothing by either.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// A page, and the status that it is answered with.
pub struct Page {
    status: StatusCode,
    content: Markup,
}

/// What a form says.
struct Form {
    choice: Choice,
    reason: Option<String>,
}

/// Shows what the link of a letter asks, and changes nothing.
#[utoipa::path(
    get, path = PATH, tag = "approvals", operation_id = "showLink",
    params(("token" = String, Path, description = "What the letter holds.")),
    responses(
        (status = 200, body = String, content_type = "text/html", description = "The question, and a form."),
        (status = 404, body = String, content_type = "text/html", description = "No letter holds this link."),
        (status = 410, body = String, content_type = "text/html", description = "It has been answered, or is no longer asked."),
        (status = 503, body = String, content_type = "text/html", description = "The store cannot answer now."),
        super::openapi::NameErrors,
    ),
)]
pub async fn show(State(app): State<Arc<App>>, Id(token): Id) -> Page {
    match app.channels.linked(&token).await {
        Ok(linked) => Page::asking(&linked, None, ""),
        Err(error) => error.into(),
    }
}

/// Answers the question that the link of a letter asks, once.
#[utoipa::path(
    post, path = PATH, tag = "approvals", operation_id = "answerLink",
    params(("token" = String, Path, description = "What the letter holds.")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`decision`, `approve` or `reject`, and `reason`."),
    responses(
        (status = 200, body = String, content_type = "text/html", description = "The answer counts."),
        (status = 400, body = String, content_type = "text/html", description = "The form says neither yes nor no."),
        (status = 403, body = String, content_type = "text/html", description = "The person is not asked, or by themselves."),
        (status = 404, body = String, content_type = "text/html", description = "No letter holds this link."),
        (status = 410, body = String, content_type = "text/html", description = "It has been answered, or is no longer asked."),
        (status = 413, body = String, content_type = "text/html", description = "The form is longer than any reason makes it."),
        (status = 422, body = String, content_type = "text/html", description = "A reason is missing or too long; the form once more."),
        (status = 503, body = String, content_type = "text/html", description = "The answer could not be kept, and nothing has changed."),
        super::openapi::PageErrors,
    ),
)]
pub async fn answer(
    State(app): State<Arc<App>>,
    Id(token): Id,
    request: Request,
) -> Result<Page, Problem> {
    let linked = match app.channels.linked(&token).await {
        Ok(linked) => linked,
        Err(error) => return Ok(error.into()),
    };
    let (parts, sent) = request.into_parts();
    let sent = match body::whole(&parts.headers, sent, FORM_BYTES_MAX).await {
        Ok(sent) => sent,
        Err(problem) if problem.code == ProblemCode::BodyTooLarge => {
            let text = format!(
                "The reason is far too long: it may have {REASON_CHARS_MAX} characters. Go back, and shorten it."
            );
            return Ok(Page::told(StatusCode::PAYLOAD_TOO_LARGE, &text));
        }
        Err(problem) => return Err(problem),
    };
    let Some(Form { choice, reason }) = Form::read(&parts.headers, &sent) else {
        return Ok(Page::told(StatusCode::BAD_REQUEST, "The form says neither yes nor no."));
    };
    let answered = linked.invitation.answer(&app.executions, choice, reason.clone()).await;
    points::pass("http.vote.answer");
    Ok(match answered {
        Ok(_) => Page::answered(choice),
        Err(refused) => Page::refused(&linked, &refused, &reason.unwrap_or_default()),
    })
}

impl Form {
    /// None where it is no form, or says neither yes nor no, or both.
    fn read(headers: &HeaderMap, sent: &[u8]) -> Option<Self> {
        const FORM: &[u8] = b"application/x-www-form-urlencoded";
        let kind = headers.get(CONTENT_TYPE)?.as_bytes();
        let kind = kind.split(|byte| *byte == b';').next()?.trim_ascii();
        if !kind.eq_ignore_ascii_case(FORM) {
            return None;
        }
        let (mut choices, mut reasons) = (Vec::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(sent) {
            match &*name {
                "decision" => choices.push(value),
                "reason" => reasons.push(value),
                _ => return None,
            }
        }
        let [choice] = choices.as_slice() else { return None };
        let choice = match &**choice {
            "approve" => Choice::Approve,
            "reject" => Choice::Reject,
            _ => return None,
        };
        match reasons.as_slice() {
            [] => Some(Self { choice, reason: None }),
            [reason] => Some(Self { choice, reason: Some(reason.clone().into_owned()) }),
            _ => None,
        }
    }
}

impl Page {
    /// The question, what was wrong with an answer to it, and the reason that it gave; or why it is
    /// not asked any more.
    fn asking(linked: &Linked, wrong: Option<&Unanswered>, reason: &str) -> Self {
        let invitation = &linked.invitation;
        let Some(approval) = linked.approval() else { return LinkError::Unknown.into() };
        match approval.standing(&invitation.by.person, invitation.stage, now_ms()) {
            Standing::Open { expires_at_ms } => {
                let status = wrong.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
                let asked = (&approval.requirement, expires_at_ms);
                let content = page::question(linked, asked, wrong, reason);
                Self { status, content }
            }
            Standing::Answered(_) => Self::gone(&Unanswered::Already),
            Standing::Over => Self::gone(&Unanswered::Over),
        }
    }

    fn refused(linked: &Linked, refused: &Unanswered, reason: &str) -> Self {
        match refused {
            Unanswered::ReasonRequired | Unanswered::ReasonTooLong(_) => {
                Self::asking(linked, Some(refused), reason)
            }
            Unanswered::Already | Unanswered::Over => Self::gone(refused),
            Unanswered::SelfApproval | Unanswered::NotAsked => {
                Self::told(StatusCode::FORBIDDEN, &refused.to_string())
            }
            Unanswered::Unavailable => {
                Self::told(StatusCode::SERVICE_UNAVAILABLE, &refused.to_string())
            }
        }
    }

    fn answered(choice: Choice) -> Self {
        let said = match choice {
            Choice::Approve => "approved",
            Choice::Reject => "rejected",
        };
        Self::told(StatusCode::OK, &format!("Your answer counts: you have {said} it."))
    }

    fn gone(why: &Unanswered) -> Self {
        Self::told(StatusCode::GONE, &why.to_string())
    }

    fn told(status: StatusCode, text: &str) -> Self {
        Self { status, content: page::told(text) }
    }
}

impl From<LinkError> for Page {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Unknown => Self::told(StatusCode::NOT_FOUND, "This link leads nowhere."),
            LinkError::Store(error) => {
                tracing::error!(%error, "the link of a letter cannot be read");
                Self::told(StatusCode::SERVICE_UNAVAILABLE, "This cannot be shown now.")
            }
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.status, HEADERS, self.content.into_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &'static str, sent: &str, expected: Option<(Choice, Option<&str>)>) {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
        let form = Form::read(&headers, sent.as_bytes());
        let read = form.as_ref().map(|form| (form.choice, form.reason.as_deref()));
        assert_eq!(read, expected, "{sent}");
    }

    #[test]
    fn a_form_says_yes_or_no_and_maybe_why() {
        const FORM: &str = "application/x-www-form-urlencoded";
        check(FORM, "decision=approve", Some((Choice::Approve, None)));
        let said = Some((Choice::Reject, Some("too m\u{fc}ch & more")));
        check(FORM, "reason=too+m%C3%BCch+%26+more&decision=reject", said);
        check(
            "Application/X-WWW-form-urlencoded; charset=utf-8",
            "decision=approve",
            Some((Choice::Approve, None)),
        );
        for sent in [
            "",
            "decision=",
            "decision=yes",
            "decision=approve&decision=reject",
            "decision=approve&reason=a&reason=b",
            "decision=approve&person=bob",
        ] {
            check(FORM, sent, None);
        }
        check("application/json", "decision=approve", None);
        check("text/plain", "decision=approve", None);
    }
}
