//! The pages as HTML. What policies wrote is text there, whatever it holds.

use maud::{DOCTYPE, Markup, html};
use writ_core::approval::REASON_CHARS_MAX;
use writ_core::text::visible;
use writ_core::{Execution, Requirement};

use crate::channels::{Linked, Unanswered};
use crate::clock::rfc3339;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
.said{white-space:pre-wrap;border-left:.25rem solid #888;padding-left:1rem;overflow-wrap:anywhere}\
textarea{width:100%;box-sizing:border-box}button{padding:.5rem 1rem;margin-right:1rem}";

/// The question, which ends at a time, and a form to answer it with, which goes where the page came
/// from. What was wrong with an answer stands above the reason that it gave.
pub(super) fn question(
    linked: &Linked,
    (requirement, expires_at_ms): (&Requirement, u64),
    wrong: Option<&Unanswered>,
    reason: &str,
) -> Markup {
    let person = linked.invitation.by.person.as_str();
    let is_required = requirement.reason_required;
    whole(html! {
        h1 { "Approve or reject?" }
        p { "You are asked as " strong { (person) } ", until " (rfc3339(expires_at_ms)) "." }
        div.said {
            strong { (visible(&requirement.title)) }
            @if !requirement.reason.is_empty() { "\n\n" (visible_lines(&requirement.reason)) }
        }
        (action(&linked.execution))
        @if let Some(wrong) = wrong { p role="alert" { strong { (wrong) } } }
        form method="post" {
            p {
                label for="reason" { "Reason" @if !is_required { " (if you want to give one)" } }
                textarea #reason name="reason" rows="4" maxlength=(REASON_CHARS_MAX) required[is_required] { (reason) }
            }
            p {
                button name="decision" value="approve" { "Approve" }
                button name="decision" value="reject" { "Reject" }
            }
        }
    })
}

/// What is to be done, as it would be done, and who sent it: what a policy says of that is above.
fn action(execution: &Execution) -> Markup {
    let (action, resource) = (execution.action(), &execution.request.resource);
    let subject = &execution.request.subject;
    let arguments =
        serde_json::to_string_pretty(&action.properties.to_value()).expect("arguments are JSON");
    html! {
        dl {
            dt { "Action" } dd { code { (visible(&action.name)) } }
            dt { "Arguments" } dd { pre.said { (visible_lines(&arguments)) } }
            dt { "Resource" } dd { (visible(&resource.kind)) " " (visible(&resource.id)) }
            dt { "In the name of" } dd { (visible(&subject.kind)) " " (visible(&subject.id)) }
            dt { "Sent by" } dd { (execution.requester.as_str()) }
            dt { "Execution" } dd { code { (execution.id) } }
        }
    }
}

/// A text of somebody else's, line by line.
fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// A page that says one thing.
pub(super) fn told(text: &str) -> Markup {
    whole(html! { p role="status" { (text) } })
}

fn whole(content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta name="robots" content="noindex";
                title { "Writ" }
                style { (STYLE) }
            }
            body { (content) }
        }
    }
}
