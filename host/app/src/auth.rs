use std::sync::Arc;
use writ_core::Principal;
#[derive(Clone)]
pub struct Caller(pub Arc<Principal>);
impl Caller { pub fn principal(&self) -> &Arc<Principal> { &self.0 } }
impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Caller {
    type Rejection = crate::http::problem::Problem;
    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap())
    }
}
