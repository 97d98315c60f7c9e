//! The two borders of an evaluation: a request on its way in, an answer on its way out.
//!
//! What a guest answers is untrusted: its size is checked before its JSON is parsed, and each
//! bound of the contract before anybody else sees it.

use writ_core::{Fault, FaultCode, Json, PolicyDecision, Request, Verdict, verdict};

use crate::bindings::exports::writ::host::policy as wit;
use crate::bindings::writ::host::types;
use crate::capability::tool_host::requirement;

/// The request as the contract has it. Borrows all its text.
pub(crate) fn request(request: &Request) -> wit::Request<'_> {
    wit::Request {
        subject: entity(&request.subject),
        action: types::Action {
            name: &request.action.name,
            properties: request.action.properties.as_str(),
        },
        resource: entity(&request.resource),
        context: request.context.as_str(),
    }
}

fn entity(entity: &writ_core::Entity) -> types::Entity<'_> {
    types::Entity { kind: &entity.kind, id: &entity.id, properties: entity.properties.as_str() }
}

/// The answer as everybody else may see it.
pub(crate) fn decision(
    answer: Result<wit::Decision, String>,
    bytes_max: usize,
) -> Result<PolicyDecision, Fault> {
    let decision = answer
        .map_err(|text| Fault::new(FaultCode::GuestError, "the policy failed").with_detail(text))?;
    let bytes = bytes(&decision);
    if bytes > bytes_max {
        let text = format!("the policy's answer has {bytes} bytes, may have {bytes_max}");
        return Err(Fault::new(FaultCode::ResultTooLarge, text));
    }
    let annotations = match decision.annotations.as_str() {
        "{}" => Json::empty_object(),
        text => Json::parse_object(text).map_err(|error| invalid("annotations", error))?,
    };
    Ok(PolicyDecision { verdict: self::verdict(decision.verdict)?, annotations })
}

fn verdict(verdict: wit::Verdict) -> Result<Verdict, Fault> {
    Ok(match verdict {
        wit::Verdict::Abstain => Verdict::Abstain,
        wit::Verdict::Allow => Verdict::Allow,
        wit::Verdict::Amend(patch) => {
            let patch = Json::parse_object(&patch).map_err(|error| invalid("amendment", error))?;
            Verdict::Amend { patch }
        }
        wit::Verdict::Deny(reason) => {
            let chars = reason.chars().count();
            if chars > verdict::REASON_CHARS_MAX {
                let text = format!("{chars} characters, may have {}", verdict::REASON_CHARS_MAX);
                return Err(invalid("reason", text));
            }
            Verdict::Deny { reason }
        }
        wit::Verdict::RequireApproval(asked) => {
            let requirement = requirement(asked).checked();
            Verdict::RequireApproval {
                requirement: requirement.map_err(|error| invalid("verdict", error))?,
            }
        }
    })
}

fn bytes(decision: &wit::Decision) -> usize {
    let verdict = match &decision.verdict {
        wit::Verdict::Abstain | wit::Verdict::Allow => 0,
        wit::Verdict::Amend(text) | wit::Verdict::Deny(text) => text.len(),
        wit::Verdict::RequireApproval(asked) => {
            let approvers = asked.stages.iter().flat_map(|stage| &stage.approvers);
            asked.title.len() + asked.reason.len() + approvers.map(String::len).sum::<usize>()
        }
    };
    verdict + decision.annotations.len()
}

fn invalid(what: &str, why: impl std::fmt::Display) -> Fault {
    Fault::new(FaultCode::ResultInvalid, format!("the policy's {what} breaks the contract"))
        .with_detail(format!("{what}: {why}"))
}
