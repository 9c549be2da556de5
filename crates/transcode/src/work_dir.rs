//! A directory of one encode, removed when it ends.

use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "encode-";

#[derive(Debug)]
pub(crate) struct WorkDir(PathBuf);

impl WorkDir {
    pub(crate) fn create(root: &Path, name: &str) -> io::Result<Self> {
        let path = root.join(format!("{PREFIX}{name}"));
        std::fs::create_dir_all(root)?;
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// A new directory inside, for one child process.
    pub(crate) fn room(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), error = %e, "a work directory stays behind");
        }
    }
}

/// Removes what encodes of a killed process left in `root`. Call before work starts.
pub fn clear(root: &Path) -> io::Result<usize> {
    let entries = match std::fs::read_dir(root) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            std::fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
