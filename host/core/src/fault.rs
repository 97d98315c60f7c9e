//! What can go wrong while a policy is evaluated or a tool runs: a closed set of stable codes.
//!
//! Every fault of a policy denies the action (decision 6), every fault of a tool fails it. The code goes to answers, metrics and records; the
//! detail goes to the log of the operator only.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $party:ident;)+) => {
        /// Why an evaluation gave no verdict. Codes are stable: they are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum FaultCode {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl FaultCode {
            /// Every code, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it is written in answers, metrics and records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// Who has to mend it.
            pub const fn party(self) -> Party {
                match self { $(Self::$variant => Party::$party),+ }
            }
        }
    };
}

fault_codes! {
    /// The policy returned an error from `evaluate` or `configure`.
    GuestError = "guest-error", Policy;
    /// The policy trapped: a panic, an `unreachable`, a division by zero, an access out of bounds.
    Trap = "trap", Policy;
    /// All fuel was burnt.
    OutOfFuel = "out-of-fuel", Policy;
    /// The guest ran longer than its deadline.
    DeadlineExceeded = "deadline-exceeded", Policy;
    /// The call as a whole, waiting for the host included, took longer than its time-out.
    Timeout = "timeout", Host;
    /// The guest's stack is full.
    StackOverflow = "stack-overflow", Policy;
    /// The guest wanted more linear memory than its limit.
    MemoryLimit = "memory-limit", Policy;
    /// The guest wanted larger tables than its limit.
    TableLimit = "table-limit", Policy;
    /// The guest holds more resource handles than its limit.
    HandleLimit = "handle-limit", Policy;
    /// The guest made more host calls than its limit.
    HostCallLimit = "host-call-limit", Policy;
    /// The guest moved more bytes through host calls than its limit.
    HostCallBytesLimit = "host-call-bytes-limit", Policy;
    /// The guest logged more than its limit.
    LogLimit = "log-limit", Policy;
    /// The request is larger than the policy's limit on arguments.
    ArgumentTooLarge = "argument-too-large", Caller;
    /// The guest's answer is larger than its limit.
    ResultTooLarge = "result-too-large", Policy;
    /// The guest's answer breaks the contract: malformed JSON, a bound of a requirement.
    ResultInvalid = "result-invalid", Policy;
    /// The amended action is no acceptable action.
    AmendmentInvalid = "amendment-invalid", Policy;
    /// A tool that was run again did not do what it had done before.
    Nondeterminism = "nondeterminism", Policy;
    /// A tool made more host calls, or was answered more, than is recorded.
    JournalLimit = "journal-limit", Policy;
    /// Another request changed what this evaluation read, again and again.
    StorageConflict = "storage-conflict", Host;
    /// The store did not answer.
    StorageUnavailable = "storage-unavailable", Host;
    /// The binding has failed so often in a row that the host rests it.
    BreakerOpen = "breaker-open", Policy;
    /// The host has no free slot for another instance.
    Overloaded = "overloaded", Host;
    /// The host itself failed.
    Internal = "internal", Host;
}

/// Who has to mend a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Whoever sent the request.
    Caller,
    /// Whoever wrote or configured the policy.
    Policy,
    /// Whoever runs the host.
    Host,
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An evaluation that gave no verdict.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// What happened.
    pub code: FaultCode,
    /// One sentence that the caller may read: no data of the guest, no data of the host.
    pub message: String,
    detail: Option<String>,
}

impl Fault {
    /// A fault of which nothing more is to be said.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// Adds what only the operator may read.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What only the operator may read: for the log, never for an answer.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_and_kebab_case() {
        let codes: HashSet<_> = FaultCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), FaultCode::ALL.len());
        let kebab = |code: &&str| code.bytes().all(|b| b == b'-' || b.is_ascii_lowercase());
        assert!(codes.iter().all(kebab));
    }

    #[test]
    fn the_detail_stays_out_of_what_the_caller_reads() {
        let fault = Fault::new(FaultCode::Trap, "the policy trapped").with_detail("at 0x17");
        assert_eq!(fault.to_string(), "trap: the policy trapped");
        assert_eq!(fault.detail(), Some("at 0x17"));
    }
}
