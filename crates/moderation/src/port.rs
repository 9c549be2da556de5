//! What moderation needs from engines.

use crate::phash::FrameHash;
use crate::policy::SamplingPolicy;
use crate::record::ModerationRecord;
use crate::sampling::CloserPlan;
use crate::still::Still;
use async_trait::async_trait;
use bytes::Bytes;
use catalog::{SourceFacts, SpriteFacts, Transform};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stdx::Fault;
use vocab::{FailureReason, Finding, MediaKey, Millis, UploadId, VideoId};

/// Told how far a step is, 0–100. Called from any thread; must return at once.
pub type Progress = Arc<dyn Fn(u8) + Send + Sync>;

/// Why media could not be worked on. Shared by pass A (here) and pass B (`transcode`).
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The file's own fault: final, the owner reads the reason.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(FailureReason),
    /// Ours (a killed child, a full machine): worth another try.
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// One run of pass A over the raw file.
#[derive(Clone)]
pub struct ExamineJob {
    pub video: VideoId,
    /// The raw file; read only.
    pub source: PathBuf,
    /// An empty directory of this job alone; everything produced stands in it. The caller removes it.
    pub work_dir: PathBuf,
    /// The frames that are judged are of the whole file: nothing may hide outside the published part.
    /// Sprite, poster and loudness are of the part that the trim leaves, and the cover is in its time.
    pub transform: Transform,
    /// Seeds the phase of the sampling: see [`crate::sampling::plan`].
    pub phase_seed: u64,
    pub sampling: SamplingPolicy,
    pub progress: Progress,
}

/// A second look at a file that pass A has read.
#[derive(Clone)]
pub struct CloserJob {
    pub video: VideoId,
    pub source: PathBuf,
    /// An empty directory, as of [`ExamineJob`].
    pub work_dir: PathBuf,
    pub plan: CloserPlan,
    pub progress: Progress,
}

/// A frame taken from the video, as a JPEG file in display orientation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledFrame {
    pub at_ms: Millis,
    pub jpeg: PathBuf,
}

/// EBU R 128 measurement of the sound of the published part, in hundredths (`-1432` = −14.32 LUFS).
/// A silent track has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loudness {
    pub integrated_centi_lufs: i32,
    pub true_peak_centi_dbtp: i32,
    pub range_centi_lu: i32,
    pub threshold_centi_lufs: i32,
}

/// A sheet of tiles for scrubbing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sprite {
    pub jpeg: PathBuf,
    pub facts: SpriteFacts,
}

/// What pass A found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    pub source: SourceFacts,
    /// In order of time; never empty for a file with a picture.
    pub frames: Vec<SampledFrame>,
    pub sprite: Option<Sprite>,
    /// The owner's cover, or the frame chosen for the owner; a JPEG.
    pub poster: PathBuf,
    /// Of the poster, 4×3.
    pub blurhash: Option<String>,
    pub loudness: Option<Loudness>,
}

/// One drawing anew of a picture that an owner sent.
#[derive(Debug, Clone)]
pub struct CoverJob {
    pub video: VideoId,
    /// The file as it came; read only.
    pub source: PathBuf,
    /// What its tables say, within the limits. They are a stranger's word.
    pub still: Still,
    /// The ICC profile in it. Colours that are not sRGB are turned into it; one that cannot be read counts as none.
    pub profile: Option<Vec<u8>>,
    /// An empty directory, as of [`ExamineJob`].
    pub work_dir: PathBuf,
}

/// A picture in the format and size of a poster, upright, and nothing of the file it was made of but what one sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnCover {
    pub jpeg: PathBuf,
    pub blurhash: Option<String>,
}

/// Pass A: audit, frames, sprite, poster and loudness in one decode.
#[async_trait]
pub trait Examiner: Send + Sync + 'static {
    /// Dropping the future kills the work. Running it twice gives the same answer.
    async fn examine(&self, job: ExamineJob) -> Result<Examination, MediaError>;

    /// Tier B: frames at the moments of a plan, in order. `None` = this engine cannot look closer, and
    /// what was near a threshold goes to a person.
    async fn look_closer(&self, _job: CloserJob) -> Result<Option<Vec<SampledFrame>>, MediaError> {
        Ok(None)
    }

    /// Draws an owner's picture anew. The file is as hostile as any.
    async fn draw_cover(&self, _job: CoverJob) -> Result<DrawnCover, MediaError> {
        Err(Fault::unavailable("nothing here draws covers").into())
    }
}

/// Sees labels in frames. A classifier names what it can judge; the rest stays unjudged.
#[async_trait]
pub trait FrameClassifier: Send + Sync + 'static {
    fn name(&self) -> &str;
    /// Changes whenever the same frame could get another answer (model, labels, preprocessing). A service
    /// says it with its answers: before the first one it is the version that is expected.
    fn version(&self) -> String;
    /// The level-1 labels this classifier can see at all.
    fn judges(&self) -> &[String];
    /// One list of findings a frame, in the order of `frames`; an empty list = nothing seen.
    async fn classify(&self, frames: &[SampledFrame]) -> Result<Vec<Vec<Finding>>, Fault>;
}

/// A stored video that a service is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondLookJob {
    pub video: VideoId,
    /// Its raw object is `MediaKey::Raw` of both; it never changes.
    pub upload: UploadId,
    /// SHA-256 of the raw object, lowercase hex: what an answer is kept under.
    pub content_sha256: String,
}

/// What was seen at one moment of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    pub at_ms: Millis,
    pub findings: Vec<Finding>,
}

/// Tier B by a service that reads the whole stored video. It is paid by the minute, so the same bytes are
/// never looked at twice: not by several processes at once, and not after one was killed anywhere.
#[async_trait]
pub trait SecondLook: Send + Sync + 'static {
    /// The level-1 labels this service can see at all.
    fn judges(&self) -> &[String];
    /// What was seen, in order of time; moments with nothing to say are left out. `None` = it cannot judge
    /// these bytes, now or later. A fault = not yet: ask again, and nothing is paid for twice.
    async fn findings(&self, job: &SecondLookJob) -> Result<Option<Vec<Sight>>, Fault>;
}

/// A file a child process can read for as long as this value lives.
pub struct LocalFile {
    path: PathBuf,
    _guard: Option<Box<dyn Any + Send + Sync>>,
}

impl LocalFile {
    /// A file that stays where it is.
    pub fn standing(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), _guard: None }
    }
    /// A fetched copy; dropping `guard` removes it.
    pub fn guarded(path: impl Into<PathBuf>, guard: impl Any + Send + Sync) -> Self {
        Self { path: path.into(), _guard: Some(Box::new(guard)) }
    }
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Debug for LocalFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LocalFile").field(&self.path).finish()
    }
}

/// What is stored under a private key.
#[derive(Debug, Clone)]
pub enum Content {
    Bytes(Bytes),
    /// Copied (or linked) from here; the file may be gone afterwards.
    File(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("no such object")]
    NotFound,
    /// The key's class is one that the public may read: not through this port.
    #[error("not a private object")]
    NotPrivate,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The raw object and the private objects beside it. Never a public one.
#[async_trait]
pub trait SourceFiles: Send + Sync + 'static {
    /// The raw object's bytes as a local file.
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, FileError>;
    /// Durable and whole, or not there. Overwrites.
    async fn put_private(&self, key: MediaKey, content: Content) -> Result<(), FileError>;
    async fn get_private(&self, key: MediaKey) -> Result<Bytes, FileError>;
}

#[derive(Debug, thiserror::Error)]
pub enum ModerationStoreError {
    /// Somebody else wrote first: read again.
    #[error("the record of {video} is at revision {actual:?}")]
    Stale { video: VideoId, actual: Option<u64> },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// One thing a moderator did, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Unique; appending the same id twice keeps the first.
    pub id: String,
    pub at: Millis,
    /// A user id, `classifier` or `block_list`.
    pub by: String,
    /// A `const` of [`crate::record::action`].
    pub action: String,
    pub video: Option<VideoId>,
    pub detail: String,
}

#[derive(Debug, Clone, Default)]
pub struct TrailFilter {
    pub video: Option<VideoId>,
    pub action: Option<String>,
    /// At or after.
    pub since: Option<Millis>,
    pub limit: usize,
}

/// Records of judgements, one a video, and the trail. Writes are conditional on one item.
#[async_trait]
pub trait ModerationStore: Send + Sync + 'static {
    async fn get(&self, video: VideoId) -> Result<Option<ModerationRecord>, ModerationStoreError>;

    /// Writes the record if the stored revision is `record.revision` (0 = none is stored).
    /// Returns it with the revision raised by one. Of racing callers exactly one succeeds.
    async fn save(&self, record: ModerationRecord) -> Result<ModerationRecord, ModerationStoreError>;

    /// Records of the same bytes, newest video first.
    async fn by_content(
        &self,
        content_sha256: &str,
        limit: usize,
    ) -> Result<Vec<ModerationRecord>, ModerationStoreError>;

    /// Records with `waiting_since`, oldest first, strictly after `after`.
    async fn waiting(
        &self,
        after: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<ModerationRecord>, ModerationStoreError>;

    /// Appends; an id already there is left as it is.
    async fn append(&self, entry: Trail) -> Result<(), ModerationStoreError>;

    /// Newest first.
    async fn trail(&self, filter: TrailFilter) -> Result<Vec<Trail>, ModerationStoreError>;
}

/// Bytes that are refused without being looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEntry {
    /// SHA-256, lowercase hex.
    pub content_sha256: String,
    pub reason_code: String,
    pub note: String,
    pub added_at: Millis,
    pub added_by: String,
    /// The video whose rejection put it here.
    pub video: Option<VideoId>,
}

#[async_trait]
pub trait BlockList: Send + Sync + 'static {
    /// `true` when it was not there; an entry already there stays as it is.
    async fn add(&self, entry: BlockEntry) -> Result<bool, Fault>;
    /// `true` when it was there.
    async fn remove(&self, content_sha256: &str) -> Result<bool, Fault>;
    async fn find(&self, content_sha256: &str) -> Result<Option<BlockEntry>, Fault>;
    /// Newest first, strictly before `before` (time, hash).
    async fn list(&self, before: Option<(Millis, String)>, limit: usize) -> Result<Vec<BlockEntry>, Fault>;
}

/// The pictures of a video that a person rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameBlock {
    pub video: VideoId,
    pub hashes: Vec<FrameHash>,
    /// Why it was rejected.
    pub reason_code: String,
    /// When it was put here or lifted.
    pub changed_at: Millis,
    /// Taken back: looks like it are no longer asked about.
    pub is_lifted: bool,
}

/// Pictures of rejected videos, one entry a video. Read from the beginning once, then what changed: no engine
/// need search among pictures.
#[async_trait]
pub trait FrameBlockList: Send + Sync + 'static {
    /// Puts the entry of its video, in the place of an earlier one.
    async fn put(&self, entry: FrameBlock) -> Result<(), Fault>;
    async fn get(&self, video: VideoId) -> Result<Option<FrameBlock>, Fault>;
    /// By time of change and video, strictly after `after`; lifted ones too.
    async fn changed(&self, after: (Millis, VideoId), limit: usize) -> Result<Vec<FrameBlock>, Fault>;
}
