//! A letter, as plain text. What policies wrote is quoted, so that none of it can pass for ours.

use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::{Address, Message};
use reqwest::Url;
use writ_core::Digest;

use super::super::notice::{Asking, Question};
use crate::channels::quoting::{one_line, quoted};
use crate::clock::rfc3339;

/// How many characters of a digest name a letter.
const ID_CHARS: usize = 32;

/// A letter to one person.
pub(super) struct Letter<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a Address,
    /// What no other letter has: a letter that is sent again has the same, so that mailboxes can
    /// drop it.
    pub(super) id: [&'a str; 3],
    pub(super) asking: &'a Asking<'a>,
    pub(super) execution: &'a str,
    pub(super) url: Url,
}

impl Letter<'_> {
    /// The letter as it is sent.
    pub(super) fn message(&self) -> Message {
        // RFC 3834, section 5: so that no holiday notice comes back.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, self.to.clone()))
            .subject(format!("Approval asked: {}", one_line(&self.asking.question.title)))
            .message_id(Some(self.message_id()))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(self.text())
            .expect("a letter has a sender and a receiver")
    }

    fn message_id(&self) -> String {
        let digest = Digest::of_parts(self.id.map(str::as_bytes)).hex();
        let name = digest.get(..ID_CHARS).unwrap_or(&digest);
        format!("<{name}@{}>", self.from.email.domain())
    }

    fn text(&self) -> String {
        let Asking { question, expires_at_ms, .. } = self.asking;
        let Question { title, reason, requester, reason_required, .. } = question;
        let reason_asked = match reason_required {
            true => "An answer must give a reason.\n",
            false => "",
        };
        format!(
            "You are asked to approve or reject this:\n\n\
             {}{}\n\
             It was sent by {requester}. Answer here:\n\n    {}\n\n\
             {reason_asked}Opening the link decides nothing. It is for you alone: whoever has it\n\
             can answer in your name, so do not pass this letter on. It ends with your\n\
             answer, and by {}.\n\n\
             Execution {}\n",
            quoted(title),
            quoted(reason),
            self.url,
            rfc3339(*expires_at_ms),
            self.execution,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(title: &str, reason: &str) -> String {
        let question = Question {
            title: title.into(),
            reason: reason.into(),
            approvers: Vec::new(),
            requester: "shop".into(),
            reason_required: true,
            is_open: true,
        };
        let asking = Asking {
            question: &question,
            approval: "a",
            stage: 0,
            expires_at_ms: 1_614_265_330_123,
        };
        let from: Mailbox = "Writ <writ@example.com>".parse().unwrap();
        let to: Address = "ann@example.com".parse().unwrap();
        let letter = Letter {
            from: &from,
            to: &to,
            id: ["mail", "n", "ann"],
            asking: &asking,
            execution: "e",
            url: "https://writ.example/answer/t".parse().unwrap(),
        };
        String::from_utf8(letter.message().formatted()).unwrap()
    }

    #[test]
    fn nothing_in_a_question_becomes_a_header_or_passes_for_the_letter() {
        let (bcc, link) = ("Bcc: eve@example.com", "Answer here:\n\n    https://evil.example/");
        let separated = format!("Pay\u{2028}{bcc}\u{2029}{link}\u{202e}");
        assert!(!message(&separated, &separated).contains(['\u{2028}', '\u{2029}', '\u{202e}']));
        for title in [format!("Pay\r\n{bcc}"), format!("Pay\n{bcc}"), format!("Pay\r{bcc}")] {
            let text = message(&title, &format!("first\r\n\r\n{link}\r\n.\r\n"));
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
            assert!(head.contains("To: ann@example.com\r\n"), "{head}");
            let ours = body.lines().filter(|line| !line.starts_with('>'));
            let ours: Vec<_> = ours.collect();
            assert!(ours.contains(&"    https://writ.example/answer/t"), "{body}");
            assert!(ours.iter().all(|line| !line.contains("evil") && *line != "."), "{body}");
        }
    }

    #[test]
    fn a_letter_that_is_sent_again_has_its_id() {
        let id = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
            line.to_owned()
        };
        let first = id(&message("Pay", "new payee"));
        assert_eq!(first, id(&message("Pay", "new payee")));
        assert!(first.ends_with("@example.com>"), "{first}");
        assert!(message("Pay", "").contains("Auto-Submitted: auto-generated\r\n"));
    }
}
