//! A version of a policy set beside the one that decides: asked on the side, or about a part of all
//! requests.
//!
//! What it is rolled out for is a plain function of the version and the request, so that every host
//! says the same of the same request, and none needs to ask another.

mod guard;
mod hundredths;
mod recent;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use guard::{Breach, Guard, Measure};
pub use hundredths::Hundredths;
pub use recent::{Recent, Tally};

use crate::binding::BindingName;
use crate::digest::Digest;
use crate::request::Request;

/// Which version is rolled out, for which requests, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The version.
    pub version: u64,
    /// Digest of its set.
    pub policy_set: Digest,
    /// The binding in which alone it differs from the version beside it; none where it was wanted whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single: Option<Single>,
    /// For which part of all requests, in percent.
    pub share_percent: Hundredths,
    /// What that is a part of.
    pub by: By,
    /// How.
    #[serde(flatten)]
    pub how: How,
}

/// One binding of a version, tried within another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Single {
    /// Its name.
    pub binding: BindingName,
    /// The version that has it so.
    pub of: u64,
    /// The version that has all the rest, and decides.
    pub within: u64,
}

/// How a version is rolled out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum How {
    /// It is asked on the side, and never answers.
    Shadow,
    /// It decides.
    Canary(Canary),
}

/// What a version that decides for some is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The header that a request bears for which it decides as well, whatever the share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// When it must decide no more.
    pub guard: Guard,
}

/// A header of a request, and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, to the letter.
    pub value: String,
}

/// What stays together: all of it is decided by the same version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The subject, by its type and id.
    #[default]
    Subject,
    /// `thread` in the request's context: a text; the subject, where there is none.
    Thread,
}

/// Why a rollout is none that can be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be {bounds}")]
pub struct OutOfBounds {
    /// What it is about.
    pub field: &'static str,
    /// What it may be.
    pub bounds: &'static str,
}

impl How {
    /// Its name in answers, events and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
        }
    }
}

impl By {
    fn part(self, request: &Request) -> Digest {
        let subject = [request.subject.kind.as_bytes(), request.subject.id.as_bytes()];
        match self {
            Self::Subject => Digest::of_parts(subject),
            Self::Thread => {
                let context = request.context.to_value();
                let thread = context.get("thread").and_then(|thread| thread.as_str());
                thread.map_or_else(
                    || Digest::of_parts(subject),
                    |thread| Digest::of_parts([thread.as_bytes()]),
                )
            }
        }
    }
}

impl How {
    /// Checks every bound, that of the share included.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self, share_percent: Hundredths) -> Result<(), OutOfBounds> {
        let is_marked = matches!(self, Self::Canary(Canary { header: Some(_), .. }));
        if share_percent > Hundredths::of(100) {
            return Err(OutOfBounds { field: "share_percent", bounds: "at most 100" });
        }
        if share_percent == Hundredths::of(0) && !is_marked {
            let bounds = "more than 0, unless a header is given";
            return Err(OutOfBounds { field: "share_percent", bounds });
        }
        match self {
            Self::Shadow => Ok(()),
            Self::Canary(Canary { header, guard }) => {
                header.as_ref().map_or(Ok(()), Header::check)?;
                guard.check()
            }
        }
    }
}

impl Rollout {
    /// Whether a request is part of the share. The same is, whatever host says so, for as long as the
    /// version is rolled out; and what is part of a share is part of each that is larger.
    pub fn takes(&self, request: &Request) -> bool {
        if self.share_percent == Hundredths::of(100) {
            return true;
        }
        let part = self.by.part(request);
        let place = Digest::of_parts([&self.version.to_le_bytes()[..], part.as_bytes()]);
        let [first, second, third, fourth, ..] = *place.as_bytes();
        let place = u32::from_le_bytes([first, second, third, fourth]) % 10_000;
        place < self.share_percent.hundredths()
    }
}

impl Header {
    fn check(&self) -> Result<(), OutOfBounds> {
        let is_token =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=64).contains(&self.name.len()) && self.name.bytes().all(is_token);
        let is_value = (1..=256).contains(&self.value.len())
            && self.value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        match (is_name, is_value) {
            (true, true) => Ok(()),
            (false, _) => {
                let bounds = "1 to 64 lower-case letters, digits and `-`";
                Err(OutOfBounds { field: "header.name", bounds })
            }
            (true, false) => {
                let bounds = "1 to 256 visible ASCII characters";
                Err(OutOfBounds { field: "header.value", bounds })
            }
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Thread => "thread",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Entity, Json};

    fn rollout(share: Hundredths, by: By) -> Rollout {
        let policy_set = Digest::of("");
        let single = None;
        Rollout { version: 7, policy_set, single, share_percent: share, by, how: How::Shadow }
    }

    fn request(subject: u32, thread: &str) -> Request {
        let entity = |kind: &str, id: String| Entity {
            kind: kind.into(),
            id,
            properties: Json::empty_object(),
        };
        Request {
            subject: entity("agent", subject.to_string()),
            action: Action { name: "pay".into(), properties: Json::empty_object() },
            resource: entity("account", "1".into()),
            context: Json::from_value(&serde_json::json!({ "thread": thread })).unwrap(),
        }
    }

    #[test]
    fn a_share_is_about_as_large_as_it_says_and_grows_by_more() {
        let taken = |percent: u32| {
            let rollout = rollout(Hundredths::of(percent), By::Subject);
            (0..10_000).filter(move |id| rollout.takes(&request(*id, ""))).collect::<Vec<_>>()
        };
        let (few, more) = (taken(5), taken(20));
        assert!((400..600).contains(&few.len()), "{}", few.len());
        assert!((1_800..2_200).contains(&more.len()), "{}", more.len());
        assert!(few.iter().all(|id| more.contains(id)));
        assert_eq!(taken(100).len(), 10_000);
    }

    #[test]
    fn others_are_first_with_another_version() {
        let rollout = rollout(Hundredths::of(10), By::Subject);
        let next = Rollout { version: 8, ..rollout.clone() };
        let both = (0..1_000)
            .filter(|id| rollout.takes(&request(*id, "")) && next.takes(&request(*id, "")));
        assert!(both.count() < 50);
    }

    #[test]
    fn what_belongs_together_stays_together() {
        let by_thread = rollout(Hundredths::of(50), By::Thread);
        for thread in 0..20 {
            let one = by_thread.takes(&request(0, &format!("t{thread}")));
            assert!((1..9).all(|id| by_thread.takes(&request(id, &format!("t{thread}"))) == one));
        }
        let by_subject = rollout(Hundredths::of(50), By::Subject);
        for id in 0..20 {
            let one = by_subject.takes(&request(id, "a"));
            assert_eq!(by_subject.takes(&request(id, "b")), one);
        }
    }

    #[test]
    fn bounds_are_checked() {
        let check = |share, how: How| how.check(share);
        assert!(check(Hundredths::of(100), How::Shadow).is_ok());
        assert!(check(Hundredths::of(101), How::Shadow).is_err());
        assert!(check(Hundredths::of(0), How::Shadow).is_err());
        assert!(check(Hundredths::of(0), How::Canary(Canary::default())).is_err());
        let canary = |name: &str, value: &str| {
            let header = Some(Header { name: name.into(), value: value.into() });
            How::Canary(Canary { header, ..Canary::default() })
        };
        assert!(check(Hundredths::of(0), canary("x-canary", "yes")).is_ok());
        assert!(check(Hundredths::of(0), canary("X-Canary", "yes")).is_err());
        assert!(check(Hundredths::of(0), canary("x", "a\nb")).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let header = Some(Header { name: "x".into(), value: "1".into() });
        let how = How::Canary(Canary { header, guard: Guard::default() });
        let rollout = Rollout { how, ..rollout("2.5".parse().unwrap(), By::Thread) };
        let text = serde_json::to_string(&rollout).unwrap();
        assert!(text.contains(r#""share_percent":2.5,"by":"thread","how":"canary""#), "{text}");
        assert_eq!(serde_json::from_str::<Rollout>(&text).unwrap(), rollout);
    }
}
