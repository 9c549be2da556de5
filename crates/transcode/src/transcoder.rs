//! Encodes, packages, verifies and publishes one approved video.

use crate::ladder::{LadderPlan, plan};
use crate::names::{Names, Run};
use crate::policy::LadderProfile;
use crate::port::{
    EncodeJob, Encoder, Expectation, LocalFile, MediaError, MediaStore, MediaStoreError, Origin, Progress,
    VerifyJob,
};
use crate::shelf::{Shelf, ShelfError, Shelved};
use crate::strays;
use catalog::jobs::Eraser;
use catalog::{Advance, Facts, Package, StatusListener, Video, VideoStore, VideoStoreError};
use moderation::Draft;
use moderation::record::digest_of;
use moderation::work_dir::WorkDir;
use std::path::PathBuf;
use std::sync::Arc;
use stdx::{Clock, Entropy, Fault, crash};
use vocab::{FailureReason, MediaKey, Status, Verdict, VideoId};

/// Points at which a test may kill the process.
pub const STARTED: &str = "transcode.started";
pub const ENCODED: &str = "transcode.encoded";
pub const OBJECT_STORED: &str = "transcode.object_stored";
pub const RENDITIONS_STORED: &str = "transcode.renditions_stored";
pub const PACKAGE_STORED: &str = "transcode.package_stored";
pub const VERIFYING: &str = "transcode.verifying";
pub const VERIFIED: &str = "transcode.verified";
pub const PUBLISHED: &str = "transcode.published";

/// Shares of the bar: encoding, storing, verifying.
const ENCODE_PERCENT: u8 = 88;
const STORE_PERCENT: u8 = 92;

pub struct TranscoderDeps {
    /// Announces what it writes: see [`catalog::Announcing`].
    pub videos: Arc<dyn VideoStore>,
    /// Told the progress inside a step.
    pub listener: Arc<dyn StatusListener>,
    pub media: Arc<dyn MediaStore>,
    /// Takes away what killed runs left.
    pub eraser: Arc<dyn Eraser>,
    pub encoder: Arc<dyn Encoder>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub profile: LadderProfile,
    /// Where encodes work; see [`moderation::work_dir::clear`].
    pub work_root: PathBuf,
}

/// Why an encode did not come to an end this time.
#[derive(Debug, thiserror::Error)]
pub enum TranscodeError {
    /// Nothing unjudged is encoded, whatever a job asks for.
    #[error("{0} has no approval for the bytes it has")]
    NotApproved(VideoId),
    #[error("reading: {0}")]
    Read(MediaStoreError),
    #[error(transparent)]
    Videos(#[from] VideoStoreError),
    #[error("encoder: {0}")]
    Encoder(String),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl TranscodeError {
    /// Whether another try may end differently.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::NotApproved(_))
    }

    /// The engine's fault inside, which says what another try needs.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Read(MediaStoreError::Fault(fault))
            | Self::Videos(VideoStoreError::Fault(fault))
            | Self::Fault(fault) => Some(fault),
            Self::Shelf(shelf) => shelf.fault(),
            Self::NotApproved(_) | Self::Read(_) | Self::Videos(_) | Self::Encoder(_) => None,
        }
    }
}

/// Why a run stopped short: for good, with a reason the owner reads, or for now.
enum Halt {
    Refused(FailureReason),
    Again(TranscodeError),
}

impl<E: Into<TranscodeError>> From<E> for Halt {
    fn from(e: E) -> Self {
        Self::Again(e.into())
    }
}

impl From<MediaError> for Halt {
    fn from(e: MediaError) -> Self {
        match e {
            MediaError::Refused(reason) => Self::Refused(reason),
            MediaError::Failed(said) => Self::Again(TranscodeError::Encoder(said)),
            MediaError::Fault(fault) => Self::Again(fault.into()),
        }
    }
}

impl From<MediaStoreError> for TranscodeError {
    fn from(e: MediaStoreError) -> Self {
        Self::Read(e)
    }
}

/// What is known once encoding may begin.
struct Order {
    raw: LocalFile,
    draft: Draft,
    plan: LadderPlan,
}

#[derive(Clone)]
pub struct Transcoder(Arc<TranscoderDeps>);

impl Transcoder {
    pub fn new(deps: TranscoderDeps) -> Self {
        Self(Arc::new(deps))
    }

    /// Brings an approved video to publication. Running it again, or twice at once, publishes it once.
    pub async fn transcode(
        &self,
        id: VideoId,
        run: Run,
        progress: Progress,
    ) -> Result<Status, TranscodeError> {
        let video = match self.0.videos.get(id).await {
            Ok(video) => video,
            Err(VideoStoreError::NotFound(_)) => return Ok(Status::Erased),
            Err(e) => return Err(e.into()),
        };
        let waits = matches!(video.status, Status::Approved | Status::Encoding | Status::Verifying);
        let (status, wrote_in_vain) = match video.status {
            status if !waits => (status, false),
            _ => match self.run(video, run, progress).await {
                Ok(Some(published)) => (published.status, false),
                Ok(None) => (self.stands(id).await?, true),
                Err(Halt::Refused(reason)) => (self.fail(id, reason).await?, true),
                Err(Halt::Again(e)) => return Err(e),
            },
        };
        strays::remove(&self.0, id, run, wrote_in_vain).await?;
        Ok(status)
    }

    /// After the last attempt: a reason instead of a video that stands still for ever.
    pub async fn give_up(&self, id: VideoId, run: Run) -> Result<Status, TranscodeError> {
        let status = self.fail(id, catalog::sweep::gave_up()).await?;
        strays::remove(&self.0, id, run, true).await?;
        Ok(status)
    }

    /// `None`: the video went elsewhere meanwhile.
    async fn run(&self, video: Video, run: Run, progress: Progress) -> Result<Option<Video>, Halt> {
        let order = self.order(&video).await?;
        let Some(video) = self.start(video).await? else { return Ok(None) };
        crash::reached(STARTED);
        let work = WorkDir::create(&self.0.work_root, &format!("{}-{:016x}", video.id, self.0.entropy.u64()))
            .map_err(Fault::from)?;
        let names = Names::new(&video, run);
        let shelf = Shelf { media: self.0.media.as_ref(), video: &video, names: &names };
        let encoded = self.encode(&video, &order, &work, &progress).await?;
        crash::reached(ENCODED);
        // Encoding takes long: whoever lost meanwhile need not store what nobody will see.
        if self.stands(video.id).await? != Status::Encoding {
            return Ok(None);
        }
        let segment_ms = u32::try_from(order.plan.segment_ms.0).unwrap_or(2_000);
        let shelved = shelf.put_renditions(&encoded, segment_ms).await?;
        crash::reached(RENDITIONS_STORED);
        let package = shelf.put_package(&shelved, &order.draft).await?;
        crash::reached(PACKAGE_STORED);
        progress(STORE_PERCENT);
        let step = Advance::new(video.id, Status::Encoding, Status::Verifying, self.0.clock.now());
        let Some(moved) = self.advance(step).await? else { return Ok(None) };
        crash::reached(VERIFYING);
        self.verify(&shelf, &order, (&shelved, &package), (&work, &progress)).await?;
        crash::reached(VERIFIED);
        self.publish(&moved, package).await
    }

    /// Checks the approval against the bytes and works out the plan. Writes nothing.
    async fn order(&self, video: &Video) -> Result<Order, Halt> {
        let approved = video.verdict.as_ref().filter(|v| v.verdict == Verdict::Approve);
        let approved = approved.ok_or(TranscodeError::NotApproved(video.id))?;
        let upload = video.upload.ok_or(TranscodeError::NotApproved(video.id))?;
        let raw = self.0.media.local_raw(video.id, upload).await?;
        let content = moderation::moderator::hash(raw.path()).await?;
        if content != approved.content_sha256 {
            let text =
                "The file is not the one that was looked at. It will be looked at again when you retry.";
            return Err(Halt::Refused(FailureReason::new("media.changed", text, true)));
        }
        let digest = digest_of(&content).ok_or(TranscodeError::NotApproved(video.id))?;
        let facts = self.0.media.get(MediaKey::DraftFacts { video: video.id, digest }).await?;
        let draft: Draft = serde_json::from_slice(&facts).map_err(Fault::corrupt)?;
        let plan = plan(&draft.source, &video.transform, &self.0.profile).map_err(Halt::Refused)?;
        Ok(Order { raw, draft, plan })
    }

    /// `None`: the video went elsewhere meanwhile.
    async fn start(&self, video: Video) -> Result<Option<Video>, Halt> {
        if video.status == Status::Encoding {
            return Ok(Some(video));
        }
        // A verification that was cut short starts over, under names of its own.
        let from = [Status::Approved, Status::Verifying];
        let step = Advance::from_any(video.id, &from, Status::Encoding, self.0.clock.now());
        Ok(self.advance(step).await?)
    }

    async fn advance(&self, step: Advance) -> Result<Option<Video>, TranscodeError> {
        let (id, to) = (step.id, step.to);
        match self.0.videos.advance(step).await {
            Ok(video) => Ok(Some(video)),
            Err(VideoStoreError::Stale { actual, .. }) if actual == to => {
                Ok(Some(self.0.videos.get(id).await?))
            }
            Err(VideoStoreError::Stale { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn stands(&self, id: VideoId) -> Result<Status, TranscodeError> {
        Ok(self.0.videos.get(id).await?.status)
    }

    async fn encode(
        &self,
        video: &Video,
        order: &Order,
        work: &WorkDir,
        progress: &Progress,
    ) -> Result<crate::port::Encoded, Halt> {
        let (report, mut told) = scaled(progress, 0, ENCODE_PERCENT);
        let job = EncodeJob {
            video: video.id,
            source: order.raw.path().to_owned(),
            origin: video.upload.map(|upload| Origin {
                key: MediaKey::Raw { video: video.id, upload },
                facts: order.draft.source.clone(),
            }),
            work_dir: work.room("tracks").map_err(Fault::from)?,
            plan: order.plan.clone(),
            loudness: order.draft.loudness,
            progress: report,
        };
        let encode = self.0.encoder.encode(job);
        Ok(self.announced(video, Status::Encoding, encode, &mut told).await?)
    }

    async fn verify(
        &self,
        shelf: &Shelf<'_>,
        order: &Order,
        (shelved, package): (&[Shelved], &Package),
        (work, progress): (&WorkDir, &Progress),
    ) -> Result<(), Halt> {
        let room = work.room("fetched").map_err(Fault::from)?;
        let files = shelf.fetch(shelved, &room).await?;
        shelf.check_package(package.id, package.sprite.is_some()).await?;
        let (report, mut told) = scaled(progress, STORE_PERCENT, 100);
        let job = VerifyJob {
            video: shelf.video.id,
            work_dir: work.room("decoded").map_err(Fault::from)?,
            files,
            expect: Expectation {
                duration_ms: order.plan.duration_ms,
                fps: order.plan.fps,
                has_audio: order.plan.audio.is_some(),
                sizes: order.plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
                segment_ms: package.segment_ms.clone(),
            },
            progress: report,
        };
        let verify = self.0.encoder.verify(job);
        Ok(self.announced(shelf.video, Status::Verifying, verify, &mut told).await?)
    }

    /// Runs an engine's work and passes its progress on to whoever watches the video.
    async fn announced<T>(
        &self,
        video: &Video,
        status: Status,
        work: impl Future<Output = T>,
        told: &mut tokio::sync::watch::Receiver<u8>,
    ) -> T {
        tokio::pin!(work);
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    if told.has_changed().unwrap_or(true) {
                        self.announce(video, status, told).await;
                    }
                    return done;
                }
                changed = told.changed(), if listening => {
                    listening = changed.is_ok();
                    self.announce(video, status, told).await;
                }
            }
        }
    }

    async fn announce(&self, video: &Video, status: Status, told: &mut tokio::sync::watch::Receiver<u8>) {
        let percent = *told.borrow_and_update();
        self.0.listener.progressed(video.id, video.owner, status, percent).await;
    }

    /// `None`: another run did, or the video was taken down.
    async fn publish(&self, video: &Video, package: Package) -> Result<Option<Video>, Halt> {
        let now = self.0.clock.now();
        let (id, published_at) = (package.id, video.published_at.or(Some(now)));
        let facts = Facts { package: Some(package), published_at, failure: Some(None), ..Facts::default() };
        let step = Advance::new(video.id, Status::Verifying, Status::Published, now).with(facts);
        let published = self.advance(step).await?;
        crash::reached(PUBLISHED);
        Ok(published.filter(|v| v.package.as_ref().is_some_and(|p| p.id == id)))
    }

    async fn fail(&self, id: VideoId, reason: FailureReason) -> Result<Status, TranscodeError> {
        tracing::info!(video = %id, code = %reason.code, "the video cannot be published");
        let from = [Status::Approved, Status::Encoding, Status::Verifying];
        let facts = Facts { failure: Some(Some(reason)), ..Facts::default() };
        let step = Advance::from_any(id, &from, Status::Failed, self.0.clock.now()).with(facts);
        match self.advance(step).await? {
            Some(video) => Ok(video.status),
            None => Ok(self.0.videos.get(id).await?.status),
        }
    }
}

/// A progress from 0 to 100 as the part `from..to` of a longer one, and the changes of that.
fn scaled(whole: &Progress, from: u8, to: u8) -> (Progress, tokio::sync::watch::Receiver<u8>) {
    let (tell, told) = tokio::sync::watch::channel(from);
    let whole = Arc::clone(whole);
    let report = move |percent: u8| {
        let span = u16::from(to - from) * u16::from(percent.min(100)) / 100;
        let percent = from + span as u8;
        whole(percent);
        tell.send_if_modified(|p| std::mem::replace(p, percent) != percent);
    };
    (Arc::new(report), told)
}
