//! Judges a video: the machine's half of moderation.
//!
//! Killed anywhere, the next run resumes: frames and drafts have deterministic names, the record is
//! written before the status moves, and a decision that stands is brought into force again.

use crate::likeness::{self, Likeness};
use crate::lookalikes::Lookalikes;
use crate::opinion::{Scene, is_overtaken, number, stands};
use crate::policy::Found;
use crate::port::{
    BlockEntry, BlockList, Content, Examination, ExamineJob, Examiner, FileError, FrameClassifier, LocalFile,
    MediaError, ModerationStoreError, Progress, SecondLook, SourceFiles,
};
use crate::record::{ClassifierId, Draft, ModerationRecord, digest_of};
use crate::settle::{Desk, SettleError};
use crate::verdict;
use crate::work_dir::WorkDir;
use catalog::{Advance, Facts, Video, VideoStoreError};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stdx::{Entropy, Fault, crash};
use tokio::io::AsyncReadExt;
use vocab::{FailureReason, MediaKey, Status, Verdict, VideoId};

/// Points at which a test may kill the process.
pub const STARTED: &str = "moderation.started";
pub const EXAMINED: &str = "moderation.examined";
pub const KEPT: &str = "moderation.kept";
pub const RECORDED: &str = "moderation.recorded";
pub const SETTLED: &str = "moderation.settled";

pub struct ModeratorDeps {
    pub desk: Desk,
    pub blocks: Arc<dyn BlockList>,
    pub lookalikes: Lookalikes,
    pub files: Arc<dyn SourceFiles>,
    pub examiner: Arc<dyn Examiner>,
    /// `None` = a person looks at everything.
    pub classifier: Option<Arc<dyn FrameClassifier>>,
    /// Tier B by a service. `None` = the examiner's frames and the classifier.
    pub second_look: Option<Arc<dyn SecondLook>>,
    pub entropy: Arc<dyn Entropy>,
    /// Where pass A works; see [`crate::work_dir::clear`].
    pub work_root: PathBuf,
}

/// Why a judgement did not come to an end this time. All of it is worth another try.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    #[error("the raw file: {0}")]
    Files(#[from] FileError),
    #[error("pass A: {0}")]
    Examine(String),
    #[error("pass A: {0}")]
    ExamineFault(Fault),
    #[error("the classifier: {0}")]
    Classify(Fault),
    #[error("the closer look: {0}")]
    SecondLook(Fault),
    /// Somebody wrote the record meanwhile, or the bytes changed under us.
    #[error("{0} changed while it was judged")]
    Changed(&'static str),
    #[error(transparent)]
    Settle(#[from] SettleError),
}

impl JudgeError {
    /// The engine's fault inside, which says what another try needs.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Files(FileError::Fault(fault))
            | Self::ExamineFault(fault)
            | Self::Classify(fault)
            | Self::SecondLook(fault) => Some(fault),
            Self::Settle(settle) => settle.fault(),
            Self::Files(_) | Self::Examine(_) | Self::Changed(_) => None,
        }
    }
}

impl From<ModerationStoreError> for JudgeError {
    fn from(e: ModerationStoreError) -> Self {
        match e {
            ModerationStoreError::Stale { .. } => Self::Changed("the record"),
            e => Self::Settle(e.into()),
        }
    }
}

impl From<VideoStoreError> for JudgeError {
    fn from(e: VideoStoreError) -> Self {
        Self::Settle(e.into())
    }
}

/// How a run of [`Moderator::judge`] is watched and bounded.
#[derive(Clone)]
pub struct Attempt {
    pub progress: Progress,
    /// No further run will follow: what cannot be judged now goes to a person.
    pub last: bool,
}

#[derive(Clone)]
pub struct Moderator(pub(crate) Arc<ModeratorDeps>);

impl Moderator {
    pub fn new(deps: ModeratorDeps) -> Self {
        Self(Arc::new(deps))
    }

    /// As [`Moderator::judge_from`], from a seed of its own.
    pub async fn judge(&self, id: VideoId, attempt: Attempt) -> Result<Status, JudgeError> {
        self.judge_from(id, attempt, self.0.entropy.u64()).await
    }

    /// Brings an uploaded video to a verdict. Running it again changes nothing. The record is written once,
    /// with its decision, and before that only where a closer look is taken, with what was said of the first
    /// frames: runs that give the same `seed` look at the same frames, whichever of them is killed.
    pub async fn judge_from(&self, id: VideoId, attempt: Attempt, seed: u64) -> Result<Status, JudgeError> {
        let desk = &self.0.desk;
        let video = match desk.videos.get(id).await {
            Ok(video) => video,
            Err(VideoStoreError::NotFound(_)) => return Ok(Status::Erased),
            Err(e) => return Err(e.into()),
        };
        match video.status {
            Status::Uploaded | Status::Judging => {}
            Status::Approved => return self.hand_on_again(&video).await,
            other => return Ok(other),
        }
        let Some(video) = self.start(video).await? else {
            return Ok(desk.videos.get(id).await?.status);
        };
        crash::reached(STARTED);
        match self.look(&video, &attempt, seed).await {
            Err(Halt::Refused(reason)) => {
                tracing::info!(video = %id, code = %reason.code, "the file was refused");
                desk.fail(id, reason).await?;
                Ok(Status::Failed)
            }
            Err(Halt::Again(e)) => Err(e),
            Ok(status) => Ok(status),
        }
    }

    /// After the last attempt: a reason instead of a video that stands still for ever.
    pub async fn give_up(&self, id: VideoId) -> Result<(), SettleError> {
        self.0.desk.fail(id, catalog::sweep::gave_up()).await
    }

    async fn hand_on_again(&self, video: &Video) -> Result<Status, JudgeError> {
        let record = self.0.desk.store.get(video.id).await?;
        if let Some(decision) = record.as_ref().and_then(ModerationRecord::standing)
            && decision.verdict == Verdict::Approve
        {
            self.0.desk.hand_on(video, decision).await?;
        }
        Ok(video.status)
    }

    /// `Uploaded` → `Judging`; `None` when the video went elsewhere meanwhile.
    async fn start(&self, video: Video) -> Result<Option<Video>, JudgeError> {
        if video.status == Status::Judging {
            return Ok(Some(video));
        }
        let desk = &self.0.desk;
        let step = Advance::new(video.id, Status::Uploaded, Status::Judging, desk.clock.now());
        match desk.videos.advance(step).await {
            Ok(video) => Ok(Some(video)),
            Err(VideoStoreError::Stale { actual: Status::Judging, .. }) => {
                Ok(Some(desk.videos.get(video.id).await?))
            }
            Err(VideoStoreError::Stale { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn look(&self, video: &Video, attempt: &Attempt, seed: u64) -> Result<Status, Halt> {
        let deps = &self.0;
        let Some(upload) = video.upload else {
            let said = "The upload of this video is unknown to us. Please upload it again.";
            return Err(Halt::Refused(FailureReason::new(catalog::sweep::GAVE_UP, said, false)));
        };
        let raw = deps.files.local_raw(video.id, upload).await.map_err(JudgeError::from)?;
        let content = hash(raw.path()).await.map_err(again)?;
        let record = self.record_of(video.id, &content, seed).await?;
        let blocked = deps.blocks.find(&content).await.map_err(again)?;
        if self.is_judged(&record, blocked.as_ref()) && self.has_draft(&record).await? {
            return Ok(deps.desk.settle(&record, Facts::default()).await.map_err(JudgeError::from)?.status);
        }
        let work = WorkDir::create(&deps.work_root, &format!("{}-{:016x}", video.id, deps.entropy.u64()))
            .map_err(again)?;
        let seen = self.examine((video, &raw), work.path(), record.phase_seed, attempt).await?;
        crash::reached(EXAMINED);
        // Pass A must have seen what was hashed: the verdict speaks of these bytes and no others.
        if hash(raw.path()).await.map_err(again)? != content {
            return Err(JudgeError::Changed("the file").into());
        }
        let likeness = self.likeness(&seen).await?;
        self.keep(&record, &seen, likeness.clone()).await?;
        crash::reached(KEPT);
        let scene =
            Scene { seen: &seen, raw: raw.path(), upload, work: work.path(), likeness: &likeness, attempt };
        let record = self.decide(record, &scene, blocked.as_ref()).await?;
        crash::reached(RECORDED);
        let facts = Facts { source: Some(seen.source), ..Facts::default() };
        let video = deps.desk.settle(&record, facts).await.map_err(JudgeError::from)?;
        crash::reached(SETTLED);
        (attempt.progress)(100);
        Ok(video.status)
    }

    /// The record of these bytes, begun where there is none; it is stored once it holds a decision.
    async fn record_of(&self, id: VideoId, content: &str, seed: u64) -> Result<ModerationRecord, JudgeError> {
        Ok(match self.0.desk.store.get(id).await? {
            Some(record) if record.content_sha256 == content => record,
            Some(other) => other.begin_again(content.to_owned(), seed),
            None => ModerationRecord::begin(id, content.to_owned(), seed),
        })
    }

    /// The model that looks first; `None` = people look at everything.
    pub fn classifier_id(&self) -> Option<ClassifierId> {
        let c = self.0.classifier.as_ref()?;
        Some(ClassifierId { name: c.name().to_owned(), version: c.version() })
    }

    /// Level-1 labels of the policy that no model of this process looks for.
    pub fn unjudged(&self) -> Vec<String> {
        let judges = self.0.classifier.as_ref().map(|c| c.judges());
        verdict::unjudged(judges.unwrap_or_default(), &self.0.desk.policy)
    }

    /// Whether a decision stands that need not be made again: a person's always, a machine's for as
    /// long as the same policy and the same classifier would make it; neither once the bytes were
    /// put on the block list later.
    fn is_judged(&self, record: &ModerationRecord, blocked: Option<&BlockEntry>) -> bool {
        stands(record, blocked)
            || record.standing().is_some_and(|d| {
                !is_overtaken(d, blocked)
                    && record.policy_version == self.0.desk.policy.version
                    && record.classifier == self.classifier_id()
            })
    }

    async fn has_draft(&self, record: &ModerationRecord) -> Result<bool, JudgeError> {
        let Some(digest) = digest_of(&record.content_sha256) else { return Ok(false) };
        match self.0.files.get_private(MediaKey::DraftFacts { video: record.video, digest }).await {
            Ok(_) => Ok(true),
            Err(FileError::NotFound) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    async fn examine(
        &self,
        (video, raw): (&Video, &LocalFile),
        work_dir: &Path,
        phase_seed: u64,
        attempt: &Attempt,
    ) -> Result<Examination, Halt> {
        let (tell, mut told) = tokio::sync::watch::channel(0u8);
        let report = Arc::clone(&attempt.progress);
        let job = ExamineJob {
            video: video.id,
            source: raw.path().to_owned(),
            work_dir: work_dir.to_owned(),
            transform: video.transform.clone(),
            phase_seed,
            sampling: self.0.desk.policy.sampling.clone(),
            progress: Arc::new(move |percent: u8| {
                // Pass A is nine tenths of a judgement.
                let percent = (u16::from(percent.min(100)) * 9 / 10) as u8;
                report(percent);
                tell.send_if_modified(|p| std::mem::replace(p, percent) != percent);
            }),
        };
        let work = self.0.examiner.examine(job);
        tokio::pin!(work);
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done.map_err(Halt::from),
                changed = told.changed(), if listening => {
                    listening = changed.is_ok();
                    let percent = *told.borrow_and_update();
                    self.0.desk.listener.progressed(video.id, video.owner, Status::Judging, percent).await;
                }
            }
        }
    }

    async fn likeness(&self, seen: &Examination) -> Result<Likeness, JudgeError> {
        let policy = self.0.desk.policy.likeness.clone();
        if policy.found == Found::Off {
            return Ok(Likeness::default());
        }
        let seen = seen.clone();
        let look = tokio::task::spawn_blocking(move || likeness::of_files(&seen, &policy));
        look.await.map_err(|e| again(Fault::internal(e)))
    }

    /// Stores what pass A made, the facts last: where they stand, everything stands.
    async fn keep(
        &self,
        record: &ModerationRecord,
        seen: &Examination,
        likeness: Likeness,
    ) -> Result<(), JudgeError> {
        let (files, video) = (&self.0.files, record.video);
        let digest = digest_of(&record.content_sha256).ok_or(JudgeError::Changed("the hash"))?;
        for (i, frame) in seen.frames.iter().enumerate() {
            let key = MediaKey::ReviewFrame { video, digest, n: number(i) };
            files.put_private(key, Content::File(frame.jpeg.clone())).await?;
        }
        let poster = MediaKey::DraftPoster { video, digest };
        files.put_private(poster, Content::File(seen.poster.clone())).await?;
        if let Some(sprite) = &seen.sprite {
            let key = MediaKey::DraftSprite { video, digest };
            files.put_private(key, Content::File(sprite.jpeg.clone())).await?;
        }
        let draft = Draft {
            content_sha256: record.content_sha256.clone(),
            source: seen.source.clone(),
            sprite: seen.sprite.as_ref().map(|s| s.facts.clone()),
            blurhash: seen.blurhash.clone(),
            loudness: seen.loudness,
            frame_times_ms: seen.frames.iter().map(|f| f.at_ms).collect(),
            likeness,
        };
        let json = serde_json::to_vec(&draft).map_err(|e| again(Fault::internal(e)))?;
        files.put_private(MediaKey::DraftFacts { video, digest }, Content::Bytes(json.into())).await?;
        Ok(())
    }
}

/// Why looking at a video or a picture stopped.
pub(crate) enum Halt {
    Refused(FailureReason),
    Again(JudgeError),
}

impl From<JudgeError> for Halt {
    fn from(e: JudgeError) -> Self {
        Self::Again(e)
    }
}

impl From<MediaError> for Halt {
    fn from(e: MediaError) -> Self {
        match e {
            MediaError::Refused(reason) => Self::Refused(reason),
            MediaError::Failed(said) => Self::Again(JudgeError::Examine(said)),
            MediaError::Fault(fault) => Self::Again(JudgeError::ExamineFault(fault)),
        }
    }
}

pub(crate) fn again(e: impl Into<Fault>) -> JudgeError {
    JudgeError::Settle(SettleError::Fault(e.into()))
}

/// SHA-256 of a file, lowercase hex.
pub async fn hash(path: &Path) -> Result<String, Fault> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 18];
    loop {
        let n = file.read(&mut buffer).await?;
        if n == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
        tokio::task::yield_now().await;
    }
}
