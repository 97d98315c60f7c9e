//! What callers send, as AuthZEN 1.0 says. Converted to core's types here, by hand.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use writ_core::{Action, Entity, Request};

use super::json::{FieldError, Object, Text, object, present};

/// A subject or a resource.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = Entity)]
#[serde(expecting = "an object")]
pub struct EntityBody {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    #[schema(value_type = String, min_length = 1, example = "user")]
    kind: Text,
    /// Its id, unique within its type.
    #[schema(value_type = String, min_length = 1, example = "alice@example.com")]
    id: Text,
    /// Whatever else the caller knows of it.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Object,
}

/// What the subject wants to do. For a tool call: the tool, and its arguments as properties.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = Action)]
#[serde(expecting = "an object")]
pub struct ActionBody {
    /// Its name.
    #[schema(value_type = String, min_length = 1, example = "send_money")]
    name: Text,
    /// Its arguments.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Object,
}

/// May this subject do this action on this resource?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EvaluationRequest)]
#[serde(expecting = "an object")]
pub struct EvaluationBody {
    /// Who wants to act.
    #[serde(deserialize_with = "object")]
    subject: EntityBody,
    /// What they want to do.
    #[serde(deserialize_with = "object")]
    action: ActionBody,
    /// On what.
    #[serde(deserialize_with = "object")]
    resource: EntityBody,
    /// Everything else that the caller knows.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Object,
}

/// An action that somebody asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ExecutionRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct CreateBody {
    /// Who wants to act.
    #[serde(deserialize_with = "object")]
    subject: EntityBody,
    /// What they want to do.
    #[serde(deserialize_with = "object")]
    action: ActionBody,
    /// On what.
    #[serde(deserialize_with = "object")]
    resource: EntityBody,
    /// Everything else that the caller knows.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Object,
    /// The tool of this host that carries it out, with the action's properties as its arguments;
    /// without it, the caller does.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, example = "payout")]
    tool: Option<Text>,
}

/// One question of several; what it leaves out is taken, whole, from the top level.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = EvaluationItem)]
#[serde(expecting = "an object")]
pub struct ItemBody {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    subject: Option<EntityBody>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    action: Option<ActionBody>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    resource: Option<EntityBody>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>, nullable = false)]
    context: Option<Object>,
}

/// Several questions. Without `evaluations`, the top level is the only one.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EvaluationsRequest)]
#[serde(expecting = "an object")]
pub struct EvaluationsBody {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    subject: Option<EntityBody>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    action: Option<ActionBody>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    resource: Option<EntityBody>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>, nullable = false)]
    context: Option<Object>,
    /// The questions.
    #[serde(default)]
    #[schema(value_type = Vec<ItemBody>, max_items = 256)]
    pub evaluations: Vec<Box<RawValue>>,
    /// How they are to be decided.
    #[serde(default, deserialize_with = "object")]
    pub options: Options,
}

/// How several questions are to be decided.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[schema(as = EvaluationsOptions)]
#[serde(expecting = "an object")]
pub struct Options {
    /// Whether all are decided.
    #[serde(default)]
    pub evaluations_semantic: Semantic,
}

/// Whether all questions are decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum Semantic {
    /// All are.
    #[default]
    ExecuteAll,
    /// None after the first that is denied.
    DenyOnFirstDeny,
    /// None after the first that is permitted.
    PermitOnFirstPermit,
}

/// As a string first: serde_json takes another type for malformed JSON where it expects an enum.
impl TryFrom<String> for Semantic {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        match name.as_str() {
            "execute_all" => Ok(Self::ExecuteAll),
            "deny_on_first_deny" => Ok(Self::DenyOnFirstDeny),
            "permit_on_first_permit" => Ok(Self::PermitOnFirstPermit),
            _ => Err("must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`"),
        }
    }
}

impl EvaluationBody {
    /// The question, as core knows it.
    pub fn into_request(self) -> Request {
        let Self { subject, action, resource, context } = self;
        request(subject, action, resource, context)
    }
}

/// A question, as core knows it.
pub fn request(
    subject: EntityBody,
    action: ActionBody,
    resource: EntityBody,
    context: Object,
) -> Request {
    Request {
        subject: subject.into_entity(),
        action: action.into_action(),
        resource: resource.into_entity(),
        context: context.0,
    }
}

impl CreateBody {
    /// The question, and the tool that is to do it.
    pub fn into_parts(self) -> (Request, Option<String>) {
        let Self { subject, action, resource, context, tool } = self;
        let question = EvaluationBody { subject, action, resource, context };
        (question.into_request(), tool.map(|Text(name)| name))
    }
}

impl EvaluationsBody {
    /// What items leave out.
    pub fn take_defaults(&mut self) -> ItemBody {
        ItemBody {
            subject: self.subject.take(),
            action: self.action.take(),
            resource: self.resource.take(),
            context: self.context.take(),
        }
    }
}

impl ItemBody {
    /// The question, with what it leaves out taken from `defaults`: a part that it gives replaces
    /// the default as a whole. `pointer` is where the item is.
    ///
    /// # Errors
    /// The first part that neither gives.
    pub fn into_request(self, defaults: &Self, pointer: &str) -> Result<Request, FieldError> {
        let missing = |part: &str| FieldError {
            pointer: format!("{pointer}/{part}"),
            message: "is required".into(),
        };
        let Self { subject, action, resource, context } = self;
        let subject = subject.or_else(|| defaults.subject.clone());
        let action = action.or_else(|| defaults.action.clone());
        let resource = resource.or_else(|| defaults.resource.clone());
        let context = context.or_else(|| defaults.context.clone());
        Ok(Request {
            subject: subject.ok_or_else(|| missing("subject"))?.into_entity(),
            action: action.ok_or_else(|| missing("action"))?.into_action(),
            resource: resource.ok_or_else(|| missing("resource"))?.into_entity(),
            context: context.unwrap_or_default().0,
        })
    }
}

impl EntityBody {
    fn into_entity(self) -> Entity {
        Entity { kind: self.kind.0, id: self.id.0, properties: self.properties.0 }
    }
}

impl ActionBody {
    /// The action, as core knows it.
    pub fn into_action(self) -> Action {
        Action { name: self.name.0, properties: self.properties.0 }
    }
}
