//! The engine without a server: from a file to track files and packages.

use anyhow::{Context, ensure};
use catalog::{SourceFacts, Transform};
use ffmpeg::Ffmpeg;
use moderation::port::{CloserJob, Examination, ExamineJob, Examiner, SampledFrame};
use moderation::{CloserPlan, ModerationPolicy};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use packager::Muxed;
use signal::config::Config;
use signal::wiring::{classifier, media};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use transcode::{EncodeJob, Encoded, Encoder, LadderPlan, LadderProfile, ProbeJob, Probed};
use vocab::{RungName, VideoId};

/// Clips that are rightly refused: too long, and without a picture.
const REFUSED: [&str; 2] = ["long_1080p_lowbitrate.mp4", "sample_audio_only_15s.mp4"];
/// Clips of `natural` and `format` that must be published.
const PUBLISHED: usize = 24;

pub struct Studio {
    pub engine: Ffmpeg,
    pub profile: LadderProfile,
    /// As the product has it on this machine: with the model, more is looked at.
    pub policy: ModerationPolicy,
    dir: tempfile::TempDir,
    rooms: AtomicU32,
}

impl Studio {
    pub async fn open() -> anyhow::Result<Self> {
        let config = Config::default();
        let profile = media::ladder(&config)?;
        let engine = Ffmpeg::open(media::ffmpeg_policy(&config), profile.clone()).await?;
        let has_model = onnx::tfjs::installed(&classifier::model_dir(), classifier::MODEL).is_some();
        let policy = media::moderation_policy(&config, has_model)?;
        println!("NOTE frames are taken by the policy {}", policy.version);
        Ok(Self { engine, profile, policy, dir: tempfile::tempdir()?, rooms: AtomicU32::new(0) })
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
            sampling: self.policy.sampling.clone(),
            progress: Arc::new(|_| {}),
        };
        Ok(self.engine.examine(job).await?)
    }

    /// Tier B: the frames of a plan.
    pub async fn look_closer(&self, source: &Path, plan: CloserPlan) -> anyhow::Result<Vec<SampledFrame>> {
        let job = CloserJob {
            video: VideoId(1),
            source: source.to_owned(),
            work_dir: self.room()?,
            plan,
            progress: Arc::new(|_| {}),
        };
        self.engine.look_closer(job).await?.context("the engine does not look closer")
    }

    pub fn plan(&self, source: &SourceFacts) -> anyhow::Result<LadderPlan> {
        transcode::plan(source, &Transform::default(), &self.profile)
            .map_err(|reason| anyhow::anyhow!("{}: {}", reason.code, reason.message))
    }

    /// What publication waits for, and what follows; the second may have no rung.
    pub fn waves(&self, plan: &LadderPlan) -> (LadderPlan, LadderPlan) {
        let first = self.profile.waves.first(plan);
        let later: Vec<RungName> = plan.names().into_iter().filter(|r| !first.contains(r)).collect();
        (plan.only(&first), plan.only(&later))
    }

    /// Two probes of the top rung. `None`: the plan is not worth them, or nothing here measures quality.
    pub async fn probe(&self, source: &Path, plan: &LadderPlan) -> anyhow::Result<Option<Probed>> {
        let samples = self.profile.per_title.samples(plan);
        if samples.is_empty() {
            return Ok(None);
        }
        let job = ProbeJob {
            video: VideoId(1),
            source: source.to_owned(),
            work_dir: self.room()?,
            plan: plan.clone(),
            samples,
            crf_centi: self.profile.per_title.probe_crf_centi,
        };
        Ok(self.engine.probe(job).await?)
    }

    /// The plan as the product encodes it: rungs of the first wave at the profile's quality, the others at
    /// what two probes of the top rung say; all of them so where there is but one wave.
    pub async fn titled(&self, source: &Path, seen: &Examination) -> anyhow::Result<LadderPlan> {
        let plan = self.plan(&seen.source)?;
        let (first, later) = self.waves(&plan);
        let (soon, part) = if later.rungs.is_empty() { (vec![], first) } else { (first.rungs, later) };
        let Some(probed) = self.probe(source, &part).await? else { return Ok(plan) };
        let (tuned, _) = self.profile.per_title.tuned(&part, probed);
        Ok(LadderPlan { rungs: soon.into_iter().chain(tuned.rungs).collect(), ..plan })
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

/// The program that the product encodes with here.
fn product_ffmpeg() -> PathBuf {
    media::ffmpeg_policy(&Config::default()).ffmpeg
}

/// Runs that program outside any jail, with the words of `line` between input and output.
pub fn plain_ffmpeg(input: &Path, line: &str, out: &Path) -> anyhow::Result<()> {
    let status = Command::new(product_ffmpeg())
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

/// The real clips that must be published, in order of folder and name.
pub fn publishable(media: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for folder in ["natural", "format"] {
        let dir = media.join(folder);
        let entries = std::fs::read_dir(&dir).with_context(|| dir.display().to_string())?;
        let mut clips = entries.map(|e| Ok(e?.path())).collect::<std::io::Result<Vec<_>>>()?;
        clips.retain(|clip| !REFUSED.contains(&name_of(clip).as_str()));
        clips.sort();
        all.extend(clips);
    }
    ensure!(all.len() >= PUBLISHED, "{} real clips of {PUBLISHED} are at {}", all.len(), media.display());
    Ok(all)
}
