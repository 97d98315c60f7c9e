//! What callers send to put a denial to people.

use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use writ_core::Request;

use crate::access_request::Denial;
use crate::http::json::{FieldError, Object, object};
use crate::http::problem::Problem;
use crate::http::wire::{ActionBody, EntityBody, request};

/// A denied question, what the caller adds to it, and the denial.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AccessRequest)]
#[serde(expecting = "an object")]
pub struct SubmissionBody {
    /// Who wants to act, as it was denied.
    #[serde(deserialize_with = "object")]
    subject: EntityBody,
    /// What they want to do, as it was denied.
    #[serde(deserialize_with = "object")]
    action: ActionBody,
    /// On what, as it was denied.
    #[serde(deserialize_with = "object")]
    resource: EntityBody,
    /// The context as it was denied, and what there is to add, as a justification.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Object,
    /// The denial.
    #[serde(deserialize_with = "object")]
    denial: DenialBody,
    /// Not for this host: one request for each question.
    #[serde(default)]
    #[schema(ignore)]
    items: Option<IgnoredAny>,
    /// Not for this host: ask for the task, or read `/v1/events`.
    #[serde(default)]
    #[schema(ignore)]
    callback: Option<IgnoredAny>,
}

/// What the denied evaluation answered in `access_request`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AccessRequestDenial)]
#[serde(expecting = "an object")]
pub(super) struct DenialBody {
    /// As it was answered.
    binding_token: String,
    /// As it was answered.
    #[schema(format = "date-time")]
    expires_at: String,
    /// As it was answered.
    #[serde(default)]
    evaluation_id: Option<String>,
}

impl SubmissionBody {
    /// The question, its denial, and the evaluation that the caller names.
    pub(super) fn into_parts(self) -> Result<(Request, Denial, Option<String>), Problem> {
        let absent = |pointer: &str, is_there: bool, message: &str| match is_there {
            true => {
                let (pointer, message) = (pointer.to_owned(), message.to_owned());
                Err(Problem::field(FieldError { pointer, message }))
            }
            false => Ok(()),
        };
        absent("/items", self.items.is_some(), "is not supported: submit each question by itself")?;
        let hint = "is not supported: ask for the task, or read the stream of events";
        absent("/callback", self.callback.is_some(), hint)?;
        let Self { subject, action, resource, context, denial, .. } = self;
        let DenialBody { binding_token, expires_at, evaluation_id } = denial;
        let denial = Denial { token: binding_token, expires_at };
        Ok((request(subject, action, resource, context), denial, evaluation_id))
    }
}
