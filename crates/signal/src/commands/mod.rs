//! The commands: most talk to a running server, some work on this machine alone.

pub mod classifier;
#[cfg(feature = "aws")]
pub mod create;
pub mod dlq;
pub mod doctor;
#[cfg(feature = "aws")]
pub mod doctor_aws;
pub mod feed;
pub mod keys;
pub mod media;
pub mod review;
pub mod table;
pub mod upload;
pub mod videos;

use std::path::PathBuf;

/// What every command needs to know.
#[derive(Debug, Clone)]
pub struct Ctx {
    pub data_dir: PathBuf,
    pub json: bool,
}

impl Ctx {
    /// Prints a value for scripts.
    pub fn print_json(&self, value: &serde_json::Value) -> anyhow::Result<()> {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, value)?;
        out.write_all(b"\n")?;
        Ok(())
    }
}
