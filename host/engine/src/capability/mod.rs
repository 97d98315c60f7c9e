//! What a policy or a tool can call, one file a capability.

pub(crate) mod approval_history;
pub(crate) mod execution;
pub(crate) mod files;
pub(crate) mod log;
pub(crate) mod storage;
pub(crate) mod tool_host;
pub(crate) mod wasi;
