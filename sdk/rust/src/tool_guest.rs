//! The way from the generated bindings to a tool and back.
//!
//! Everything that the export macro expands to ends here. It compiles natively too, where the
//! imports cannot be called.

use serde_json::Value;

use crate::host::Approval;
use crate::imports::Imports;
use crate::requirement::Requirement;
use crate::tool::{
    self, ApprovalError, Approvals, FileError, Files, Tool, ToolError, ToolInfo, Tools,
};
use crate::tool_bindings::exports::writ::host::tool as wit;
use crate::tool_bindings::writ::host::{approvals, files, tools};

/// The exported `describe`.
pub fn describe<T: Tool>() -> wit::Description {
    wit::Description {
        name: T::NAME.to_owned(),
        version: T::VERSION.to_owned(),
        summary: T::SUMMARY.to_owned(),
        input_schema: T::INPUT_SCHEMA.to_owned(),
        output_schema: T::OUTPUT_SCHEMA.map(str::to_owned),
    }
}

/// The exported `call`.
///
/// # Errors
/// As [`tool::call`].
pub fn call<T: Tool>(arguments: &str) -> Result<String, String> {
    tool::call::<T>(arguments, &Imports)
}

impl Approvals for Imports {
    fn ask(&self, requirement: &Requirement) -> Result<Approval, ApprovalError> {
        Ok(approvals::request(&requirement.clone().into())?.into())
    }
}

impl Tools for Imports {
    fn search(&self, query: &str, limit: u32) -> Vec<ToolInfo> {
        tools::search(query, limit).into_iter().map(Into::into).collect()
    }

    fn call(&self, name: &str, arguments: &Value) -> Result<Value, ToolError> {
        let result = tools::call(name, &arguments.to_string())?;
        serde_json::from_str(&result).map_err(|error| ToolError::Failed(error.to_string()))
    }
}

impl Files for Imports {
    fn read_file(&self, name: &str) -> Result<Vec<u8>, FileError> {
        Ok(files::read(name)?)
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        Ok(files::write(name, bytes)?)
    }

    fn list_files(&self, directory: &str) -> Result<Vec<String>, FileError> {
        Ok(files::list_names(directory)?)
    }

    fn remove_file(&self, name: &str) -> Result<bool, FileError> {
        Ok(files::remove(name)?)
    }
}

impl From<files::Error> for FileError {
    fn from(error: files::Error) -> Self {
        match error {
            files::Error::NotFound => Self::NotFound,
            files::Error::NameInvalid(why) => Self::NameInvalid(why),
            files::Error::ReadOnly => Self::ReadOnly,
            files::Error::OtherKind => Self::OtherKind,
            files::Error::LimitExceeded(what) => Self::LimitExceeded(what),
            files::Error::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<approvals::Error> for ApprovalError {
    fn from(error: approvals::Error) -> Self {
        match error {
            approvals::Error::Invalid(what) => Self::Invalid(what),
            approvals::Error::Denied(why) => Self::Denied(why),
            approvals::Error::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<tools::Error> for ToolError {
    fn from(error: tools::Error) -> Self {
        match error {
            tools::Error::NotFound => Self::NotFound,
            tools::Error::Denied(why) => Self::Denied(why),
            tools::Error::Failed(why) => Self::Failed(why),
            tools::Error::LimitExceeded(what) => Self::LimitExceeded(what),
        }
    }
}

impl From<tools::ToolInfo> for ToolInfo {
    fn from(info: tools::ToolInfo) -> Self {
        let input_schema = serde_json::from_str(&info.input_schema).unwrap_or_default();
        Self { name: info.name, description: info.description, input_schema }
    }
}
