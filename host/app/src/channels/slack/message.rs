//! Messages in Block Kit. What policies and people wrote is plain text there, in which nothing is a
//! mention or a link, and quoted.

use serde_json::{Value, json};
use writ_core::approval::{ApprovalState, Choice, REASON_CHARS_MAX};
use writ_core::{Approval, Execution};

use crate::channels::notice::{Asking, Question};
use crate::channels::quoting::{one_line, quoted};

/// The button that approves.
pub(super) const APPROVE: &str = "approve";
/// The button that rejects.
pub(super) const REJECT: &str = "reject";
/// The field for a reason.
pub(super) const REASON: &str = "reason";

/// How long a list of people may be, in characters: Slack takes 2,000 in one text.
const PEOPLE_CHARS_MAX: usize = 1_900;
/// How long a section may be, in characters.
const SECTION_CHARS_MAX: usize = 3_000;
/// What a notification shows. It may hold mentions, so it holds nothing of what others wrote.
const SUMMARY: &str = "Somebody is asked to approve an action";

/// A question, with buttons.
pub(super) fn asked(execution: &str, asking: &Asking<'_>) -> Value {
    let Asking { question, approval, stage, .. } = asking;
    let mut blocks = question_blocks(question, execution);
    blocks.extend(answer_blocks(question, approval, *stage));
    json!({ "text": SUMMARY, "blocks": blocks })
}

/// What happened to an execution, in its kind's name.
pub(super) fn told(kind: &str, execution: &str) -> Value {
    let text = format!("{kind} {execution}");
    json!({ "text": text, "blocks": [section(text.trim())] })
}

/// A question in the place of the one that was posted: with who has answered, and without buttons
/// once it is not asked any more.
pub(super) fn after(execution: &Execution, approval: &Approval, stage: usize) -> Option<Value> {
    let question = Question::of(execution, &approval.id, stage)?;
    let mut blocks = question_blocks(&question, &execution.id);
    let answers = answers(approval, stage);
    if !answers.is_empty() {
        blocks.push(context(&answers));
    }
    let end = match approval.state {
        ApprovalState::Pending { stage: now, .. } if now == stage => None,
        ApprovalState::Pending { .. } => Some("Others are asked now."),
        ApprovalState::Approved => Some("It is approved."),
        ApprovalState::Rejected => Some("It is rejected."),
        ApprovalState::Expired => Some("Its time is over."),
        ApprovalState::Cancelled => Some("It is no longer asked."),
    };
    match end {
        Some(end) => blocks.push(section(end)),
        None => blocks.extend(answer_blocks(&question, &approval.id, stage)),
    }
    Some(json!({ "replace_original": true, "text": SUMMARY, "blocks": blocks }))
}

/// Something that only whoever pressed a button sees.
pub(super) fn words(text: &str) -> Value {
    json!({
        "response_type": "ephemeral", "replace_original": false,
        "text": "Writ answers", "blocks": [section(text)],
    })
}

fn question_blocks(question: &Question, execution: &str) -> Vec<Value> {
    let Question { title, reason, approvers, requester, .. } = question;
    let text = format!("{}{}", quoted(title), quoted(reason));
    let approvers = shortened(&one_line(&approvers.join(", ")));
    let about = format!("sent by {requester}\nasks {approvers}\nexecution {execution}");
    let text: String = text.trim_end().chars().take(SECTION_CHARS_MAX).collect();
    vec![section(&text), context(&about)]
}

/// A field for a reason, and the buttons. Their value says which question they answer.
fn answer_blocks(question: &Question, approval: &str, stage: usize) -> [Value; 2] {
    let value = format!("{approval} {stage}");
    let button = |action: &str, label: &str, style: &str| {
        json!({
            "type": "button", "text": plain(label), "style": style,
            "action_id": action, "value": value,
        })
    };
    let reason = json!({
        "type": "input", "label": plain("Reason"), "optional": !question.reason_required,
        "element": {
            "type": "plain_text_input", "action_id": REASON, "multiline": true,
            "max_length": REASON_CHARS_MAX,
        },
    });
    let buttons = [button(APPROVE, "Approve", "primary"), button(REJECT, "Reject", "danger")];
    [reason, json!({ "type": "actions", "elements": buttons })]
}

/// Who has said what in a stage.
fn answers(approval: &Approval, stage: usize) -> String {
    let votes = approval.votes.iter().filter(|vote| vote.stage == stage);
    let lines: Vec<_> = votes
        .map(|vote| match vote.choice {
            Choice::Approve => format!("{} approves", vote.approver),
            Choice::Reject => format!("{} rejects", vote.approver),
        })
        .collect();
    shortened(&lines.join(", "))
}

fn shortened(text: &str) -> String {
    text.chars().take(PEOPLE_CHARS_MAX).collect()
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": plain(text) })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [plain(text)] })
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}
