//! The owner's own picture for the cover: taken when it comes, shown once moderation approved it — in the package
//! when it is made or, where viewers are shown one already, in a new package over the same renditions.

use crate::captions::CaptionsError;
use crate::desk::{Desk, TRIES, Tally, TooOften};
use crate::dressing::show;
use crate::policy::CoverPolicy;
use crate::port::{Content, MediaStore, MediaStoreError};
use crate::shelf::ShelfError;
use async_trait::async_trait;
use bytes::Bytes;
use catalog::jobs::{COVER, CoverJob};
use catalog::{
    AskedCover, Cover, CoverState, Edit, OwnCover, OwnerError, Owners, Video, VideoStore, VideoStoreError,
};
use moderation::record::digest_of;
use moderation::{CoverLimits, CoverRuling, JudgeError, Moderator, StillKind, still};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use stdx::{Clock, Fault, crash};
use vocab::{FailureReason, MediaKey, Millis, UserId, VideoId};
use work::{Job, JobContext, JobError, JobHandler, JobStoreError, Jobs, NewJob, Outcome};

/// Points at which a test may kill the process.
pub const SENT: &str = "transcode.cover.sent";
pub const ORDERED: &str = "transcode.cover.ordered";
pub const RULED: &str = "transcode.cover.ruled";
pub const IN_FORCE: &str = "transcode.cover.in_force";

#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The reason says what is wrong with the picture.
    #[error("{}", .0.message)]
    Refused(FailureReason),
    #[error("the file is {0:?}, which is not what its type says")]
    OtherKind(StillKind),
    /// A video takes this many a day, and the next after this time.
    #[error("{limit} pictures were sent for this cover today")]
    TooOften { limit: u32, retry_after: Millis },
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

impl From<CaptionsError> for CoverError {
    fn from(e: CaptionsError) -> Self {
        match e {
            CaptionsError::Owner(e) => Self::Owner(e),
            CaptionsError::Store(e) => Self::Shelf(e),
            e => OwnerError::Fault(Fault::internal(e.to_string())).into(),
        }
    }
}

impl From<TooOften> for CoverError {
    fn from(TooOften { limit, retry_after }: TooOften) -> Self {
        Self::TooOften { limit, retry_after }
    }
}

impl From<JobStoreError> for CoverError {
    fn from(e: JobStoreError) -> Self {
        match e {
            JobStoreError::Fault(fault) => OwnerError::Fault(fault).into(),
            e => OwnerError::Fault(Fault::internal(e)).into(),
        }
    }
}

impl From<MediaStoreError> for CoverError {
    fn from(e: MediaStoreError) -> Self {
        Self::Shelf(e.into())
    }
}

pub struct CoverDeps {
    pub owners: Arc<Owners>,
    /// Announces what it writes: see [`catalog::Announcing`].
    pub videos: Arc<dyn VideoStore>,
    pub media: Arc<dyn MediaStore>,
    pub jobs: Jobs,
    pub clock: Arc<dyn Clock>,
    pub limits: CoverLimits,
    pub policy: CoverPolicy,
}

/// What owners do with covers.
pub struct CoverDesk(CoverDeps);

impl CoverDesk {
    pub const fn new(deps: CoverDeps) -> Self {
        Self(deps)
    }

    pub async fn of(&self, owner: UserId, id: VideoId) -> Result<Video, CoverError> {
        Ok(self.0.owners.owned(owner, id).await?)
    }

    /// Takes a picture for the cover, in the place of one that is still being looked at. What viewers are shown
    /// stays until it is approved. Sending the same again changes nothing.
    pub async fn put(
        &self,
        owner: UserId,
        id: VideoId,
        kind: StillKind,
        file: Bytes,
    ) -> Result<Video, CoverError> {
        self.of(owner, id).await?;
        let found = still::read(&file, &self.0.limits).map_err(CoverError::Refused)?;
        if found.kind != kind {
            return Err(CoverError::OtherKind(found.kind));
        }
        let sha256 = hex::encode(Sha256::digest(&file));
        let no_digest = || OwnerError::Fault(Fault::corrupt("a picture without a digest"));
        let digest = digest_of(&sha256).ok_or_else(no_digest)?;
        let desk = self.desk(owner, id);
        let would_change = |v: &Video| Ok::<_, CoverError>(with(&v.cover, &sha256, v.revision + 1).is_some());
        if desk.count(&self.tally(), would_change).await?.is_none() {
            return self.of(owner, id).await;
        }
        let mut is_stored = false;
        for _ in 0..TRIES {
            let video = desk.standing().await?;
            let n = video.revision + 1;
            let Some(cover) = with(&video.cover, &sha256, n) else { return Ok(video) };
            if !is_stored {
                self.0
                    .media
                    .put(MediaKey::SentCover { video: id, digest }, Content::Bytes(file.clone()))
                    .await?;
                is_stored = true;
                crash::reached(SENT);
            }
            if let Some(video) = self.change(video, cover).await? {
                return Ok(video);
            }
        }
        Err(desk.busy().into())
    }

    /// Back to a picture of the video. None there is fine.
    pub async fn remove(&self, owner: UserId, id: VideoId) -> Result<Video, CoverError> {
        let desk = self.desk(owner, id);
        for _ in 0..TRIES {
            let video = desk.standing().await?;
            if video.cover == Cover::default() {
                return Ok(video);
            }
            if let Some(video) = self.change(video, Cover::default()).await? {
                return Ok(video);
            }
        }
        Err(desk.busy().into())
    }

    fn desk(&self, owner: UserId, id: VideoId) -> Desk<'_> {
        let CoverDeps { owners, videos, clock, .. } = &self.0;
        Desk { owners, videos: videos.as_ref(), clock: clock.as_ref(), owner, id }
    }

    fn tally(&self) -> Tally {
        Tally {
            rate: self.0.policy.sent,
            so_far: |video| video.cover_changes,
            counted: |changes| Edit { cover_changes: Some(changes), ..Edit::default() },
        }
    }

    /// The job first: it waits for the record to say so, and no record says so without one. `None`: look again.
    async fn change(&self, video: Video, cover: Cover) -> Result<Option<Video>, CoverError> {
        let order = CoverJob { video: video.id, n: video.revision + 1, decisions: 0 };
        let job = NewJob::new(COVER, order.key(), self.0.clock.now());
        self.0.jobs.submit(job.with_attempts(self.0.policy.attempts)).await?;
        crash::reached(ORDERED);
        let edit = Edit { cover: Some(cover), ..Edit::default() };
        Ok(show(self.0.videos.as_ref(), self.0.media.as_ref(), video, edit).await?)
    }
}

/// The cover once this picture was sent; `None` where that changes nothing.
fn with(cover: &Cover, sha256: &str, n: u64) -> Option<Cover> {
    let shown = cover.shown.clone();
    match &cover.asked {
        // What was refused through no fault of the picture is tried again.
        Some(a) if a.sha256 == sha256 && !may_ask_again(&a.state) => None,
        None if shown.as_ref().is_some_and(|s| s.sent_sha256 == sha256) => None,
        // Another one is being looked at, and this one was approved before.
        Some(_) if shown.as_ref().is_some_and(|s| s.sent_sha256 == sha256) => {
            Some(Cover { asked: None, shown })
        }
        _ => {
            let asked = AskedCover { n, sha256: sha256.to_owned(), state: CoverState::Checking };
            Some(Cover { asked: Some(asked), shown })
        }
    }
}

fn may_ask_again(state: &CoverState) -> bool {
    matches!(state, CoverState::Refused(reason) if reason.retryable)
}

/// Why a picture did not come to a ruling this time. All of it is worth another try.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error(transparent)]
    Videos(#[from] VideoStoreError),
    #[error("showing it: {0}")]
    Show(CaptionsError),
    #[error("the record changes without end")]
    Busy,
}

impl KeepError {
    const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Judge(e) => e.fault(),
            Self::Videos(VideoStoreError::Fault(fault))
            | Self::Show(CaptionsError::Owner(OwnerError::Fault(fault))) => Some(fault),
            Self::Show(CaptionsError::Store(e)) => e.fault(),
            Self::Videos(_) | Self::Show(_) | Self::Busy => None,
        }
    }
}

/// What a run of a job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Settled,
    /// What it is there for was not written yet.
    Early,
    /// Somebody else wrote: look again.
    Moved,
}

/// Has pictures looked at and brings into force what comes of it. Killed anywhere, the next run resumes.
#[derive(Clone)]
pub struct CoverKeeper {
    pub moderator: Moderator,
    /// Announces what it writes: see [`catalog::Announcing`].
    pub videos: Arc<dyn VideoStore>,
    pub media: Arc<dyn MediaStore>,
    pub clock: Arc<dyn Clock>,
    pub policy: CoverPolicy,
}

impl CoverKeeper {
    /// `false`: it is too early, what the job was ordered for was not written yet.
    pub async fn keep(&self, job: CoverJob, last: bool) -> Result<bool, KeepError> {
        for _ in 0..TRIES {
            let video = match self.videos.get(job.video).await {
                Err(VideoStoreError::NotFound(_)) => return Ok(true),
                found => found?,
            };
            if video.is_gone() {
                return Ok(true);
            }
            match self.step(video, job, last).await? {
                Ended::Moved => {}
                Ended::Early => return Ok(false),
                Ended::Settled => {
                    self.moderator.withdraw_cover(job.video).await?;
                    return Ok(true);
                }
            }
        }
        Err(KeepError::Busy)
    }

    async fn step(&self, video: Video, job: CoverJob, last: bool) -> Result<Ended, KeepError> {
        let asked = video.cover.asked.clone().filter(|a| a.n == job.n);
        let shown = video.cover.shown.clone().filter(|s| s.n == job.n);
        match (asked, shown) {
            (Some(asked), _) if matches!(asked.state, CoverState::Refused(_)) => Ok(Ended::Settled),
            (Some(asked), _) => self.rule(video, asked, (job, last)).await,
            (None, Some(shown)) if job.decisions > 0 => self.take_away(video, shown, job).await,
            // A later one took its place, or it was taken back.
            _ if video.revision >= job.n => Ok(Ended::Settled),
            _ => Ok(Ended::Early),
        }
    }

    /// Looks at a picture that waits, and writes what comes of it.
    async fn rule(
        &self,
        video: Video,
        asked: AskedCover,
        (job, last): (CoverJob, bool),
    ) -> Result<Ended, KeepError> {
        if job.decisions > 0 && !self.is_decided(job).await? {
            return Ok(Ended::Early);
        }
        if let Some(shown) = &video.cover.shown
            && let Some((_, CoverRuling::Refused(_))) = self.moderator.cover_ruling(video.id, shown.n).await?
        {
            // A person took it away, and what is asked for now would hide that.
            let cover = Cover { asked: Some(asked), shown: None };
            return Ok(match self.write(video, cover).await? {
                Ended::Settled => Ended::Moved,
                other => other,
            });
        }
        let ruling = self.moderator.judge_cover(&video, &asked, last).await?;
        crash::reached(RULED);
        let kept = video.cover.shown.clone();
        let cover = match ruling {
            CoverRuling::Overtaken => return Ok(Ended::Settled),
            CoverRuling::Approved(own) => Cover { asked: None, shown: Some(own) },
            CoverRuling::Refused(reason) => {
                let asked = AskedCover { state: CoverState::Refused(reason), ..asked };
                Cover { asked: Some(asked), shown: kept }
            }
            CoverRuling::Waits => {
                let asked = AskedCover { state: CoverState::InReview, ..asked };
                Cover { asked: Some(asked), shown: kept }
            }
        };
        self.write(video, cover).await
    }

    async fn is_decided(&self, job: CoverJob) -> Result<bool, KeepError> {
        let found = self.moderator.cover_ruling(job.video, job.n).await?;
        Ok(found.is_none_or(|(decisions, _)| decisions >= job.decisions))
    }

    /// A moderator looked again at what is shown.
    async fn take_away(&self, video: Video, shown: OwnCover, job: CoverJob) -> Result<Ended, KeepError> {
        if !self.is_decided(job).await? {
            return Ok(Ended::Early);
        }
        let Some((_, CoverRuling::Refused(reason))) = self.moderator.cover_ruling(job.video, job.n).await?
        else {
            return Ok(Ended::Settled);
        };
        let state = CoverState::Refused(reason);
        let told = AskedCover { n: shown.n, sha256: shown.sent_sha256, state };
        let asked = video.cover.asked.clone().or(Some(told));
        self.write(video, Cover { asked, shown: None }).await
    }

    async fn write(&self, video: Video, cover: Cover) -> Result<Ended, KeepError> {
        let edit = Edit { cover: Some(cover), ..Edit::default() };
        let written = show(self.videos.as_ref(), self.media.as_ref(), video, edit).await;
        crash::reached(IN_FORCE);
        Ok(if written.map_err(KeepError::Show)?.is_some() { Ended::Settled } else { Ended::Moved })
    }

    /// After the last attempt: a reason instead of a picture that is looked at for ever.
    async fn give_up(&self, job: CoverJob) -> Result<(), KeepError> {
        for _ in 0..TRIES {
            let video = self.videos.get(job.video).await?;
            let asked = video.cover.asked.clone().filter(|a| a.n == job.n && a.state == CoverState::Checking);
            let Some(asked) = asked.filter(|_| !video.is_gone()) else { return Ok(()) };
            let state = CoverState::Refused(catalog::sweep::gave_up());
            let cover = Cover { asked: Some(AskedCover { state, ..asked }), ..video.cover.clone() };
            if self.write(video, cover).await? == Ended::Settled {
                return Ok(());
            }
        }
        Err(KeepError::Busy)
    }
}

pub struct CoverHandler(pub CoverKeeper);

#[async_trait]
impl JobHandler for CoverHandler {
    fn kind(&self) -> &'static str {
        COVER
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let (job, cover) = (&context.job, CoverJob::of(&context.job)?);
        let last = job.attempt >= job.max_attempts;
        let kept = tokio::select! {
            () = context.cancelled() => return Ok(Outcome::Cancelled),
            kept = self.0.keep(cover, last) => kept.map_err(|e| JobError::of(&e, e.fault()))?,
        };
        let now = self.0.clock.now();
        let is_patient = now.saturating_sub(job.created_at) < self.0.policy.order_patience;
        if !kept && is_patient {
            return Ok(Outcome::Later {
                run_at: now.saturating_add(self.0.policy.look_again.max(Millis(1))),
            });
        }
        Ok(Outcome::Done)
    }

    async fn buried(&self, job: &Job) {
        let Ok(cover) = CoverJob::of(job) else { return };
        if let Err(e) = self.0.give_up(cover).await {
            tracing::error!(video = %cover.video, error = %e, "cannot refuse a cover that could not be judged");
        }
    }
}
