//! Files in memory, for tests of tools without Wasm.

use super::TestHost;
use crate::tool::{FileError, Files};

/// How many bytes a file may have.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Any name may be written, and directories are there as soon as something is in them.
impl Files for TestHost {
    fn read_file(&self, name: &str) -> Result<Vec<u8>, FileError> {
        self.count();
        check(name)?;
        self.files.borrow().get(name).cloned().ok_or(FileError::NotFound)
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        self.count();
        check(name)?;
        if bytes.len() > FILE_BYTES_MAX {
            let text = format!("the file has more than {FILE_BYTES_MAX} bytes");
            return Err(FileError::LimitExceeded(text));
        }
        self.files.borrow_mut().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn list_files(&self, directory: &str) -> Result<Vec<String>, FileError> {
        self.count();
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let files = self.files.borrow();
        let below = files.keys().filter_map(|name| name.strip_prefix(&prefix));
        let mut names: Vec<String> = below
            .map(|name| match name.split_once('/') {
                Some((directory, _)) => format!("{directory}/"),
                None => name.to_owned(),
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() && !directory.is_empty() { Err(FileError::NotFound) } else { Ok(names) }
    }

    fn remove_file(&self, name: &str) -> Result<bool, FileError> {
        self.count();
        check(name)?;
        Ok(self.files.borrow_mut().remove(name).is_some())
    }
}

fn check(name: &str) -> Result<(), FileError> {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    match name.split('/').all(is_part) {
        true => Ok(()),
        false => Err(FileError::NameInvalid(format!("`{name}` is not relative"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_listed_and_removed() {
        let host = TestHost::new();
        host.write_file("a/b", b"1").unwrap();
        host.write_file("c", b"2").unwrap();
        assert_eq!(host.read_file("a/b"), Ok(b"1".to_vec()));
        assert_eq!(host.list_files(""), Ok(vec!["a/".to_owned(), "c".to_owned()]));
        assert_eq!(host.list_files("a"), Ok(vec!["b".to_owned()]));
        assert_eq!(host.list_files("d"), Err(FileError::NotFound));
        assert_eq!(host.remove_file("a/b"), Ok(true));
        assert_eq!(host.remove_file("a/b"), Ok(false));
        assert!(matches!(host.read_file("../c"), Err(FileError::NameInvalid(_))));
    }
}
