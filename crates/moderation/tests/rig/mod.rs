//! A whole moderation slice on memory ports, with an examiner and a classifier that do as told.
#![allow(dead_code, reason = "each test binary uses a part of the rig")]

mod flaky;

use async_trait::async_trait;
use catalog::{Advance, SourceFacts, StatusListener, Video, VideoStore, jobs::ENCODE};
pub use flaky::{Blocks, Videos};
use moderation::{
    Attempt, BlockList, CloserJob, Desk, Examination, ExamineJob, Examiner, FrameClassifier, JudgeError,
    Lookalikes, MediaError, MemoryFrameBlockList, MemoryModerationStore, MemorySourceFiles, ModerationPolicy,
    ModerationRecord, ModerationStore, Moderator, ModeratorDeps, Reviews, ReviewsDeps, SampledFrame,
    SecondLook, plan,
};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use stdx::{Clock, Fault, ManualClock, SeededEntropy};
use vocab::{Bytes, FailureReason, Finding, Millis, Status, UploadId, UserId, VideoId};
use work::{JobFilter, JobStore, Jobs, MemoryJobStore};

pub const VIDEO: VideoId = VideoId(42);
pub const OWNER: UserId = UserId(1);
pub const MODERATOR: UserId = UserId(2);
const UPLOAD: UploadId = UploadId(7);

/// What pass A should do.
#[derive(Clone, PartialEq)]
pub enum Pass {
    Works,
    Refuses(&'static str),
    Fails,
    /// The disk is full.
    FindsNoRoom,
    /// The bytes change while it looks.
    Swaps,
}

/// What looking closer should do.
#[derive(Clone, Copy, PartialEq)]
pub enum Closer {
    /// It is not built in.
    Cannot,
    Works,
    Fails,
    Swaps,
}

pub struct StubExaminer {
    pub pass: Mutex<Pass>,
    pub closer: Mutex<Closer>,
    /// Frames with something to see: a film of this number.
    pub film: Mutex<Option<u64>>,
    pub runs: AtomicU32,
}

#[async_trait]
impl Examiner for StubExaminer {
    async fn examine(&self, job: ExamineJob) -> Result<Examination, MediaError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let pass = self.pass.lock().expect("lock").clone();
        match pass {
            Pass::Works => {}
            Pass::Refuses(code) => {
                return Err(MediaError::Refused(FailureReason::new(code, "It cannot be read.", false)));
            }
            Pass::Fails => return Err(MediaError::Failed("the child was killed".into())),
            Pass::FindsNoRoom => return Err(Fault::full("no space left").into()),
            Pass::Swaps => std::fs::write(&job.source, "other bytes").expect("written"),
        }
        (job.progress)(50);
        tokio::task::yield_now().await;
        let times = plan(Millis(5_000), job.phase_seed, &job.sampling).times();
        let frame = |(i, at_ms): (usize, Millis)| {
            let jpeg = job.work_dir.join(format!("f{i}.jpg"));
            match *self.film.lock().expect("lock") {
                Some(film) => noise(film * 100 + i as u64).save(&jpeg).expect("saved"),
                None => std::fs::write(&jpeg, format!("frame at {at_ms}")).expect("written"),
            }
            SampledFrame { at_ms, jpeg }
        };
        let frames: Vec<_> = times.enumerate().map(frame).collect();
        let poster = job.work_dir.join("poster.jpg");
        std::fs::write(&poster, "poster").expect("written");
        Ok(Examination { source: source(), frames, sprite: None, poster, blurhash: None, loudness: None })
    }

    async fn look_closer(&self, job: CloserJob) -> Result<Option<Vec<SampledFrame>>, MediaError> {
        let frame = |at_ms: Millis| {
            let jpeg = job.work_dir.join(format!("c{at_ms}.jpg"));
            std::fs::write(&jpeg, format!("closer at {at_ms}")).expect("written");
            SampledFrame { at_ms, jpeg }
        };
        let closer = *self.closer.lock().expect("lock");
        match closer {
            Closer::Cannot => return Ok(None),
            Closer::Fails => return Err(MediaError::Failed("the child was killed".into())),
            Closer::Swaps => std::fs::write(&job.source, "other bytes").expect("written"),
            Closer::Works => {}
        }
        Ok(Some(job.plan.times().map(frame).collect()))
    }
}

/// A picture of blocks, another one for each number.
fn noise(n: u64) -> image::GrayImage {
    image::GrayImage::from_fn(128, 128, |x, y| {
        let mixed = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(x / 8 * 37 + y / 8 * 101);
        image::Luma([(mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 56) as u8])
    })
}

fn source() -> SourceFacts {
    SourceFacts {
        duration_ms: Millis(5_000),
        width: 1080,
        height: 1920,
        fps_milli: 30_000,
        has_audio: true,
        video_codec: "h264".into(),
        audio_codec: Some("aac".into()),
        size_bytes: Bytes(9),
    }
}

/// Gives every frame the same findings, or fails.
pub struct StubClassifier {
    pub confidence: Mutex<Option<f32>>,
    /// Only these frames; the others are clean.
    pub only: Mutex<Option<Vec<i64>>>,
    /// How often it was asked.
    pub asked: AtomicU32,
    pub judges: Vec<String>,
    pub short: bool,
}

#[async_trait]
impl FrameClassifier for StubClassifier {
    fn name(&self) -> &str {
        "stub"
    }
    fn version(&self) -> String {
        "1".to_owned()
    }
    fn judges(&self) -> &[String] {
        &self.judges
    }
    async fn classify(&self, frames: &[SampledFrame]) -> Result<Vec<Vec<Finding>>, Fault> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let Some(confidence) = *self.confidence.lock().expect("lock") else {
            return Err(Fault::unavailable("asleep"));
        };
        let finding = |f: &SampledFrame| Finding {
            name: "Explicit".into(),
            parent: String::new(),
            level: 1,
            confidence,
            at_ms: f.at_ms.0,
        };
        let only = self.only.lock().expect("lock").clone();
        let hot = |f: &SampledFrame| only.as_ref().is_none_or(|times| times.contains(&f.at_ms.0));
        let n = if self.short { frames.len() - 1 } else { frames.len() };
        Ok(frames.iter().take(n).map(|f| if hot(f) { vec![finding(f)] } else { vec![] }).collect())
    }
}

#[derive(Default)]
pub struct Heard(pub Mutex<Vec<u8>>);

#[async_trait]
impl StatusListener for Heard {
    async fn changed(&self, _video: &Video) {}
    async fn progressed(&self, _: VideoId, _: UserId, status: Status, percent: u8) {
        assert_eq!(status, Status::Judging);
        self.0.lock().expect("lock").push(percent);
    }
}

pub struct Rig {
    pub videos: Arc<Videos>,
    pub jobs: Arc<MemoryJobStore>,
    pub store: Arc<MemoryModerationStore>,
    pub blocks: Arc<Blocks>,
    pub frame_blocks: Arc<MemoryFrameBlockList>,
    pub files: Arc<MemorySourceFiles>,
    pub examiner: Arc<StubExaminer>,
    pub classifier: Option<Arc<StubClassifier>>,
    pub second_look: Option<Arc<dyn SecondLook>>,
    pub clock: Arc<ManualClock>,
    pub heard: Arc<Heard>,
    pub policy: ModerationPolicy,
    pub dir: tempfile::TempDir,
}

pub fn stub(confidence: f32) -> Option<Arc<StubClassifier>> {
    let judges = vec!["Explicit".to_owned()];
    let (confidence, only, asked) = (Mutex::new(Some(confidence)), Mutex::new(None), AtomicU32::new(0));
    Some(Arc::new(StubClassifier { confidence, only, asked, judges, short: false }))
}

impl Rig {
    /// One uploaded video, a classifier that sees `confidence` everywhere (`None` = no classifier).
    pub async fn new(confidence: Option<f32>) -> Self {
        let rig = Self {
            videos: Arc::default(),
            jobs: Arc::default(),
            store: Arc::default(),
            blocks: Arc::default(),
            frame_blocks: Arc::default(),
            files: Arc::default(),
            examiner: Arc::new(StubExaminer {
                pass: Mutex::new(Pass::Works),
                closer: Mutex::new(Closer::Cannot),
                film: Mutex::new(None),
                runs: AtomicU32::new(0),
            }),
            classifier: confidence.and_then(stub),
            second_look: None,
            clock: Arc::default(),
            heard: Arc::default(),
            policy: ModerationPolicy::default(),
            dir: tempfile::tempdir().expect("a directory"),
        };
        rig.upload(VIDEO).await;
        rig
    }

    pub fn raw(&self) -> PathBuf {
        self.dir.path().join("raw.mp4")
    }

    pub fn work_root(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub async fn upload(&self, id: VideoId) {
        self.upload_bytes(id, "raw bytes").await;
    }

    pub async fn upload_bytes(&self, id: VideoId, bytes: &str) {
        let raw = self
            .dir
            .path()
            .join(format!("raw{}.mp4", if id == VIDEO { String::new() } else { id.to_string() }));
        std::fs::write(&raw, bytes).expect("written");
        self.files.put_raw(id, UPLOAD, raw);
        let mut video = Video::reserved(id, OWNER, String::new(), self.clock.now());
        video.upload = Some(UPLOAD);
        self.videos.insert(video).await.expect("inserted");
        self.advance(id, Status::Reserved, Status::Uploaded).await;
    }

    pub async fn advance(&self, id: VideoId, from: Status, to: Status) {
        self.videos.advance(Advance::new(id, from, to, self.clock.now())).await.expect("advanced");
    }

    fn desk(&self) -> Desk {
        Desk {
            videos: Arc::clone(&self.videos) as _,
            listener: Arc::clone(&self.heard) as _,
            jobs: Jobs::new(
                Arc::clone(&self.jobs) as _,
                Arc::clone(&self.clock) as _,
                Arc::new(SeededEntropy::new(3)),
            ),
            store: Arc::clone(&self.store) as _,
            clock: Arc::clone(&self.clock) as _,
            policy: Arc::new(self.policy.clone()),
        }
    }

    pub fn moderator(&self) -> Moderator {
        Moderator::new(ModeratorDeps {
            desk: self.desk(),
            blocks: Arc::clone(&self.blocks) as _,
            lookalikes: Lookalikes::new(Arc::clone(&self.frame_blocks) as _),
            files: Arc::clone(&self.files) as _,
            examiner: Arc::clone(&self.examiner) as _,
            classifier: self.classifier.clone().map(|c| c as _),
            second_look: self.second_look.clone(),
            entropy: Arc::new(SeededEntropy::new(9)),
            work_root: self.work_root(),
        })
    }

    pub fn reviews(&self) -> Reviews {
        Reviews::new(ReviewsDeps {
            desk: self.desk(),
            blocks: Arc::clone(&self.blocks) as _,
            frame_blocks: Arc::clone(&self.frame_blocks) as _,
            files: Arc::clone(&self.files) as _,
            entropy: Arc::new(SeededEntropy::new(11)),
        })
    }

    pub async fn judge(&self) -> Result<Status, JudgeError> {
        self.judge_as(VIDEO, false).await
    }

    pub async fn judge_as(&self, id: VideoId, last: bool) -> Result<Status, JudgeError> {
        self.moderator().judge(id, Attempt { progress: Arc::new(|_| {}), last }).await
    }

    pub async fn status(&self) -> Status {
        self.video().await.status
    }

    pub async fn video(&self) -> Video {
        self.videos.get(VIDEO).await.expect("a video")
    }

    pub async fn record(&self) -> ModerationRecord {
        self.store.get(VIDEO).await.expect("read").expect("a record")
    }

    /// Live and ended encode jobs of the video.
    pub async fn encodes(&self) -> Vec<work::Job> {
        let filter = JobFilter { kind: Some(ENCODE.into()), limit: 10, ..JobFilter::default() };
        self.jobs.list(filter).await.expect("read")
    }

    pub async fn is_blocked(&self) -> bool {
        self.blocks.find(&self.record().await.content_sha256).await.expect("read").is_some()
    }
}
