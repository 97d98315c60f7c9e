//! What transitions call for at other executions.

use writ_core::execution::Errand;
use writ_core::{Execution, Tenant};

/// One errand that is to be kept.
#[derive(Debug)]
pub(crate) struct ErrandRow {
    pub(crate) tenant: Tenant,
    pub(crate) id: String,
    pub(crate) errand: Errand,
    /// Not to be tried before, in milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
}

/// An errand's columns but for its name and its time.
#[derive(Debug)]
pub(crate) struct ErrandColumns<'a> {
    pub(crate) kind: &'static str,
    pub(crate) caller: &'a str,
    pub(crate) call: Option<&'a str>,
}

impl ErrandRow {
    pub(crate) fn of_transition(
        before: Option<&Execution>,
        next: &Execution,
        at_ms: u64,
    ) -> Vec<Self> {
        let row = |errand: Errand| Self {
            tenant: next.tenant.clone(),
            id: format!("{}.{}.{}", next.id, next.version, errand.name()),
            errand,
            at_ms,
        };
        Errand::of_transition(before, next).into_iter().map(row).collect()
    }

    pub(crate) fn columns(&self) -> ErrandColumns<'_> {
        let kind = self.errand.name();
        match &self.errand {
            Errand::TellCaller { caller, call } => ErrandColumns { kind, caller, call: Some(call) },
            Errand::CallOff { caller } => ErrandColumns { kind, caller, call: None },
        }
    }
}

/// The errand that columns hold; none where this version knows of none such.
pub(crate) fn errand(kind: &str, caller: String, call: Option<String>) -> Option<Errand> {
    match (kind, call) {
        ("tell-caller", Some(call)) => Some(Errand::TellCaller { caller, call }),
        ("call-off", None) => Some(Errand::CallOff { caller }),
        _ => None,
    }
}
