//! Scores by libvmaf, through an ffmpeg of its own that only measures.

use anyhow::{Context, ensure};
use signal::wiring::media::installed_ffmpeg;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every fourth picture is scored: the mean moves by less than a tenth.
const SUBSAMPLE: u32 = 4;

pub struct Vmaf(PathBuf);

impl Vmaf {
    /// What set-up left in the tool cache.
    pub fn find() -> Option<Self> {
        let path = installed_ffmpeg();
        path.is_file().then_some(Self(path))
    }

    /// Harmonic mean of VMAF v0.6.1 of `seen` against `original`, at the size of the original. Both start at
    /// their first picture and have the same frame rate.
    pub fn score(&self, seen: &Path, original: &Path, (width, height): (u32, u32)) -> anyhow::Result<f64> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let graph = format!(
            "[0:v]scale={width}:{height}:flags=bicubic,setpts=N/TB/30,format=yuv420p[d];\
             [1:v]setpts=N/TB/30,format=yuv420p[r];\
             [d][r]libvmaf=n_subsample={SUBSAMPLE}:n_threads={threads}:pool=harmonic_mean:shortest=1"
        );
        let out = Command::new(&self.0)
            .args(["-nostdin", "-hide_banner", "-loglevel", "info", "-noautorotate", "-i"])
            .arg(seen)
            .args(["-noautorotate", "-i"])
            .arg(original)
            .args(["-filter_complex", &graph, "-f", "null", "-"])
            .output()?;
        let said = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "VMAF of {}: {said}", seen.display());
        let line = said.lines().rev().find_map(|l| l.split_once("VMAF score: ")).context("no score")?;
        Ok(line.1.trim().parse()?)
    }
}
