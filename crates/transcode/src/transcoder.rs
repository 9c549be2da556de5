//! Encodes, packages, verifies and publishes one approved video.

use crate::dressing;
use crate::error::Halt;
use crate::ladder::{LadderPlan, plan};
use crate::names::{Names, Run};
use crate::policy::LadderProfile;
use crate::port::{
    EncodeJob, Encoded, Encoder, Expectation, LocalFile, MediaStore, Origin, ProbeJob, Progress, VerifyJob,
};
use crate::progress::scaled;
use crate::shelf::{Shelf, Shelved};
use crate::strays::{self, Claims};
use crate::waves::Wave;
use catalog::jobs::{Eraser, SECOND_WAVE};
use catalog::{Advance, Facts, Package, QualityFacts, StatusListener, Video, VideoStore, VideoStoreError};
use moderation::Draft;
use moderation::record::digest_of;
use moderation::work_dir::WorkDir;
use std::path::PathBuf;
use std::sync::Arc;
use stdx::{Clock, Entropy, Fault, crash};
use vocab::{FailureReason, MediaKey, RungName, Status, Verdict, VideoId};
use work::Jobs;

pub use crate::error::TranscodeError;

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
    /// Where the waves after the first are ordered.
    pub jobs: Jobs,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub profile: LadderProfile,
    /// Where encodes work; see [`moderation::work_dir::clear`].
    pub work_root: PathBuf,
}

/// What is known once encoding may begin.
pub(crate) struct Order {
    raw: LocalFile,
    pub(crate) draft: Draft,
    pub(crate) plan: LadderPlan,
}

impl Order {
    /// The same with these rungs alone.
    pub(crate) fn only(self, rungs: &[RungName]) -> Self {
        Self { plan: self.plan.only(rungs), ..self }
    }
}

#[derive(Clone)]
pub struct Transcoder(pub(crate) Arc<TranscoderDeps>);

impl Transcoder {
    pub fn new(deps: TranscoderDeps) -> Self {
        Self(Arc::new(deps))
    }

    pub fn profile(&self) -> &LadderProfile {
        &self.0.profile
    }

    /// Brings an approved video to publication with the rungs of its first wave, and orders the second.
    /// Running it again, or twice at once, publishes it once.
    pub async fn transcode(
        &self,
        id: VideoId,
        run: Run,
        progress: Progress,
    ) -> Result<Status, TranscodeError> {
        let Some(video) = self.find(id).await? else { return Ok(Status::Erased) };
        let (status, wrote_in_vain) = match video.status {
            status if !waits_for_encoding(status) => {
                dressing::settle(&self.0, video).await?;
                (status, false)
            }
            _ => match self.run(video, run, progress).await {
                Ok(Some(published)) => {
                    let status = published.status;
                    dressing::settle(&self.0, published).await?;
                    (status, false)
                }
                Ok(None) => (self.stands(id).await?, true),
                Err(Halt::Refused(reason)) => (self.fail(id, reason).await?, true),
                // Another run may have ended it, and deleted what this one was about to read.
                Err(Halt::Again(e)) => match self.stands(id).await? {
                    status if waits_for_encoding(status) => return Err(e),
                    status => (status, true),
                },
            },
        };
        strays::remove(&self.0, id, run, Claims::with_own(wrote_in_vain)).await?;
        Ok(status)
    }

    /// After the last attempt: a reason instead of a video that stands still for ever.
    pub async fn give_up(&self, id: VideoId, run: Run) -> Result<Status, TranscodeError> {
        let status = self.fail(id, catalog::sweep::gave_up()).await?;
        strays::remove(&self.0, id, run, Claims::EarlierAndOwn).await?;
        Ok(status)
    }

    pub(crate) async fn find(&self, id: VideoId) -> Result<Option<Video>, TranscodeError> {
        match self.0.videos.get(id).await {
            Ok(video) => Ok(Some(video)),
            Err(VideoStoreError::NotFound(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// `None`: the video went elsewhere meanwhile.
    async fn run(&self, video: Video, run: Run, progress: Progress) -> Result<Option<Video>, Halt> {
        let whole = self.order(&video).await?;
        let Some(video) = self.start(video).await? else { return Ok(None) };
        crash::reached(STARTED);
        let first = self.0.profile.waves.first(&whole.plan);
        let pending: Vec<RungName> = whole.plan.names().into_iter().filter(|r| !first.contains(r)).collect();
        let order = whole.only(&first);
        let work = self.work_dir(&video)?;
        // A first wave does not wait for probes: they cost a third of it, and the bits are in the larger rungs.
        let (order, quality) =
            if pending.is_empty() { self.tuned(video.id, order, &work).await? } else { (order, None) };
        let names = Names::new(&video, run);
        let shelf = Shelf { media: self.0.media.as_ref(), video: &video, names: &names };
        let encoded = self.encode(&video, &order, &work, &progress).await?;
        crash::reached(ENCODED);
        // Encoding takes long: whoever lost meanwhile need not store what nobody will see.
        if self.stands(video.id).await? != Status::Encoding {
            return Ok(None);
        }
        match self.make(&shelf, (&order, &encoded), (pending, quality), (&work, &progress)).await {
            Ok(Some((moved, package))) => self.publish(&moved, package).await,
            Ok(None) => Ok(None),
            Err(halt) => {
                strays::withdraw(&self.0, &video, run).await;
                Err(halt)
            }
        }
    }

    /// Stores what was encoded and looks at it as a viewer would. `None`: the video went elsewhere meanwhile.
    async fn make(
        &self,
        shelf: &Shelf<'_>,
        (order, encoded): (&Order, &Encoded),
        (pending, quality): (Vec<RungName>, Option<QualityFacts>),
        (work, progress): (&WorkDir, &Progress),
    ) -> Result<Option<(Video, Package)>, Halt> {
        let shelved = shelf.put_renditions(encoded, &order.plan).await?;
        crash::reached(RENDITIONS_STORED);
        let package = Package { pending, quality, ..shelf.put_package(&shelved, &order.draft).await? };
        crash::reached(PACKAGE_STORED);
        progress(STORE_PERCENT);
        let id = shelf.video.id;
        let step = Advance::new(id, Status::Encoding, Status::Verifying, self.0.clock.now());
        let Some(moved) = self.advance(step).await? else { return Ok(None) };
        crash::reached(VERIFYING);
        self.verify(shelf, order, (&shelved, &package), (work, progress)).await?;
        crash::reached(VERIFIED);
        self.order_second_wave(id, &package).await?;
        Ok(Some((moved, package)))
    }

    pub(crate) fn work_dir(&self, video: &Video) -> Result<WorkDir, Fault> {
        let name = format!("{}-{:016x}", video.id, self.0.entropy.u64());
        Ok(WorkDir::create(&self.0.work_root, &name)?)
    }

    /// The order at the quality its top rung needs, where that can be measured. Quality is worth no
    /// failure: without a measurement the profile's stands.
    pub(crate) async fn tuned(
        &self,
        video: VideoId,
        order: Order,
        work: &WorkDir,
    ) -> Result<(Order, Option<QualityFacts>), Fault> {
        let policy = &self.0.profile.per_title;
        let samples = policy.samples(&order.plan);
        if samples.is_empty() {
            return Ok((order, None));
        }
        let job = ProbeJob {
            video,
            source: order.raw.path().to_owned(),
            work_dir: work.room("probes")?,
            plan: order.plan.clone(),
            samples,
            crf_centi: policy.probe_crf_centi,
        };
        let probed = self.0.encoder.probe(job).await.unwrap_or_else(|e| {
            tracing::warn!(%video, error = %e, "the quality could not be probed");
            None
        });
        let Some(probed) = probed else { return Ok((order, None)) };
        let (plan, facts) = policy.tuned(&order.plan, probed);
        tracing::info!(%video, metric = facts.metric, scores = ?probed.scores_centi, crf = ?facts.crf_centi, "probed");
        Ok((Order { plan, ..order }, Some(facts)))
    }

    /// Before the publication, so that no published video waits for a wave that nobody ordered.
    async fn order_second_wave(&self, id: VideoId, package: &Package) -> Result<(), TranscodeError> {
        let waves = &self.0.profile.waves;
        if !waves.of(Wave::Second, &package.pending).is_empty() {
            self.0.jobs.submit_now(SECOND_WAVE, id).await?;
        }
        Ok(())
    }

    /// Checks the approval against the bytes and works out the plan. Writes nothing.
    pub(crate) async fn order(&self, video: &Video) -> Result<Order, Halt> {
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

    pub(crate) async fn stands(&self, id: VideoId) -> Result<Status, TranscodeError> {
        Ok(self.0.videos.get(id).await?.status)
    }

    pub(crate) async fn encode(
        &self,
        video: &Video,
        order: &Order,
        work: &WorkDir,
        progress: &Progress,
    ) -> Result<Encoded, Halt> {
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
        Ok(self.announced((video, Status::Encoding), encode, &mut told).await?)
    }

    pub(crate) async fn verify(
        &self,
        shelf: &Shelf<'_>,
        order: &Order,
        (shelved, package): (&[Shelved], &Package),
        (work, progress): (&WorkDir, &Progress),
    ) -> Result<(), Halt> {
        let room = work.room("fetched").map_err(Fault::from)?;
        let files = shelf.fetch(shelved, &room).await?;
        let sound = shelf.fetch_sound(shelved, &room).await?;
        shelf.check_package(package.id, package.sprite.is_some()).await?;
        let (report, mut told) = scaled(progress, STORE_PERCENT, 100);
        let job = VerifyJob {
            video: shelf.video.id,
            work_dir: work.room("decoded").map_err(Fault::from)?,
            files,
            sound,
            expect: Expectation {
                duration_ms: order.plan.duration_ms,
                fps: order.plan.fps,
                has_audio: order.plan.audio.is_some() && package.tracks.sound.is_none(),
                sizes: order.plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
                segment_ms: package.segment_ms.clone(),
            },
            progress: report,
        };
        let verify = self.0.encoder.verify(job);
        Ok(self.announced((shelf.video, Status::Verifying), verify, &mut told).await?)
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

const fn waits_for_encoding(status: Status) -> bool {
    matches!(status, Status::Approved | Status::Encoding | Status::Verifying)
}
