//! Denials that may be put to people (OpenID AuthZEN Access Request and Approval Profile, draft 1):
//! what a denial is about, signed, so that what people are asked later is what was denied.
//!
//! A denial is bound to subject, action, resource, and those members of the context that were there
//! when it was decided: to their digest, which the caller carries back within a signed token. The
//! execution that comes of it keeps the binding in its request's context, as `access_request`, so
//! that what is asked in the name of an approval is compared with what was approved.

mod signer;
mod signers;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use writ_core::json::InvalidJson;
use writ_core::{Json, Request};

pub(crate) use signer::thumbprint;
pub use signer::{Denial, Rejected, Signer, SignerError};
pub use signers::Signers;

/// Under which name an execution's context holds its binding.
const MEMBER: &str = "access_request";
/// Members of a context that are the protocol's, or another with each request.
const UNBOUND: [&str; 6] = [MEMBER, "approval", "evaluated_at", "evaluation_id", "reason", "time"];

/// What a denial is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The denied evaluation: the decision's id.
    pub evaluation_id: String,
    /// The members of the context that are part of the question.
    pub binding_context_members: Vec<String>,
    /// SHA-256 of the question in canonical JSON (RFC 8785), as base64url without padding.
    pub binding_hash: String,
}

impl Binding {
    /// The binding of a request that an evaluation denied.
    pub fn of(request: &Request, evaluation_id: &str) -> Self {
        let bound = |name: &String| !UNBOUND.contains(&name.as_str());
        let members: Vec<_> =
            context(request).into_iter().map(|(name, _)| name).filter(bound).collect();
        let binding_hash = hash(request, &members);
        Self {
            evaluation_id: evaluation_id.to_owned(),
            binding_context_members: members,
            binding_hash,
        }
    }

    /// The binding that an execution's request holds; none where it came of no denial.
    pub fn within(request: &Request) -> Option<Self> {
        if !request.context.as_str().contains(MEMBER) {
            return None;
        }
        serde_json::from_value(context(request).remove(MEMBER)?).ok()
    }

    /// Whether a request asks what was denied.
    pub fn covers(&self, request: &Request) -> bool {
        hash(request, &self.binding_context_members) == self.binding_hash
    }

    /// Whether a request says nothing that `agreed`, about which people were asked, does not say as
    /// well: policies have decided about that one and not about this.
    pub fn is_within(request: &Request, agreed: &Request) -> bool {
        let known = context(agreed);
        let mut said = context(request).into_iter();
        let is_said = |(name, value): (String, Value)| {
            UNBOUND.contains(&name.as_str()) || known.get(&name) == Some(&value)
        };
        request.subject == agreed.subject && said.all(is_said)
    }

    /// A request that holds the binding, in place of whatever the caller put there.
    ///
    /// # Errors
    /// Where the context is no acceptable JSON object any more.
    pub fn kept_in(&self, request: Request) -> Result<Request, InvalidJson> {
        let mut context = context(&request);
        context.remove("approval");
        context.insert(MEMBER.to_owned(), json!(self));
        Ok(Request { context: Json::from_object(context)?, ..request })
    }
}

/// The approval that a request refers to (`context.approval.id`); none where it refers to none.
pub fn approval_in(request: &Request) -> Option<String> {
    // Nearly no request does, and each is asked.
    if !request.context.as_str().contains(r#""approval":{"#) {
        return None;
    }
    Some(context(request).get("approval")?.get("id")?.as_str()?.to_owned())
}

fn context(request: &Request) -> Map<String, Value> {
    match request.context.to_value() {
        Value::Object(context) => context,
        _ => Map::new(),
    }
}

/// The digest of a question. Who acts for the subject (`properties.act`) is not part of it: callers
/// may say that elsewhere.
fn hash(request: &Request, members: &[String]) -> String {
    let mut question = request.clone();
    let mut context = context(request);
    context.retain(|name, _| members.contains(name));
    question.context = part(context);
    if let Value::Object(mut properties) = request.subject.properties.to_value()
        && properties.remove("act").is_some()
    {
        question.subject.properties = part(properties);
    }
    URL_SAFE_NO_PAD.encode(question.digest().as_bytes())
}

fn part(object: Map<String, Value>) -> Json {
    Json::from_object(object).expect("it is a part of what was accepted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::{Action, Entity};

    fn request(amount: u64, subject: &str, context: &Value) -> Request {
        let json = |value: &Value| Json::from_value(value).unwrap();
        Request {
            subject: Entity {
                kind: "user".into(),
                id: "alice".into(),
                properties: Json::parse(subject).unwrap(),
            },
            action: Action { name: "pay".into(), properties: json(&json!({"amount": amount})) },
            resource: Entity { kind: "a".into(), id: "1".into(), properties: json(&json!({})) },
            context: json(context),
        }
    }

    fn check(other: &Request, covered: bool) {
        let denied = request(10, r#"{"team":"a"}"#, &json!({"session": "s", "time": "now"}));
        assert_eq!(Binding::of(&denied, "e").covers(other), covered, "{other:?}");
    }

    #[test]
    fn a_binding_covers_the_question_and_no_other() {
        let context =
            json!({"session": "s", "time": "later", "justification": "must", "reason": 1});
        check(&request(10, r#"{"team":"a"}"#, &context), true);
        check(&request(10, r#"{"team":"a","act":{"sub":"x"}}"#, &context), true);
        check(&request(999_999, r#"{"team":"a"}"#, &context), false);
        check(&request(10, r#"{"team":"b"}"#, &context), false);
        check(&request(10, r#"{"team":"a"}"#, &json!({"session": "other"})), false);
        check(&request(10, r#"{"team":"a"}"#, &json!({})), false);
    }

    #[test]
    fn what_people_were_not_asked_about_is_not_said_later() {
        let agreed = request(10, "{}", &json!({"session": "s", "justification": "must"}));
        let check = |subject: &str, context: Value, within: bool| {
            let asked = request(10, subject, &context);
            assert_eq!(Binding::is_within(&asked, &agreed), within, "{asked:?}");
        };
        check("{}", json!({"session": "s", "time": "now", "approval": {"id": "x"}}), true);
        check("{}", json!({"session": "s", "justification": "must"}), true);
        check("{}", json!({"session": "s", "to": "mallory"}), false);
        check("{}", json!({"session": "s", "justification": "other"}), false);
        check(r#"{"act":{"sub":"mallory"}}"#, json!({"session": "s"}), false);
    }

    #[test]
    fn what_a_caller_says_of_a_binding_is_replaced() {
        let asked = request(10, "{}", &json!({"approval": {"id": "x"}, "access_request": "mine"}));
        assert_eq!(approval_in(&asked).as_deref(), Some("x"));
        let binding = Binding::of(&asked, "e");
        let kept = binding.kept_in(asked.clone()).unwrap();
        assert_eq!((Binding::within(&kept), approval_in(&kept)), (Some(binding), None));
        assert_eq!(Binding::within(&asked), None);
    }
}
