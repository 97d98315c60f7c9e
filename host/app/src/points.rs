//! Named points of the road, at which tests kill the host: those between the store and callers, tools
//! and time. What they are for, and the store's own, is in [`writ_store::points`].

/// Each point that is passed here.
pub const NAMES: &[&str] = &[
    // Before an answer is sent: what it says is kept.
    "http.create.answer",
    "http.vote.answer",
    "http.claim.answer",
    "http.report.answer",
    "http.cancel.answer",
    "http.resolve.answer",
    // Policies were asked again about what people agreed to, and the claim is not kept.
    "executions.decided-again",
    // Executions are due; an execution knows.
    "clock.due",
    "clock.told",
    // Work is found; a tool is about to be called.
    "worker.found",
    "tool.claimed",
    // What a tool asked for is kept, and the tool does not know.
    "tool.storage.kept",
    "tool.asked",
    "tool.answered",
    "tool.suspended",
    // A tool calls another: it is in the journal, it is made, its end is there.
    "tool.call.recorded",
    "tool.call.made",
    "tool.call.ended",
    // A tool has done all that it does, and nobody knows; it is kept.
    "tool.effect.done-unrecorded",
    "tool.ended",
    // An endpoint is this host's to call; it has answered, and nobody else knows.
    "endpoint.claimed",
    "endpoint.answered-unrecorded",
    // Whoever called a tool is to be told, and is.
    "tool.caller.untold",
    "tool.caller.told",
    // A channel is this host's; its receiver knows of an event, and nobody else; that is kept.
    "channel.leased",
    "channel.told-unrecorded",
    "channel.advanced",
];

/// Points that only channels of kind `mail` pass: a letter's link is kept; the relay has taken the
/// letter, and nobody else knows; that is kept.
pub const MAIL: &[&str] = &["mail.link-kept", "mail.taken-unrecorded", "mail.taken"];

/// Passes a point of this list.
#[inline(always)]
pub(crate) fn pass(name: &'static str) {
    debug_assert!([NAMES, MAIL].concat().contains(&name), "`{name}` is not listed");
    writ_store::points::pass(name);
}

/// Arms this process with a point: its name, and after `=` at which passage it dies, from 1.
///
/// # Errors
/// Where there is no such point, or no such passage.
#[cfg(feature = "failpoints")]
pub fn arm(text: &str) -> Result<(), String> {
    use writ_store::points::{self, POSTGRES, SQLITE};
    let (name, passage) = text.split_once('=').unwrap_or((text, "1"));
    let lists = [NAMES, MAIL, points::NAMES, SQLITE, POSTGRES];
    if !lists.iter().any(|list| list.contains(&name)) {
        return Err(format!("there is no point `{name}`"));
    }
    let passage = passage.parse().ok().filter(|passage| *passage > 0);
    let passage = passage.ok_or_else(|| format!("`{text}` names no passage from 1"))?;
    points::arm(name, passage);
    Ok(())
}
