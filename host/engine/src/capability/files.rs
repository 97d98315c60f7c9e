//! `files` of a tool: each call is asked of its host, as plain data.

use writ_core::files::FileError;
use writ_core::tool::{Answer, Bytes, HostCall};

use super::tool_host::unexpected;
use crate::bindings::tool::writ::host::files;
use crate::tool::ToolState;

type Filed<T> = wasmtime::Result<Result<T, files::Error>>;

impl files::Host for ToolState {
    async fn read(&mut self, name: String) -> Filed<Vec<u8>> {
        self.guard.meter.call(name.len())?;
        match self.ask(HostCall::ReadFile { name }).await? {
            Answer::File { bytes: Bytes(bytes) } => {
                self.guard.meter.answer(bytes.len())?;
                Ok(Ok(bytes))
            }
            other => not_filed(other),
        }
    }

    async fn write(&mut self, name: String, bytes: Vec<u8>) -> Filed<()> {
        self.guard.meter.call(name.len() + bytes.len())?;
        match self.ask(HostCall::WriteFile { name, bytes: Bytes(bytes) }).await? {
            Answer::Written => Ok(Ok(())),
            other => not_filed(other),
        }
    }

    async fn list_names(&mut self, directory: String) -> Filed<Vec<String>> {
        self.guard.meter.call(directory.len())?;
        match self.ask(HostCall::ListFiles { directory }).await? {
            Answer::Names { names } => {
                self.guard.meter.answer(names.iter().map(String::len).sum())?;
                Ok(Ok(names))
            }
            other => not_filed(other),
        }
    }

    async fn remove(&mut self, name: String) -> Filed<bool> {
        self.guard.meter.call(name.len())?;
        match self.ask(HostCall::RemoveFile { name }).await? {
            Answer::Removed { was_there } => Ok(Ok(was_there)),
            other => not_filed(other),
        }
    }
}

fn not_filed<T>(answer: Answer) -> Filed<T> {
    let Answer::NotFiled { error } = answer else { return Err(unexpected(&answer)) };
    Ok(Err(match error {
        FileError::NotFound => files::Error::NotFound,
        FileError::NameInvalid(text) => files::Error::NameInvalid(text),
        FileError::ReadOnly => files::Error::ReadOnly,
        FileError::OtherKind => files::Error::OtherKind,
        FileError::LimitExceeded(text) => files::Error::LimitExceeded(text),
        FileError::Unavailable(text) => files::Error::Unavailable(text),
    }))
}
