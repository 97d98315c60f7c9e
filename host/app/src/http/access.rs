//! Who may use a route: nobody without a key or a token, but where a route says so.
//!
//! A route cannot be made without saying who may use it, see [`Route`](super::Route). A handler
//! that wants to know who calls takes the [`Caller`] as an argument.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use writ_core::Role;

use super::App;
use super::problem::{Problem, ProblemCode};
use crate::auth::{Caller, Refusal, Unknown};

/// How long a token may be, in bytes: room for the groups of a large company.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody who may call this host at all.
    Public,
    /// Whoever shows the handler what only they can have: what that is.
    Shown(&'static str),
    /// Principals with one of these roles.
    Roles(&'static [Role]),
}

/// Who asks for decisions.
pub(super) const DECIDE: &[Role] = &[Role::Agent, Role::Operator];
/// Who watches the host.
pub(super) const WATCHERS: &[Role] = &[Role::Operator, Role::Auditor];
/// What only they use.
pub(super) const WATCH: Access = Access::Roles(WATCHERS);
/// Who asks for actions and carries them out.
pub(super) const EXECUTE: Access = Access::Roles(DECIDE);
/// Who lists executions.
pub(super) const FOLLOW: Access = Access::Roles(&[Role::Agent, Role::Operator, Role::Auditor]);
/// Who sees an execution, if it is theirs, asks them, or they see all.
pub(super) const SEE: Access = Access::Roles(&Role::ALL);
/// Who sees what people are asked.
pub(super) const REVIEW: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Auditor]);
/// Who answers.
pub(super) const ANSWER: Access = Access::Roles(&[Role::Approver]);
/// Who runs the host.
pub(super) const OPERATE: Access = Access::Roles(&[Role::Operator]);

/// Lets a request through that may use its route, with who calls for its handler.
pub(super) async fn check(
    State((app, roles)): State<(Arc<App>, &'static [Role])>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&app, request.headers(), roles).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The right of whoever sent these headers to do what `roles` may.
pub(super) async fn caller(
    app: &App,
    headers: &HeaderMap,
    roles: &[Role],
) -> Result<Caller, Problem> {
    let refusal = match token(headers) {
        Some(token) => match app.auth.caller(token, roles).await {
            Ok(caller) => return Ok(caller),
            Err(refusal) => refusal,
        },
        None => Refusal::Unknown(Unknown::Unreadable),
    };
    Err(match refusal {
        Refusal::Unknown(why) => {
            tracing::warn!(%why, "a request is refused, because nobody knows who calls");
            Problem::new(ProblemCode::Unauthenticated).with_hint(
                "send `Authorization: Bearer` and a key, which an operator makes with `writ keys create`",
            )
        }
        Refusal::Forbidden(principal) => {
            tracing::info!(caller = %principal.person, "a request is refused: no role permits it");
            Problem::new(ProblemCode::Forbidden).with_hint(who_may(roles))
        }
    })
}

/// The bearer token (RFC 6750, section 2.1) of a request that has one and no more.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_BYTES_MAX).then_some(token)
}

fn who_may(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(|role| format!("`{role}`")).collect();
    format!("this needs the role {}", names.join(" or "))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // None where a public route asks who calls: that is a mistake of ours.
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(ProblemCode::Internal))
    }
}

/// How a caller that is not known may make itself known (RFC 9110, section 11.6.1).
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<&str>) {
        let value = |value: &&str| (AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        let headers: HeaderMap = values.iter().map(value).collect();
        assert_eq!(token(&headers), expected, "{values:?}");
    }

    #[test]
    fn one_bearer_token_is_read() {
        check(&["Bearer abc"], Some("abc"));
        check(&["bearer abc"], Some("abc"));
        check(&["BEARER  abc "], Some("abc"));
        check(&[], None);
        check(&["abc"], None);
        check(&["Basic abc"], None);
        check(&["Bearer"], None);
        check(&["Bearer abc", "Bearer abc"], None);
        check(&[&format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1))], None);
    }
}
