//! What the tests share: the sample files, and the way from a file to a package without a server.
#![allow(dead_code, reason = "each test binary uses a part")]

use ffmpeg::{Ffmpeg, FfmpegPolicy};
use moderation::SamplingPolicy;
use moderation::port::{Examination, ExamineJob, Examiner, MediaError, Progress};
use packager::Muxed;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use transcode::{EncodeJob, Encoder, Expectation, LadderPlan, LadderProfile, VerifyJob};
use vocab::VideoId;

/// `../shared/media` beside the repository, or where `SIGNAL_SHARED` says.
pub fn media() -> Option<PathBuf> {
    let shared = std::env::var_os("SIGNAL_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let media = shared.unwrap_or(beside).join("media");
    if media.is_dir() {
        return Some(media);
    }
    println!("skipped: no sample files at {}", media.display());
    None
}

pub fn quiet() -> Progress {
    Arc::new(|_| {})
}

pub async fn engine() -> Ffmpeg {
    Ffmpeg::open(FfmpegPolicy::default(), LadderProfile::default()).await.expect("ffmpeg is installed")
}

pub struct Bench {
    pub engine: Ffmpeg,
    pub dir: tempfile::TempDir,
}

pub struct Published {
    pub plan: LadderPlan,
    pub rungs: Vec<Muxed>,
    /// Init and segments in a row, smallest rung first.
    pub files: Vec<PathBuf>,
}

impl Bench {
    pub async fn new() -> Self {
        Self { engine: engine().await, dir: tempfile::tempdir().expect("a directory") }
    }

    pub fn room(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    pub async fn examine(
        &self,
        name: &str,
        source: &Path,
        transform: &catalog::Transform,
    ) -> Result<Examination, MediaError> {
        let job = ExamineJob {
            video: VideoId(1),
            source: source.to_owned(),
            work_dir: self.room(&format!("{name}-a")),
            transform: transform.clone(),
            phase_seed: 12_345,
            sampling: SamplingPolicy::default(),
            progress: quiet(),
        };
        self.engine.examine(job).await
    }

    /// Encodes, packages and verifies what pass A let through.
    pub async fn publish(
        &self,
        name: &str,
        source: &Path,
        (seen, transform): (&Examination, &catalog::Transform),
    ) -> Result<Published, MediaError> {
        let plan = transcode::plan(&seen.source, transform, &LadderProfile::default())
            .map_err(MediaError::Refused)?;
        let job = EncodeJob {
            video: VideoId(1),
            source: source.to_owned(),
            origin: None,
            work_dir: self.room(&format!("{name}-b")),
            plan: plan.clone(),
            loudness: seen.loudness,
            progress: quiet(),
        };
        let encoded = self.engine.encode(job).await?;
        let audio = encoded.audio.as_ref().map(|p| std::fs::read(p).expect("the sound"));
        let (mut rungs, mut files) = (Vec::new(), Vec::new());
        let room = self.room(&format!("{name}-v"));
        for track in &encoded.rungs {
            let picture = std::fs::read(&track.path).expect("a track");
            let muxed = packager::mux(&picture, audio.as_deref(), 2_000)
                .map_err(|e| MediaError::Failed(format!("packager: {e}")))?;
            let path = room.join(format!("{}.mp4", track.rung));
            let mut whole = muxed.init.to_vec();
            muxed.segments.iter().for_each(|s| whole.extend_from_slice(s));
            std::fs::write(&path, whole).expect("a file");
            files.push(path);
            rungs.push(muxed);
        }
        packager::same_cuts(&rungs).map_err(|e| MediaError::Failed(format!("packager: {e}")))?;
        let verify = VerifyJob {
            video: VideoId(1),
            work_dir: room,
            files: files.clone(),
            sound: None,
            expect: Expectation {
                duration_ms: plan.duration_ms,
                fps: plan.fps,
                has_audio: plan.audio.is_some(),
                sizes: plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
                segment_ms: rungs[0].segment_ms(),
            },
            progress: quiet(),
        };
        self.engine.verify(verify).await?;
        Ok(Published { plan, rungs, files })
    }
}

/// Runs the plain system ffmpeg, for making and measuring samples; returns standard error and output.
pub fn system(program: &str, args: &[&str]) -> (String, Vec<u8>) {
    let output = std::process::Command::new(program).args(args).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}");
    (said, output.stdout)
}

pub fn names(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(dir).expect("a directory").map(|e| e.expect("an entry").path()).collect();
    all.sort();
    all
}

pub fn stem(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
