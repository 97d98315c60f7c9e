//! `storage`, `approvals` and `tools` of a tool: each call is asked of its host, as plain data.

use writ_core::tool::{Answer, AskError, Bytes, CallError, HostCall};
use writ_core::{Disposition, Fault, FaultCode, Json, Requirement, Stage};

use crate::bindings::tool::writ::host::{approvals, tools};
use crate::bindings::writ::host::storage;
use crate::bindings::writ::host::types;
use crate::capability::approval_history;
use crate::fault::HostFault;
use crate::tool::ToolState;

type Stored<T> = wasmtime::Result<Result<T, storage::Error>>;

impl storage::Host for ToolState {
    async fn get(&mut self, key: String) -> Stored<Option<storage::Entry>> {
        self.guard.meter.call(key.len())?;
        match self.ask(HostCall::Get { key }).await? {
            Answer::Entry { entry } => {
                let entry = entry.map(|e| storage::Entry { value: e.value.0, version: e.version });
                self.guard.meter.answer(entry.as_ref().map_or(0, |e| e.value.len()))?;
                Ok(Ok(entry))
            }
            other => not_stored(other),
        }
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl: Option<u32>) -> Stored<u64> {
        self.guard.meter.call(key.len() + value.len())?;
        match self.ask(HostCall::Set { key, value: Bytes(value), ttl }).await? {
            Answer::Version { version } => Ok(Ok(version)),
            other => not_stored(other),
        }
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl: Option<u32>,
    ) -> Stored<u64> {
        self.guard.meter.call(key.len() + value.len())?;
        let value = Bytes(value);
        match self.ask(HostCall::CompareAndSet { key, expected, value, ttl }).await? {
            Answer::Version { version } => Ok(Ok(version)),
            other => not_stored(other),
        }
    }

    async fn increment(&mut self, key: String, delta: i64, ttl: Option<u32>) -> Stored<i64> {
        self.guard.meter.call(key.len())?;
        match self.ask(HostCall::Increment { key, delta, ttl }).await? {
            Answer::Count { count } => Ok(Ok(count)),
            other => not_stored(other),
        }
    }

    async fn delete(&mut self, key: String) -> Stored<bool> {
        self.guard.meter.call(key.len())?;
        match self.ask(HostCall::Delete { key }).await? {
            Answer::Deleted { was_there } => Ok(Ok(was_there)),
            other => not_stored(other),
        }
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        cursor: Option<String>,
    ) -> Stored<(Vec<String>, Option<String>)> {
        self.guard.meter.call(prefix.len() + cursor.as_ref().map_or(0, String::len))?;
        match self.ask(HostCall::ListKeys { prefix, cursor }).await? {
            Answer::Keys { keys, next } => {
                self.guard.meter.answer(keys.iter().map(String::len).sum())?;
                Ok(Ok((keys, next)))
            }
            other => not_stored(other),
        }
    }
}

impl approvals::Host for ToolState {
    async fn request(
        &mut self,
        requirement: types::Requirement,
    ) -> wasmtime::Result<Result<types::Approval, approvals::Error>> {
        let requirement = self::requirement(requirement);
        self.guard.meter.call(bytes(&requirement))?;
        self.watch.pause();
        let answer = self.ask(HostCall::Ask { requirement }).await;
        self.watch.go_on();
        match answer? {
            Answer::Approval { approval } => {
                self.guard.meter.answer(approval_history::bytes(&approval))?;
                Ok(Ok(approval_history::told(*approval)))
            }
            Answer::NotAsked { error: AskError::Invalid(text) } => {
                Ok(Err(approvals::Error::Invalid(text)))
            }
            Answer::NotAsked { error: AskError::Denied(text) } => {
                Ok(Err(approvals::Error::Denied(text)))
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl tools::Host for ToolState {
    async fn search(
        &mut self,
        query: String,
        limit: u32,
    ) -> wasmtime::Result<Vec<tools::ToolInfo>> {
        self.guard.meter.call(query.len())?;
        let Answer::Tools { tools } = self.ask(HostCall::Search { query, limit }).await? else {
            return Err(unexpected(&Answer::Tools { tools: Vec::new() }));
        };
        let told = tools.into_iter().map(|tool| tools::ToolInfo {
            name: tool.name,
            description: tool.description,
            input_schema: tool.input_schema.as_str().to_owned(),
        });
        let told: Vec<_> = told.collect();
        let bytes = |t: &tools::ToolInfo| t.name.len() + t.description.len() + t.input_schema.len();
        self.guard.meter.answer(told.iter().map(bytes).sum())?;
        Ok(told)
    }

    async fn call(
        &mut self,
        name: String,
        arguments: String,
    ) -> wasmtime::Result<Result<String, tools::Error>> {
        self.guard.meter.call(name.len() + arguments.len())?;
        self.watch.pause();
        let answer = self.ask(HostCall::CallTool { name, arguments }).await;
        self.watch.go_on();
        match answer? {
            Answer::Result { result } => {
                let text = Json::as_str(&result).to_owned();
                self.guard.meter.answer(text.len())?;
                Ok(Ok(text))
            }
            Answer::NotCalled { error } => Ok(Err(match error {
                CallError::NotFound => tools::Error::NotFound,
                CallError::Denied(text) => tools::Error::Denied(text),
                CallError::Failed(text) => tools::Error::Failed(text),
                CallError::LimitExceeded(text) => tools::Error::LimitExceeded(text),
            })),
            other => Err(unexpected(&other)),
        }
    }
}

fn not_stored<T>(answer: Answer) -> Stored<T> {
    match answer {
        Answer::NotStored { error } => Ok(Err(error.into())),
        other => Err(unexpected(&other)),
    }
}

/// The host answers another question than was asked: its own mistake, or a journal's.
pub(super) fn unexpected(answer: &Answer) -> wasmtime::Error {
    let fault = Fault::new(FaultCode::Internal, "the host answered another question");
    HostFault(fault.with_detail(format!("{answer:?}"))).into()
}

/// What a guest asks of people, not checked yet.
pub(crate) fn requirement(asked: types::Requirement) -> Requirement {
    let stage = |stage: types::Stage| Stage {
        approvers: stage.approvers,
        quorum: stage.quorum,
        expires_after_seconds: stage.expires_after_seconds,
        on_expiry: match stage.on_expiry {
            types::Disposition::Deny => Disposition::Deny,
            types::Disposition::Escalate => Disposition::Escalate,
            types::Disposition::Approve => Disposition::Approve,
        },
    };
    Requirement {
        title: asked.title,
        reason: asked.reason,
        stages: asked.stages.into_iter().map(stage).collect(),
        allow_self_approval: asked.allow_self_approval,
        reason_required: asked.reason_required,
    }
}

fn bytes(requirement: &Requirement) -> usize {
    let approvers = requirement.stages.iter().flat_map(|stage| &stage.approvers);
    let names: usize = approvers.map(String::len).sum();
    requirement.title.len() + requirement.reason.len() + names
}
