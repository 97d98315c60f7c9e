//! Files of a running tool: what it is told of them is recorded, and what it changes as well.

use std::sync::Arc;

use writ_core::files::FileError;
use writ_core::journal::Outcome;
use writ_core::tool::{Answer, Bytes, Halt, HostCall};
use writ_core::{Fault, FaultCode};

use super::host::{Book, RunHost};
use crate::tool_set::Directory;

impl RunHost {
    /// Does a call of `files`.
    pub(super) async fn file(&self, book: &mut Book, call: &HostCall) -> Result<Answer, Halt> {
        let Some(directory) = self.tool.directory.clone() else {
            let text = "the tool is granted no directory";
            return Err(Halt::Fault(Fault::new(FaultCode::Internal, text)));
        };
        match call {
            HostCall::WriteFile { .. } | HostCall::RemoveFile { .. } => {
                self.change_file(book, call, directory).await
            }
            _ => {
                let answer = self.done(directory, call).await?;
                book.read(call, answer)
            }
        }
    }

    /// Changes a file. No transaction holds a disk and a database together, so all that led to the
    /// change is kept before it: a run that begins again in between makes the same change once more.
    async fn change_file(
        &self,
        book: &mut Book,
        call: &HostCall,
        directory: Arc<Directory>,
    ) -> Result<Answer, Halt> {
        let removed = Outcome::Answered(Answer::Removed { was_there: false });
        // There must be room to tell of it.
        book.journal.draft(call, removed).map_err(Halt::Fault)?;
        let store = &self.executions.store;
        let kept = store.record(&self.run, &book.unkept, Vec::new()).await;
        kept.map_err(|error| self.unkept(&error))?;
        book.unkept.clear();
        let answer = self.done(directory, call).await?;
        let outcome = Outcome::Answered(answer.clone());
        let entry = book.journal.draft(call, outcome).map_err(Halt::Fault)?;
        let kept = store.record(&self.run, &book.with(&entry), Vec::new()).await;
        kept.map_err(|error| self.unkept(&error))?;
        book.kept(entry);
        Ok(answer)
    }

    /// What comes of a call, on a thread that may wait for the disk.
    async fn done(&self, directory: Arc<Directory>, call: &HostCall) -> Result<Answer, Halt> {
        let (call, writer) = (call.clone(), self.run.execution.clone());
        let doing = tokio::task::spawn_blocking(move || on(&directory, &call, &writer));
        match doing.await {
            Ok(done) => Ok(done.unwrap_or_else(|error| Answer::NotFiled { error })),
            Err(error) => {
                let fault = Fault::new(FaultCode::Internal, "the host failed");
                Err(Halt::Fault(fault.with_detail(error.to_string())))
            }
        }
    }
}

fn on(directory: &Directory, call: &HostCall, writer: &str) -> Result<Answer, FileError> {
    Ok(match call {
        HostCall::ReadFile { name } => Answer::File { bytes: Bytes(directory.read(name)?) },
        HostCall::WriteFile { name, bytes: Bytes(bytes) } => {
            directory.write(name, bytes, writer)?;
            Answer::Written
        }
        HostCall::ListFiles { directory: name } => Answer::Names { names: directory.list(name)? },
        HostCall::RemoveFile { name } => Answer::Removed { was_there: directory.remove(name)? },
        _ => unreachable!("it is no call for files"),
    })
}
