//! What a tool is to the SDK: its name, its arguments, and one function.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::{Approval, Execution, Log, Storage};
use crate::requirement::Requirement;
use crate::text::without_place;

/// A tool: code that the host carries an action out with. [`export_tool!`](crate::export_tool) makes
/// a component of it.
///
/// Each call runs on a fresh instance. The host may drop a call while it waits for people or when
/// the machine fails, and begin it again from its start; it then answers each call of the
/// [`ToolHost`] as it did before, without doing anything twice. So a tool keeps what lasts in
/// [`Storage`], asks the host alone, and does the same for the same answers.
pub trait Tool {
    /// Lower-case letters, digits and hyphens; 1 to 64 characters.
    const NAME: &'static str;

    /// Semantic version; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;

    /// One sentence, for people and for models that choose a tool.
    const SUMMARY: &'static str;

    /// JSON Schema (2020-12) of the arguments. The host validates them first.
    const INPUT_SCHEMA: &'static str;

    /// JSON Schema (2020-12) of the result, for callers.
    const OUTPUT_SCHEMA: Option<&'static str> = None;

    /// What the input schema describes.
    type Arguments: DeserializeOwned;

    /// What a call gives.
    type Output: Serialize;

    /// Does the work.
    ///
    /// # Errors
    /// A text that the caller reads; at most 2,000 characters of it.
    fn call(arguments: Self::Arguments, host: &impl ToolHost) -> Result<Self::Output, String>;
}

/// Questions to people in the middle of a tool's work.
pub trait Approvals {
    /// Asks, and waits for the end: the approval is never pending. The wait may last for days, and
    /// survives a restart of the host.
    ///
    /// # Errors
    /// Each of [`ApprovalError`].
    fn ask(&self, requirement: &Requirement) -> Result<Approval, ApprovalError>;
}

/// Other tools, as far as this one was granted them.
pub trait Tools {
    /// Granted tools whose name or description contains a text; at most `limit` and 100.
    fn search(&self, query: &str, limit: u32) -> Vec<ToolInfo>;

    /// Calls a tool under the caller's rights and the same policies. It happens once.
    ///
    /// # Errors
    /// Each of [`ToolError`].
    fn call(&self, name: &str, arguments: &Value) -> Result<Value, ToolError>;
}

/// Files of the directory that a tool was granted, by names such as `2026/july.csv`.
pub trait Files {
    /// All bytes of a file; at most 1 MiB.
    ///
    /// # Errors
    /// Each of [`FileError`] but [`FileError::ReadOnly`].
    fn read_file(&self, name: &str) -> Result<Vec<u8>, FileError>;

    /// Makes bytes the whole of a file, which is new or replaced; at most 1 MiB.
    ///
    /// # Errors
    /// Each of [`FileError`]; then the file is as it was.
    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), FileError>;

    /// What a directory holds, in byte order: directories with a `/` behind. The empty name is the
    /// granted directory itself.
    ///
    /// # Errors
    /// Each of [`FileError`] but [`FileError::ReadOnly`].
    fn list_files(&self, directory: &str) -> Result<Vec<String>, FileError>;

    /// Removes a file; whether it was there.
    ///
    /// # Errors
    /// Each of [`FileError`] but [`FileError::LimitExceeded`].
    fn remove_file(&self, name: &str) -> Result<bool, FileError>;
}

/// All that a tool may ask of its host, as far as it was granted.
///
/// Taken as `&impl ToolHost`: a component then imports only what it calls.
pub trait ToolHost: Storage + Execution + Log + Approvals + Tools + Files {}

impl<H: Storage + Execution + Log + Approvals + Tools + Files> ToolHost for H {}

/// Why nobody was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalError {
    /// The requirement breaks a bound of the contract.
    Invalid(String),
    /// The execution may ask no more.
    Denied(String),
    /// The store cannot answer now.
    Unavailable(String),
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolInfo {
    /// What it is called by.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// JSON Schema (2020-12) of its arguments.
    pub input_schema: Value,
}

/// Why a call of another tool gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolError {
    /// No tool of this name is granted.
    NotFound,
    /// Policies or people said no.
    Denied(String),
    /// The tool failed.
    Failed(String),
    /// Calls are nested too deep.
    LimitExceeded(String),
}

/// Why a call for a file was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileError {
    /// There is nothing of this name, or nothing to hold it.
    NotFound,
    /// The name breaks a bound, or leads outside of the directory.
    NameInvalid(String),
    /// The directory is granted for reading only.
    ReadOnly,
    /// It is no file where one is wanted, or no directory.
    OtherKind,
    /// A file or a directory is over its bound.
    LimitExceeded(String),
    /// The operating system refuses, or cannot now.
    Unavailable(String),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file"),
            Self::NameInvalid(why) => write!(f, "no name of a file: {why}"),
            Self::ReadOnly => f.write_str("files may only be read"),
            Self::OtherKind => f.write_str("it is of another kind"),
            Self::LimitExceeded(what) => write!(f, "it is too large: {what}"),
            Self::Unavailable(why) => write!(f, "the file cannot be had now: {why}"),
        }
    }
}

impl std::error::Error for FileError {}

/// Lets `?` turn an error into what the caller reads.
impl From<FileError> for String {
    fn from(error: FileError) -> Self {
        error.to_string()
    }
}

impl fmt::Display for ApprovalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => write!(f, "the question cannot be asked: {what}"),
            Self::Denied(why) => write!(f, "nobody may be asked: {why}"),
            Self::Unavailable(why) => write!(f, "nobody can be asked now: {why}"),
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such tool"),
            Self::Denied(why) => write!(f, "the tool may not be called: {why}"),
            Self::Failed(why) => write!(f, "the tool failed: {why}"),
            Self::LimitExceeded(what) => write!(f, "the tool cannot be called: {what}"),
        }
    }
}

impl std::error::Error for ApprovalError {}

impl std::error::Error for ToolError {}

/// Lets `?` turn an error into what the caller reads.
impl From<ApprovalError> for String {
    fn from(error: ApprovalError) -> Self {
        error.to_string()
    }
}

/// Lets `?` turn an error into what the caller reads.
impl From<ToolError> for String {
    fn from(error: ToolError) -> Self {
        error.to_string()
    }
}

/// Calls a tool as the exported `call` does: arguments and result are JSON text.
///
/// # Errors
/// Where the arguments are not what the tool takes, and as the tool's own.
pub fn call<T: Tool>(arguments: &str, host: &impl ToolHost) -> Result<String, String> {
    let arguments = serde_json::from_str(arguments).map_err(|e| {
        format!("the arguments of `{}` cannot be read: {}", T::NAME, without_place(&e))
    })?;
    let output = T::call(arguments, host)?;
    serde_json::to_string(&output)
        .map_err(|error| format!("the result of `{}` cannot be written: {error}", T::NAME))
}
