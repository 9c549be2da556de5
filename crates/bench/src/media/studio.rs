//! The engine without a server: from a file to track files and packages.

use anyhow::Context;
use catalog::{SourceFacts, Transform};
use ffmpeg::{Ffmpeg, FfmpegPolicy};
use moderation::SamplingPolicy;
use moderation::port::{Examination, ExamineJob, Examiner};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use packager::Muxed;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use transcode::{EncodeJob, Encoded, Encoder, LadderPlan, LadderProfile, ProbeJob};
use vocab::{RungName, VideoId};

pub struct Studio {
    pub engine: Ffmpeg,
    pub profile: LadderProfile,
    dir: tempfile::TempDir,
    rooms: AtomicU32,
}

impl Studio {
    pub async fn open() -> anyhow::Result<Self> {
        let profile = LadderProfile::default();
        let policy = FfmpegPolicy { quality_ffmpeg: quality_ffmpeg(), ..FfmpegPolicy::default() };
        let engine = Ffmpeg::open(policy, profile.clone()).await?;
        Ok(Self { engine, profile, dir: tempfile::tempdir()?, rooms: AtomicU32::new(0) })
    }

    /// A fresh directory that goes with the studio.
    pub fn room(&self) -> anyhow::Result<PathBuf> {
        let path = self.dir.path().join(self.rooms.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::create_dir(&path)?;
        Ok(path)
    }

    pub async fn examine(&self, source: &Path) -> anyhow::Result<Examination> {
        let job = ExamineJob {
            video: VideoId(1),
            source: source.to_owned(),
            work_dir: self.room()?,
            transform: Transform::default(),
            phase_seed: 12_345,
            sampling: SamplingPolicy::default(),
            progress: Arc::new(|_| {}),
        };
        Ok(self.engine.examine(job).await?)
    }

    pub fn plan(&self, source: &SourceFacts) -> anyhow::Result<LadderPlan> {
        transcode::plan(source, &Transform::default(), &self.profile)
            .map_err(|reason| anyhow::anyhow!("{}: {}", reason.code, reason.message))
    }

    /// The plan as the product encodes it: rungs of the first wave at the profile's quality, the others at
    /// what two probes of the top rung say.
    pub async fn titled(&self, source: &Path, seen: &Examination) -> anyhow::Result<LadderPlan> {
        let plan = self.plan(&seen.source)?;
        let first = self.profile.waves.first(&plan);
        let waits = first.len() < plan.rungs.len();
        let soon = |r: &RungName| waits && first.contains(r);
        let later: Vec<RungName> = plan.names().into_iter().filter(|r| !soon(r)).collect();
        let part = plan.only(&later);
        let samples = self.profile.per_title.samples(&part);
        if samples.is_empty() {
            return Ok(plan);
        }
        let job = ProbeJob {
            video: VideoId(1),
            source: source.to_owned(),
            work_dir: self.room()?,
            plan: part.clone(),
            samples,
            crf_centi: self.profile.per_title.probe_crf_centi,
        };
        let Some(probed) = self.engine.probe(job).await? else { return Ok(plan) };
        let (tuned, _) = self.profile.per_title.tuned(&part, probed);
        let mut rungs = plan.only(&first).rungs;
        rungs.retain(|r| soon(&r.name));
        rungs.extend(tuned.rungs.iter().cloned());
        Ok(LadderPlan { rungs, ..plan })
    }

    pub async fn encode(
        &self,
        source: &Path,
        plan: &LadderPlan,
        seen: &Examination,
    ) -> anyhow::Result<Encoded> {
        let job = EncodeJob {
            video: VideoId(1),
            source: source.to_owned(),
            origin: None,
            work_dir: self.room()?,
            plan: plan.clone(),
            loudness: seen.loudness,
            progress: Arc::new(|_| {}),
        };
        Ok(self.engine.encode(job).await?)
    }

    /// Every rung packaged, smallest first.
    pub fn package(&self, encoded: &Encoded) -> anyhow::Result<Vec<Muxed>> {
        let audio = encoded.audio.as_ref().map(std::fs::read).transpose()?;
        let segment_ms = u32::try_from(self.profile.segment_ms.0)?;
        let mux = |path: &Path| -> anyhow::Result<Muxed> {
            Ok(packager::mux(&std::fs::read(path)?, audio.as_deref(), segment_ms)?)
        };
        encoded.rungs.iter().map(|track| mux(&track.path)).collect()
    }
}

/// Where set-up leaves the ffmpeg that measures, as the product looks for it.
pub fn quality_ffmpeg() -> PathBuf {
    signal::wiring::classifier::tool_cache().join("tools/quality/ffmpeg")
}

/// Runs the system's ffmpeg with the words of `line` between input and output.
pub fn system_ffmpeg(input: &Path, line: &str, out: &Path) -> anyhow::Result<()> {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(input)
        .args(line.split_whitespace())
        .arg(out)
        .status()?;
    anyhow::ensure!(status.success(), "ffmpeg failed: {line}");
    Ok(())
}

/// CPU seconds, user and system, that ended children and this process used.
pub fn cpu_s() -> anyhow::Result<f64> {
    let seconds = |u: Usage| {
        let of = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
        of(u.user_time()) + of(u.system_time())
    };
    Ok(seconds(getrusage(UsageWho::RUSAGE_CHILDREN)?) + seconds(getrusage(UsageWho::RUSAGE_SELF)?))
}

/// Mebibytes of the largest child so far.
pub fn largest_child_mib() -> anyhow::Result<f64> {
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as f64 / 1024.0)
}

/// What two looks at [`cpu_s`] differ by.
pub async fn costing<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(T, f64)> {
    let before = cpu_s()?;
    let done = work.await?;
    Ok((done, cpu_s()? - before))
}

/// The file's name, for a line of output.
pub fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The clips of a folder, in order of name.
pub fn clips(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let mut all = entries.map(|e| Ok(e?.path())).collect::<std::io::Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}
