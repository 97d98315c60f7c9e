//! What a worker keeps of its own progress.

use writ_core::Tenant;

/// One change of what there is to do. It changes nothing where that is not there any more.
#[derive(Clone, Debug)]
pub(crate) enum WorkerNote {
    /// An errand is done.
    Done {
        /// Whose.
        tenant: Tenant,
        /// Which.
        errand: String,
    },
    /// An errand is not to be tried before a time, in milliseconds since the Unix epoch.
    Later {
        /// Whose.
        tenant: Tenant,
        /// Which.
        errand: String,
        /// When.
        at_ms: u64,
    },
    /// An execution's tool is not to be run before a time, in milliseconds since the Unix epoch.
    Rest {
        /// Whose.
        tenant: Tenant,
        /// The execution.
        execution: String,
        /// When.
        at_ms: u64,
    },
}

impl WorkerNote {
    pub(crate) fn tenant(&self) -> &Tenant {
        match self {
            Self::Done { tenant, .. } | Self::Later { tenant, .. } | Self::Rest { tenant, .. } => {
                tenant
            }
        }
    }
}
