//! A request in the AuthZEN information model: may this subject do this action on this resource?
//!
//! It holds nothing volatile, so its digest names the action that was decided: two requests with
//! the same digest are the same question.

use serde::{Deserialize, Serialize};

use crate::canonical::push_string;
use crate::digest::Digest;
use crate::json::{InvalidJson, Json};

/// A subject or a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// AuthZEN's `type`; never empty.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unique within its kind; never empty.
    pub id: String,
    /// A JSON object.
    pub properties: Json,
}

/// What the subject wants to do. For a tool call: the tool and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Never empty.
    pub name: String,
    /// A JSON object.
    pub properties: Json,
}

/// What is to be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who wants to act.
    pub subject: Entity,
    /// What they want to do.
    pub action: Action,
    /// On what.
    pub resource: Entity,
    /// A JSON object: everything else that the caller knows.
    pub context: Json,
}

impl Request {
    /// The canonical JSON text (RFC 8785) of the whole request, in AuthZEN's names.
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(self.bytes() + 128);
        out.push_str(r#"{"action":{"name":"#);
        push_string(&mut out, &self.action.name);
        out.push_str(r#","properties":"#);
        out.push_str(self.action.properties.as_str());
        out.push_str(r#"},"context":"#);
        out.push_str(self.context.as_str());
        out.push_str(r#","resource":"#);
        push_entity(&mut out, &self.resource);
        out.push_str(r#","subject":"#);
        push_entity(&mut out, &self.subject);
        out.push('}');
        out
    }

    /// SHA-256 of the canonical text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical())
    }

    /// How many bytes of text the request holds; what `argument-bytes-max` limits.
    pub fn bytes(&self) -> usize {
        let entity = |e: &Entity| e.kind.len() + e.id.len() + e.properties.as_str().len();
        entity(&self.subject)
            + entity(&self.resource)
            + self.action.name.len()
            + self.action.properties.as_str().len()
            + self.context.as_str().len()
    }

    /// The same request with other arguments: `patch` is a JSON Merge Patch (RFC 7396) over the
    /// action's properties.
    ///
    /// # Errors
    /// Where the result is no acceptable JSON object.
    pub fn amended(&self, patch: &Json) -> Result<Self, InvalidJson> {
        let properties = self.action.properties.merge_patch(patch)?.into_object()?;
        let action = Action { name: self.action.name.clone(), properties };
        Ok(Self { action, ..self.clone() })
    }
}

fn push_entity(out: &mut String, entity: &Entity) {
    out.push_str(r#"{"id":"#);
    push_string(out, &entity.id);
    out.push_str(r#","properties":"#);
    out.push_str(entity.properties.as_str());
    out.push_str(r#","type":"#);
    push_string(out, &entity.kind);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn request(name: &str, properties: &str) -> Request {
        let entity = |kind: &str, id: &str| Entity {
            kind: kind.into(),
            id: id.into(),
            properties: Json::empty_object(),
        };
        Request {
            subject: entity("agent", "a\"1"),
            action: Action { name: name.into(), properties: Json::parse(properties).unwrap() },
            resource: entity("account", "é\u{1}"),
            context: Json::parse(r#"{"b":2,"a":1}"#).unwrap(),
        }
    }

    #[test]
    fn the_canonical_text_is_what_rfc_8785_says() {
        let request = request("pay", r#"{"z":1,"amount":10}"#);
        let whole = json!({
            "subject": {"type": "agent", "id": "a\"1", "properties": {}},
            "action": {"name": "pay", "properties": {"amount": 10, "z": 1}},
            "resource": {"type": "account", "id": "é\u{1}", "properties": {}},
            "context": {"a": 1, "b": 2},
        });
        assert_eq!(request.canonical(), Json::from_value(&whole).unwrap().as_str());
    }

    #[test]
    fn another_argument_is_another_digest() {
        let ten = request("pay", r#"{"amount":10}"#);
        let more = ten.amended(&Json::parse(r#"{"amount":999999}"#).unwrap()).unwrap();
        assert_eq!(more.action.properties.as_str(), r#"{"amount":999999}"#);
        assert_ne!(ten.digest(), more.digest());
    }

    #[test]
    fn a_patch_that_is_no_object_is_refused() {
        let ten = request("pay", r#"{"amount":10}"#);
        let refused = ten.amended(&Json::parse("7").unwrap()).unwrap_err();
        assert_eq!(refused, InvalidJson::NotAnObject("a number"));
    }
}
