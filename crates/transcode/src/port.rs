//! What encoding needs from engines.

use crate::ladder::LadderPlan;
use crate::per_title::Probed;
use async_trait::async_trait;
use bytes::Bytes;
use catalog::SourceFacts;
use std::path::PathBuf;
use stdx::Fault;
use vocab::{MediaKey, Millis, RungName, UploadId, VideoId};

pub use moderation::port::{Content, LocalFile, Loudness, MediaError, Progress};

/// Where the raw file came from, for engines that read it in the store themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub key: MediaKey,
    /// What pass A found out about it.
    pub facts: SourceFacts,
}

/// One run of pass B: all rungs and the sound of one video.
#[derive(Clone)]
pub struct EncodeJob {
    pub video: VideoId,
    /// The raw file; read only.
    pub source: PathBuf,
    /// `None`: a file that stands in no store.
    pub origin: Option<Origin>,
    /// An empty directory of this job alone. The caller removes it.
    pub work_dir: PathBuf,
    pub plan: LadderPlan,
    /// Pass A's measurement; `None` = silent or never measured: the level stays as it is.
    pub loudness: Option<Loudness>,
    pub progress: Progress,
}

/// A sample of the top rung at two qualities.
#[derive(Clone)]
pub struct ProbeJob {
    pub video: VideoId,
    /// The raw file; read only.
    pub source: PathBuf,
    /// An empty directory of this job alone. The caller removes it.
    pub work_dir: PathBuf,
    pub plan: LadderPlan,
    /// Start and length of each place in the source.
    pub samples: Vec<(Millis, Millis)>,
    pub crf_centi: [u16; 2],
}

/// A CMAF track file: `ftyp`, `moov`, then one `moof`+`mdat` a GOP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedTrack {
    pub rung: RungName,
    pub path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// In the order of the plan's rungs.
    pub rungs: Vec<EncodedTrack>,
    pub audio: Option<PathBuf>,
}

/// What was stored, fetched back, to be decoded once before anybody may see it.
#[derive(Clone)]
pub struct VerifyJob {
    pub video: VideoId,
    pub work_dir: PathBuf,
    /// One file a rendition: its init segment and all its segments in a row.
    pub files: Vec<PathBuf>,
    /// The same of sound that is a rendition of its own and was stored with these.
    pub sound: Option<PathBuf>,
    pub expect: Expectation,
    pub progress: Progress,
}

/// What every rendition of one package has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    pub duration_ms: Millis,
    pub fps: u32,
    pub has_audio: bool,
    /// Width and height, in the order of the files.
    pub sizes: Vec<(u32, u32)>,
    /// Every segment starts with a key frame: these are their lengths.
    pub segment_ms: Vec<u32>,
}

/// Makes track files out of a raw file, and looks at the result like a player would.
#[async_trait]
pub trait Encoder: Send + Sync + 'static {
    /// Names everything that changes the bytes of the output (program, version, settings).
    fn fingerprint(&self) -> String;
    /// Dropping the future kills the work.
    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError>;
    /// Measures what the plan's top rung gives at two qualities. `None`: nothing here measures quality.
    async fn probe(&self, _: ProbeJob) -> Result<Option<Probed>, MediaError> {
        Ok(None)
    }
    /// Decodes every file to its end. `Failed` says what is wrong with the first bad one.
    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError>;
}

#[derive(Debug, thiserror::Error)]
pub enum MediaStoreError {
    #[error("no such object")]
    NotFound,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The objects of a video: the raw file to read, drafts of pass A to read, the package to write.
#[async_trait]
pub trait MediaStore: Send + Sync + 'static {
    /// Durable and whole under its key, or not there. Overwrites, though no two runs of an encode write the
    /// same names.
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError>;
    /// What was put; `NotFound` when nothing was.
    async fn get(&self, key: MediaKey) -> Result<Bytes, MediaStoreError>;
    /// The raw object as a file that stays for as long as the value lives.
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, MediaStoreError>;
}

/// Who watches what, as far as encoding cares.
#[async_trait]
pub trait Audience: Send + Sync + 'static {
    /// The videos that are watched most just now, with all their views. At most `limit`.
    async fn most_watched(&self, limit: usize) -> Result<Vec<(VideoId, u64)>, Fault>;
}
