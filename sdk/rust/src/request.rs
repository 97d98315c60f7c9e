//! What a policy decides: a subject wants to perform an action on a resource, in a context.
//!
//! The names are those of the OpenID AuthZEN Authorization API 1.0. A request holds no id and no
//! time; those are asked of the [`Host`](crate::Host).

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::json::Json;
use crate::place::Place;
use crate::pointer::Pointer;

/// A subject or a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// AuthZEN's `type`; never empty.
    pub kind: String,
    /// Unique within its kind; never empty.
    pub id: String,
    /// What the caller told about it.
    pub properties: Json,
}

/// What the subject wants to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// For a tool call: the tool; never empty.
    pub name: String,
    /// For a tool call: its arguments.
    pub properties: Json,
}

/// What is to be decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who wants to act.
    pub subject: Entity,
    /// What they want to do.
    pub action: Action,
    /// On what.
    pub resource: Entity,
    /// Everything else that the caller knows.
    pub context: Json,
}

impl Entity {
    /// An entity without properties.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into(), properties: Json::default() }
    }

    /// The same with other properties.
    pub fn with(self, properties: impl Into<Json>) -> Self {
        Self { properties: properties.into(), ..self }
    }

    fn to_value(&self) -> Value {
        json!({"type": self.kind, "id": self.id, "properties": self.properties.object()})
    }

    fn at(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        match path {
            [] => Some(Cow::Owned(self.to_value())),
            [name] if name == "type" => Some(text(&self.kind)),
            [name] if name == "id" => Some(text(&self.id)),
            [name, rest @ ..] if name == "properties" => inside(&self.properties, rest),
            _ => None,
        }
    }
}

impl Action {
    /// An action without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), properties: Json::default() }
    }

    /// The same with other arguments.
    pub fn with(self, properties: impl Into<Json>) -> Self {
        Self { properties: properties.into(), ..self }
    }

    fn to_value(&self) -> Value {
        json!({"name": self.name, "properties": self.properties.object()})
    }

    fn at(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        match path {
            [] => Some(Cow::Owned(self.to_value())),
            [name] if name == "name" => Some(text(&self.name)),
            [name, rest @ ..] if name == "properties" => inside(&self.properties, rest),
            _ => None,
        }
    }
}

impl Request {
    /// A request with an empty context.
    pub fn new(subject: Entity, action: Action, resource: Entity) -> Self {
        Self { subject, action, resource, context: Json::default() }
    }

    /// The same with another context.
    pub fn with_context(self, context: impl Into<Json>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The value at a place. Only the part that it leads into is parsed.
    pub fn at(&self, place: &Place) -> Option<Cow<'_, Value>> {
        match place.tokens() {
            [] => Some(Cow::Owned(self.to_value())),
            [part, rest @ ..] => match part.as_str() {
                "subject" => self.subject.at(rest),
                "action" => self.action.at(rest),
                "resource" => self.resource.at(rest),
                "context" => inside(&self.context, rest),
                _ => None,
            },
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "subject": self.subject.to_value(),
            "action": self.action.to_value(),
            "resource": self.resource.to_value(),
            "context": self.context.object(),
        })
    }
}

fn text(text: &str) -> Cow<'_, Value> {
    Cow::Owned(Value::String(text.to_owned()))
}

fn inside<'a>(json: &'a Json, path: &[String]) -> Option<Cow<'a, Value>> {
    let [first, rest @ ..] = path else {
        return Some(Cow::Owned(Value::Object(Map::clone(json.object()))));
    };
    Pointer::follow(json.get(first)?, rest).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request::new(
            Entity::new("user", "alice").with(json!({"roles": ["reader", "writer"]})),
            Action::new("pay").with(json!({"amount": 3, "a/b": {"~": null}})),
            Entity::new("account", "7"),
        )
        .with_context(json!({"ip": "::1"}))
    }

    #[track_caller]
    fn check(place: &str, expected: Option<Value>) {
        let place = Place::parse(place).unwrap();
        assert_eq!(request().at(&place).map(Cow::into_owned), expected);
    }

    #[test]
    fn every_part_is_reached_by_its_authzen_name() {
        check("/subject/type", Some(json!("user")));
        check("/subject/id", Some(json!("alice")));
        check("/subject/properties/roles/1", Some(json!("writer")));
        check("/action/name", Some(json!("pay")));
        check("/action/properties/a~1b/~0", Some(json!(null)));
        check("/resource/properties", Some(json!({})));
        check("/resource", Some(json!({"type": "account", "id": "7", "properties": {}})));
        check("/context/ip", Some(json!("::1")));
    }

    #[test]
    fn the_empty_place_is_the_whole_request() {
        let place = Place::parse("").unwrap();
        let request = request();
        let whole = request.at(&place).unwrap();
        assert_eq!(whole["action"]["properties"]["amount"], 3);
        assert_eq!(whole["context"]["ip"], "::1");
    }

    #[test]
    fn what_is_not_there_is_none() {
        check("/action/properties/x/y", None);
        check("/context/amount", None);
        check("/subject/properties/roles/01", None);
        check("/subject/properties/roles/-", None);
        check("/subject/properties/roles/2", None);
    }
}
