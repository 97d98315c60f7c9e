//! What a path and a query say: which one, how many, and from where. Read strictly, as bodies are.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use uuid::Uuid;

use super::problem::{Problem, ProblemCode};

/// How many items a page has: 1 to 100, 50 where the caller does not say.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u32")]
pub struct Limit(u32);

impl Limit {
    /// Executions are as large as what was asked for: more would be much memory for one answer.
    const MAX: u32 = 100;

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u32> for Limit {
    type Error = String;

    fn try_from(limit: u32) -> Result<Self, String> {
        match limit {
            1..=Self::MAX => Ok(Self(limit)),
            _ => Err(format!("`limit` is {limit}, must be 1 to {}", Self::MAX)),
        }
    }
}

/// Where a page begins: the `next` of the page before, which is the id of its last item (a UUID, RFC 9562).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor(String);

impl Cursor {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Cursor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Uuid::try_parse(&text) {
            Ok(id) => Ok(Self(id.to_string())),
            Err(_) => Err("`cursor` is no `next` of a page before".to_owned()),
        }
    }
}

/// The id in a path. What no id could be is the id of nothing.
#[derive(Debug)]
pub struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Problem::new(ProblemCode::NotFound))
    }
}

/// The query of a request.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|error| {
            let problem = Problem::new(ProblemCode::InvalidRequest);
            problem.with_detail(format!("the query cannot be used: {}", error.body_text()))
        })
    }
}
