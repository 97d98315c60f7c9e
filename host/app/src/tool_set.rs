//! The tools of a host, in three stages as policies: as they are written (`raw`), as they are meant
//! (`parsed`), and ready to be called ([`Toolbox`]).

mod directory;
mod load;
mod parsed;
pub(crate) mod raw;
mod signature;
mod toolbox;

pub use directory::{Access, Directory};
pub use load::load;
pub(crate) use parsed::parse;
pub use parsed::{ToolConfig, ToolSetConfig};
pub use signature::{Flaw, Signature};
pub use toolbox::{LoadedTool, Toolbox};
