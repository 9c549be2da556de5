//! The data directory: versioned, private. Where it holds records or objects it is used by one process at a
//! time; processes that keep both elsewhere may share one.

use anyhow::{Context, bail};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Format of the directory. A newer one is refused.
pub const FORMAT: u32 = 1;

/// An open data directory; dropping it lets another process in.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Of this process alone.
    scratch: PathBuf,
    _lock: File,
}

/// Where data lives when nobody says otherwise.
pub fn default_path(configured: &Path) -> PathBuf {
    if !configured.as_os_str().is_empty() {
        return configured.to_owned();
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the platform says where data lives through the environment"
    )]
    let (xdg, home) = (std::env::var("XDG_DATA_HOME"), std::env::var("HOME"));
    match (xdg, home) {
        (Ok(xdg), _) if !xdg.is_empty() => PathBuf::from(xdg).join("signal-video"),
        (_, Ok(home)) => PathBuf::from(home).join(".local/share/signal-video"),
        _ => PathBuf::from("signal-video-data"),
    }
}

impl DataDir {
    /// Creates or opens the directory and locks it against a second process.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        make(path).with_context(|| format!("cannot create the data directory {}", path.display()))?;
        let lock = lock_file(&path.join("lock"))
            .with_context(|| format!("cannot write to the data directory {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => bail!(
                "cannot start: another process uses {}. Stop it, or choose another place with --data-dir.",
                path.display()
            ),
            Err(fs::TryLockError::Error(e)) => return Err(e).context("cannot lock the data directory"),
        }
        let dir = Self { path: path.to_owned(), scratch: path.join("scratch"), _lock: lock };
        dir.check_format()?;
        Ok(dir)
    }

    /// Creates or opens a directory that several processes use: nothing in it is a record. What killed
    /// processes left of their scratch is removed.
    pub fn open_shared(path: &Path) -> anyhow::Result<Self> {
        let root = path.join("scratch");
        make(path).with_context(|| format!("cannot create the data directory {}", path.display()))?;
        make(&root)?;
        // Held while directories come and go, so that nobody clears what is just being made.
        let door = lock_file(&root.join("door"))?;
        door.lock().context("cannot lock the scratch directory")?;
        clear_abandoned(&root)?;
        let scratch = root.join(format!("process-{}", std::process::id()));
        make(&scratch)?;
        let lock = lock_file(&scratch.join("lock"))?;
        lock.try_lock().with_context(|| format!("cannot use {}", scratch.display()))?;
        let dir = Self { path: path.to_owned(), scratch, _lock: lock };
        dir.check_format()?;
        Ok(dir)
    }

    fn check_format(&self) -> anyhow::Result<()> {
        let file = self.path.join("FORMAT");
        match fs::read_to_string(&file) {
            Ok(text) => match text.trim().parse::<u32>() {
                Ok(found) if found > FORMAT => bail!(
                    "{} was written by a newer version (format {found}, this program knows {FORMAT}). Use that version.",
                    self.path.display()
                ),
                Ok(_) => Ok(()),
                Err(_) => bail!("{} is damaged: it should hold a number", file.display()),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                write_private(&file, format!("{FORMAT}\n").as_bytes())
            }
            Err(e) => Err(e).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where this process and no other leaves files for a while.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A secret kept in the directory; made by `make` the first time.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
        let file = self.path.join("secrets").join(name);
        if let Ok(text) = fs::read_to_string(&file)
            && !text.trim().is_empty()
        {
            return Ok(text.trim().to_owned());
        }
        let text = make();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.path.join("secrets"))?;
        write_private(&file, text.as_bytes())?;
        Ok(text)
    }
}

fn make(dir: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Removes the scratch of processes that are gone: whoever lives holds a lock in it.
fn clear_abandoned(root: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(root)? {
        let dir = entry?.path();
        if dir.is_dir() && lock_file(&dir.join("lock"))?.try_lock().is_ok() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
    }
    Ok(())
}

/// Writes a file that only its owner can read, whole or not at all.
pub fn write_private(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let temp = file.with_extension("part");
    let mut out = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temp)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&temp, file).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_and_stops() {
        let dir = tempfile::tempdir().expect("a directory");
        let _first = DataDir::open(dir.path()).expect("opens");
        let said = DataDir::open(dir.path()).expect_err("refused").to_string();
        assert!(said.contains("another process"), "{said}");
    }

    #[test]
    fn a_shared_directory_gives_each_process_a_scratch_and_clears_what_the_dead_left() {
        let dir = tempfile::tempdir().expect("a directory");
        let dead = dir.path().join("scratch/process-1/judge");
        fs::create_dir_all(&dead).expect("made");
        let living = dir.path().join("scratch/process-2");
        fs::create_dir_all(&living).expect("made");
        let lock = lock_file(&living.join("lock")).expect("opens");
        lock.lock().expect("locks");
        let data = DataDir::open_shared(dir.path()).expect("opens");
        assert!(data.scratch().is_dir() && living.is_dir() && !dead.exists());
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("FORMAT"), "99\n").expect("written");
        let said = DataDir::open(dir.path()).expect_err("refused").to_string();
        assert!(said.contains("newer version"), "{said}");
    }

    #[test]
    fn a_secret_is_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = DataDir::open(dir.path()).expect("opens");
        let first = data.secret("k", || "one".into()).expect("made");
        assert_eq!(first, data.secret("k", || "two".into()).expect("kept"));
    }
}
