//! The people's half of moderation: the queue and what a moderator sees. Decisions: [`crate::decisions`].

use crate::policy::Reason;
use crate::port::{
    BlockEntry, BlockList, FileError, FrameBlockList, LocalFile, ModerationStoreError, SourceFiles, Trail,
    TrailFilter,
};
use crate::record::{Decider, Decision, ModerationRecord, action, digest_of};
use crate::settle::{Desk, SettleError};
use bytes::Bytes;
use catalog::{Video, VideoStoreError};
use std::sync::Arc;
use stdx::{Entropy, Fault};
use vocab::{MediaKey, Millis, Status, UserId, Verdict, VideoId};
use work::JobStoreError;

/// Why something asked for cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("no such video, frame or entry")]
    NotFound,
    /// `field` says what to mend; `message` is a plain sentence.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    /// Not in this state; a plain sentence.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<ModerationStoreError> for ReviewError {
    fn from(e: ModerationStoreError) -> Self {
        match e {
            ModerationStoreError::Stale { .. } => {
                Self::Conflict("Somebody else decided about this video at the same time.".into())
            }
            ModerationStoreError::Fault(f) => Self::Fault(f),
        }
    }
}

impl From<VideoStoreError> for ReviewError {
    fn from(e: VideoStoreError) -> Self {
        match e {
            VideoStoreError::NotFound(_) => Self::NotFound,
            VideoStoreError::Fault(f) => Self::Fault(f),
            e @ (VideoStoreError::Exists(_) | VideoStoreError::Stale { .. }) => Self::Conflict(e.to_string()),
        }
    }
}

impl From<FileError> for ReviewError {
    fn from(e: FileError) -> Self {
        match e {
            FileError::NotFound | FileError::NotPrivate => Self::NotFound,
            FileError::Fault(f) => Self::Fault(f),
        }
    }
}

impl From<SettleError> for ReviewError {
    fn from(e: SettleError) -> Self {
        match e {
            SettleError::Videos(e) => e.into(),
            SettleError::Records(e) => e.into(),
            SettleError::Jobs(JobStoreError::Fault(f)) | SettleError::Fault(f) => Self::Fault(f),
            SettleError::Jobs(e) => Self::Fault(Fault::internal(e)),
        }
    }
}

/// A video that waits for a person, and what is known of it.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub video: Video,
    pub record: ModerationRecord,
    pub since: Millis,
}

#[derive(Debug, Clone)]
pub struct QueuePage {
    /// Oldest first.
    pub items: Vec<Waiting>,
    pub next: Option<(Millis, VideoId)>,
    /// Decisions by people since midnight UTC.
    pub handled_today: usize,
}

#[derive(Debug, Clone)]
pub struct Detail {
    pub video: Video,
    pub record: ModerationRecord,
    /// Other videos of the same bytes, newest first.
    pub same_content: Vec<ModerationRecord>,
    /// The rejected video that this one looks like.
    pub resembled: Option<ModerationRecord>,
    pub blocked: Option<BlockEntry>,
    /// Newest first.
    pub reports: Vec<Trail>,
}

pub struct ReviewsDeps {
    pub desk: Desk,
    pub blocks: Arc<dyn BlockList>,
    pub frame_blocks: Arc<dyn FrameBlockList>,
    pub files: Arc<dyn SourceFiles>,
    pub entropy: Arc<dyn Entropy>,
}

#[derive(Clone)]
pub struct Reviews(pub(crate) Arc<ReviewsDeps>);

/// Other videos of the same bytes, reports, entries of the trail shown with a video.
const SHOWN_BESIDE: usize = 20;
/// More decisions a day are not counted one by one.
const COUNTED_MAX: usize = 10_000;
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Reviews {
    pub fn new(deps: ReviewsDeps) -> Self {
        Self(Arc::new(deps))
    }

    pub fn reasons(&self) -> &[Reason] {
        &self.0.desk.policy.reasons
    }

    pub fn undo_window(&self) -> Millis {
        self.0.desk.policy.undo_window_ms
    }

    /// Videos in review and reported ones, oldest first.
    pub async fn queue(
        &self,
        after: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<QueuePage, ReviewError> {
        if after.is_none() {
            self.settle_left_behind().await?;
        }
        let desk = &self.0.desk;
        let limit = limit.clamp(1, desk.policy.page_max);
        let records = desk.store.waiting(after, limit).await?;
        let next = (records.len() == limit)
            .then(|| records.last().and_then(|r| Some((r.waiting_since?, r.video))))
            .flatten();
        let ids: Vec<VideoId> = records.iter().map(|r| r.video).collect();
        let videos = desk.videos.get_many(&ids).await?;
        for record in &records {
            let gone =
                videos.iter().find(|v| v.id == record.video).is_none_or(|v| v.status == Status::Erased);
            if gone {
                self.forget(record.clone()).await?;
            }
        }
        let item = |record: ModerationRecord| {
            let video = videos.iter().find(|v| v.id == record.video && is_queued(v.status, &record))?.clone();
            Some(Waiting { video, since: record.waiting_since?, record })
        };
        let items = records.into_iter().filter_map(item).collect();
        Ok(QueuePage { items, next, handled_today: self.handled_today().await? })
    }

    /// An erased video waits for nobody; its history stays.
    async fn forget(&self, record: ModerationRecord) -> Result<(), ReviewError> {
        let record = ModerationRecord { waiting_since: None, only_cover_waits: false, cover: None, ..record };
        match self.0.desk.store.save(record).await {
            Ok(_) | Err(ModerationStoreError::Stale { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn handled_today(&self) -> Result<usize, ReviewError> {
        let now = self.0.desk.clock.now().0;
        let filter = TrailFilter {
            action: Some(action::DECIDE.into()),
            since: Some(Millis(now - now.rem_euclid(DAY_MS))),
            limit: COUNTED_MAX,
            ..TrailFilter::default()
        };
        Ok(self.0.desk.store.trail(filter).await?.len())
    }

    /// Mends what stands between record and catalog: a decision that a crash kept from coming into
    /// force, and a video that came into review by another door (an owner's appeal).
    pub async fn settle_left_behind(&self) -> Result<usize, ReviewError> {
        let desk = &self.0.desk;
        let until = desk.clock.now().saturating_add(Millis(1));
        let mut mended = 0;
        for video in desk.videos.list_by_status(Status::InReview, until, desk.policy.page_max).await? {
            let record = desk.store.get(video.id).await?;
            let outcome = match record {
                Some(r) if r.video_waits() => continue,
                Some(r) if is_left_behind(&r, &video) => self.follow_up(&r, action::DECIDE).await,
                other => self.queue_up(&video, other).await,
            };
            match outcome {
                Ok(()) => mended += 1,
                Err(e) => tracing::warn!(video = %video.id, error = %e, "cannot mend a review left behind"),
            }
        }
        Ok(mended)
    }

    async fn queue_up(&self, video: &Video, record: Option<ModerationRecord>) -> Result<(), ReviewError> {
        let content = video.content_sha256.clone().unwrap_or_default();
        let mut record =
            record.unwrap_or_else(|| ModerationRecord::begin(video.id, content, self.0.entropy.u64()));
        let appeal = video.appeal.as_ref().filter(|_| record.appeal.is_none());
        record.queued_at = Some(video.status_changed_at);
        record.decide(Decision {
            at: video.status_changed_at,
            content_sha256: record.content_sha256.clone(),
            by: appeal.map(|_| video.owner),
            decided_by: if appeal.is_some() { Decider::Owner } else { Decider::Moderator },
            verdict: Verdict::Escalate,
            reason_code: None,
            reason: Some(appeal.map_or("Back in review.", |_| "The owner asks for another look.").to_owned()),
            undoes: None,
        });
        record.appeal = appeal.map(|a| a.message.clone()).or(record.appeal);
        self.0.desk.store.save(record).await?;
        Ok(())
    }

    pub async fn detail(&self, id: VideoId) -> Result<Detail, ReviewError> {
        let desk = &self.0.desk;
        let video = desk.videos.get(id).await?;
        let record = desk.store.get(id).await?.ok_or(ReviewError::NotFound)?;
        // A video whose cover came before its file has no content yet.
        let mut same_content = match record.content_sha256.as_str() {
            "" => Vec::new(),
            content => desk.store.by_content(content, SHOWN_BESIDE).await?,
        };
        same_content.retain(|r| r.video != id);
        let blocked = self.0.blocks.find(&record.content_sha256).await?;
        let reports = TrailFilter {
            video: Some(id),
            action: Some(action::REPORT.into()),
            limit: SHOWN_BESIDE,
            ..TrailFilter::default()
        };
        let reports = desk.store.trail(reports).await?;
        let resembled = match &record.resembles {
            Some(like) => desk.store.get(like.video).await?,
            None => None,
        };
        Ok(Detail { video, record, same_content, resembled, blocked, reports })
    }

    /// A sampled frame as JPEG; `n` from 1.
    pub async fn frame(&self, id: VideoId, n: u16) -> Result<Bytes, ReviewError> {
        let record = self.0.desk.store.get(id).await?.ok_or(ReviewError::NotFound)?;
        if !record.frames.iter().any(|f| f.n == n) {
            return Err(ReviewError::NotFound);
        }
        let digest = digest_of(&record.content_sha256).ok_or(ReviewError::NotFound)?;
        Ok(self.0.files.get_private(MediaKey::ReviewFrame { video: id, digest, n }).await?)
    }

    /// The file as the owner sent it, for a moderator's eyes; it is noted who looked.
    pub async fn source(&self, id: VideoId, by: UserId) -> Result<LocalFile, ReviewError> {
        let video = self.0.desk.videos.get(id).await?;
        let upload = video.upload.ok_or(ReviewError::NotFound)?;
        let file = self.0.files.local_raw(id, upload).await?;
        // A player asks for many ranges; one entry a person, video and hour says enough.
        let hour = self.0.desk.clock.now().0 / 3_600_000;
        self.note(format!("{id}:source:{by}:{hour}"), (by, action::VIEW_SOURCE), Some(id), String::new())
            .await?;
        Ok(file)
    }
}

/// In review, or reported by a viewer while it is published, or with a cover to look at.
fn is_queued(status: Status, record: &ModerationRecord) -> bool {
    match status {
        Status::InReview | Status::Published | Status::Unlisted => true,
        // Nobody will see the cover of these.
        Status::Rejected | Status::Failed | Status::Removed | Status::Erased => false,
        _ => record.only_cover_waits,
    }
}

/// Whether the standing decision was made while the video was in this review, or brought it there, and did not
/// get through.
pub(crate) fn is_left_behind(record: &ModerationRecord, video: &Video) -> bool {
    let appealed = video.appeal.is_some() && record.appeal.is_none();
    // On the way from publication to a rejection the catalog says so already.
    let is_known = |d: &Decision| {
        video.verdict.as_ref().is_some_and(|v| (v.verdict, v.decided_at) == (Verdict::Reject, d.at))
    };
    !appealed
        && record.standing().is_some_and(|d| {
            d.verdict != Verdict::Escalate && (d.at >= video.status_changed_at || is_known(d))
        })
}
