//! The directories of one run: `in/` with nothing but the file, `out/` for what is made.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Room {
    pub input_dir: PathBuf,
    pub out: PathBuf,
}

impl Room {
    /// Makes the directories below an empty one and links the source in (or copies it, across devices).
    pub async fn furnish(work_dir: &Path, source: &Path) -> io::Result<Self> {
        let (input_dir, out) = (work_dir.join("in"), work_dir.join("out"));
        tokio::fs::create_dir(&input_dir).await?;
        tokio::fs::create_dir(&out).await?;
        let input = input_dir.join("input");
        // A link to a symbolic link would lead out of the room.
        let source = tokio::fs::canonicalize(source).await?;
        if tokio::fs::hard_link(&source, &input).await.is_err() {
            tokio::fs::copy(&source, &input).await?;
        }
        Ok(Self { input_dir, out })
    }

    pub fn input(&self) -> PathBuf {
        self.input_dir.join("input")
    }
}
