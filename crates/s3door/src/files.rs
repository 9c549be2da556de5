//! The few file operations durability is made of. All block.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use vocab::Bytes;

/// A file in `.tmp` that goes away unless it is renamed into place.
#[derive(Debug)]
pub(crate) struct Temp(Option<PathBuf>);

impl Temp {
    pub fn at(path: PathBuf) -> Self {
        Self(Some(path))
    }
    pub fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or_else(|| Path::new(""))
    }
    /// Renames it into place; nothing is left to remove.
    pub fn place(mut self, to: &Path) -> io::Result<()> {
        std::fs::rename(self.path(), to)?;
        self.0 = None;
        Ok(())
    }
    /// Leaves it for the next start to look at.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A new file that only we may read.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(path)
}

/// A file whose bytes stay.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).read(true).create(true).truncate(false).mode(0o600).open(path)
}

pub(crate) fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes `relative` under `base`, each new directory durable in its parent.
pub(crate) fn make_dirs(base: &Path, relative: &Path) -> io::Result<()> {
    if base.join(relative).is_dir() {
        return Ok(());
    }
    let mut at = base.to_path_buf();
    for part in relative {
        let parent = at.clone();
        at.push(part);
        match std::fs::create_dir(&at) {
            Ok(()) => sync_dir(&parent)?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Removes directories from `relative` upwards as long as they are empty.
pub(crate) fn prune_dirs(base: &Path, relative: &Path) {
    let mut at = Some(relative);
    while let Some(dir) = at.filter(|d| !d.as_os_str().is_empty()) {
        if std::fs::remove_dir(base.join(dir)).is_err() {
            return;
        }
        at = dir.parent();
    }
}

/// `Ok` also when it is not there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// `None` when it is not there.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// What is free for us on the file system of `path`.
pub(crate) fn available(path: &Path) -> io::Result<Bytes> {
    let stat = nix::sys::statvfs::statvfs(path)?;
    Ok(Bytes(stat.blocks_available().saturating_mul(stat.fragment_size())))
}
