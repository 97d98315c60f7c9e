//! The way from the generated bindings to a policy and back.
//!
//! Everything that the export macro expands to ends here, so that the macro holds no logic. It
//! compiles natively too, where the imports cannot be called.

use std::sync::OnceLock;

use crate::bindings::exports::writ::host::policy as wit;
use crate::bindings::writ::host::types;
use crate::decision::{Decision, Verdict};
use crate::imports::Imports;
use crate::json::Json;
use crate::policy::{self, Policy};
use crate::request::{Action, Entity, Request};
use crate::requirement::{Disposition, Requirement, Stage};

/// The exported `describe`.
pub fn describe<P: Policy>() -> wit::Description {
    wit::Description {
        name: P::NAME.to_owned(),
        version: P::VERSION.to_owned(),
        summary: P::SUMMARY.to_owned(),
        settings_schema: P::SETTINGS_SCHEMA.to_owned(),
    }
}

/// The exported `configure`: parses the settings, and leaves the allocator ready for evaluations.
///
/// # Errors
/// Where the policy refuses its settings.
pub fn configure<P: Policy>(place: &OnceLock<P>, settings: &str) -> Result<(), String> {
    let policy = policy::configure(settings)?;
    place.set(policy).map_err(|_| "the policy is configured already".to_owned())?;
    crate::arena::arm();
    Ok(())
}

/// The exported `evaluate`.
///
/// # Errors
/// As the policy's; and if it was never configured.
pub fn evaluate<P: Policy>(
    place: &OnceLock<P>,
    request: types::Request,
) -> Result<wit::Decision, String> {
    let policy = place.get().ok_or("the policy was never configured")?;
    policy.evaluate(&request.into(), &Imports).map(Into::into)
}

impl From<types::Request> for Request {
    fn from(request: types::Request) -> Self {
        Self {
            subject: request.subject.into(),
            action: Action {
                name: request.action.name,
                properties: Json::from_text(request.action.properties),
            },
            resource: request.resource.into(),
            context: Json::from_text(request.context),
        }
    }
}

impl From<types::Entity> for Entity {
    fn from(entity: types::Entity) -> Self {
        Self { kind: entity.kind, id: entity.id, properties: Json::from_text(entity.properties) }
    }
}

impl From<Decision> for wit::Decision {
    fn from(decision: Decision) -> Self {
        Self {
            verdict: decision.verdict.into(),
            annotations: Json::from_object(decision.annotations).into_text(),
        }
    }
}

impl From<Verdict> for wit::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Abstain => Self::Abstain,
            Verdict::Allow => Self::Allow,
            Verdict::Amend(patch) => Self::Amend(Json::from_object(patch).into_text()),
            Verdict::Deny(reason) => Self::Deny(reason),
            Verdict::RequireApproval(requirement) => Self::RequireApproval(requirement.into()),
        }
    }
}

impl From<Requirement> for types::Requirement {
    fn from(requirement: Requirement) -> Self {
        Self {
            title: requirement.title,
            reason: requirement.reason,
            stages: requirement.stages.into_iter().map(Into::into).collect(),
            allow_self_approval: requirement.allow_self_approval,
            reason_required: requirement.reason_required,
        }
    }
}

impl From<Stage> for types::Stage {
    fn from(stage: Stage) -> Self {
        Self {
            approvers: stage.approvers,
            quorum: stage.quorum,
            expires_after_seconds: stage.expires_after_seconds,
            on_expiry: match stage.on_expiry {
                Disposition::Deny => types::Disposition::Deny,
                Disposition::Escalate => types::Disposition::Escalate,
                Disposition::Approve => types::Disposition::Approve,
            },
        }
    }
}
