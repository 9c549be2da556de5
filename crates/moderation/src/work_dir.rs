//! A directory of one job on media, removed when it ends.

use std::io;
use std::path::{Path, PathBuf};

/// What such directories are called, each with a name of its own behind it. Nothing else in their root
/// is ever removed.
const PREFIX: &str = "work-";

#[derive(Debug)]
pub struct WorkDir(PathBuf);

impl WorkDir {
    /// `name` must be new to `root`.
    pub fn create(root: &Path, name: &str) -> io::Result<Self> {
        let path = root.join(format!("{PREFIX}{name}"));
        std::fs::create_dir_all(root)?;
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A new directory inside, for one child process.
    pub fn room(&self, name: &str) -> io::Result<PathBuf> {
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

/// Removes what jobs of a killed process left in `root`. Call before work starts.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_and_its_rooms_go_when_the_job_ends() {
        let root = tempfile::tempdir().expect("a directory");
        let work = WorkDir::create(root.path(), "a").expect("created");
        std::fs::write(work.room("tracks").expect("a room").join("f.mp4"), "x").expect("written");
        assert!(work.room("tracks").is_err(), "a room is one child's");
        assert!(WorkDir::create(root.path(), "a").is_err(), "a directory is one job's");
        drop(work);
        assert_eq!(std::fs::read_dir(root.path()).expect("read").count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_and_nothing_else() {
        let root = tempfile::tempdir().expect("a directory");
        let left = WorkDir::create(root.path(), "a").expect("created");
        std::fs::write(left.path().join("f.jpg"), "x").expect("written");
        std::mem::forget(left);
        std::fs::create_dir(root.path().join("another")).expect("created");
        assert_eq!(clear(root.path()).expect("cleared"), 1);
        assert!(root.path().join("another").is_dir());
        assert_eq!(clear(&root.path().join("none")).expect("cleared"), 0);
    }
}
