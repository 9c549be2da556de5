//! What the catalog needs from an engine.

use crate::changes::Changes;
use crate::video::{
    Appeal, Cover, Metadata, OwnersCaptions, Package, SourceFacts, Transform, VerdictFacts, Video,
};
use async_trait::async_trait;
use stdx::Fault;
use vocab::{Bytes, FailureReason, Millis, PackageId, Status, UploadId, UserId, VideoId};

#[derive(Debug, thiserror::Error)]
pub enum VideoStoreError {
    #[error("no video {0}")]
    NotFound(VideoId),
    #[error("video {0} exists already")]
    Exists(VideoId),
    /// The condition did not hold: somebody else was faster, or the step is not legal.
    #[error("video {id} is {actual:?} at revision {revision}")]
    Stale { id: VideoId, actual: Status, revision: u64 },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Facts written in the same step as a status change. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub upload: Option<UploadId>,
    pub raw_bytes: Option<Bytes>,
    pub content_sha256: Option<String>,
    pub source: Option<SourceFacts>,
    pub verdict: Option<VerdictFacts>,
    /// `Some(None)` clears it.
    pub failure: Option<Option<FailureReason>>,
    pub package: Option<Package>,
    /// Where it is not given, the first arrival at `Published` writes the time of the move.
    pub published_at: Option<Millis>,
    pub appeal: Option<Appeal>,
}

/// A legal move of one video. Build with [`Advance::new`].
#[derive(Debug, Clone)]
pub struct Advance {
    pub id: VideoId,
    /// The move happens only from one of these.
    pub from: Vec<Status>,
    pub to: Status,
    /// When given, only at this revision.
    pub revision: Option<u64>,
    pub at: Millis,
    pub facts: Facts,
}

impl Advance {
    pub fn new(id: VideoId, from: Status, to: Status, at: Millis) -> Self {
        Self { id, from: vec![from], to, revision: None, at, facts: Facts::default() }
    }
    pub fn from_any(id: VideoId, from: &[Status], to: Status, at: Millis) -> Self {
        Self { id, from: from.to_vec(), to, revision: None, at, facts: Facts::default() }
    }
    pub fn with(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }
}

/// A page of videos, newest first.
#[derive(Debug, Clone, Default)]
pub struct VideoPage {
    pub videos: Vec<Video>,
    /// Ask again with `before` = this for the next page.
    pub next_before: Option<VideoId>,
}

/// A change that leaves the status as it is: the owner's edit, or a package that grew. `None` leaves a
/// field as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub meta: Option<Metadata>,
    /// Only while the video is `Reserved`.
    pub transform: Option<Transform>,
    /// Only while the video is readable and shows the package that is replaced.
    pub package: Option<Growth>,
    /// All of the owner's captions, by language.
    pub captions: Option<Vec<OwnersCaptions>>,
    pub cover: Option<Cover>,
    pub captions_changes: Option<Changes>,
    pub cover_changes: Option<Changes>,
}

/// A new package in the place of an old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    pub instead_of: PackageId,
    pub package: Package,
}

/// The record of every video. Writes are conditional on one item; nothing spans two.
///
/// [`VideoStore::get`] answers what was last written. Lists and [`VideoStore::get_many`] may be a moment behind;
/// [`VideoStore::list_public`] and [`VideoStore::list_by_status`] are checked against the record, so that neither
/// shows a video that left. Where very many stand in one status of the pipeline, the question may look at those
/// alone that are in the pipeline longest.
#[async_trait]
pub trait VideoStore: Send + Sync + 'static {
    /// Writes a new record as it is. `Exists` when the id is taken.
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError>;

    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError>;

    /// Records for ids in the order asked; unknown ids are left out. At most 200 ids.
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError>;

    /// Moves a video. Of racing callers exactly one succeeds; the others get `Stale`. A `Stale` that stands where
    /// one wished to go may be one's own move, whose answer was lost and which somebody has built upon since.
    /// Refuses with `Stale` what [`crate::moves::may_move`] forbids: everything but
    /// [`Status::may_become`] and the undo of a removal, back to where it came from.
    /// Reaching `Published` with visibility public puts the id in the index behind
    /// [`VideoStore::list_public`] in the same step; leaving it takes the id out in the same step.
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError>;

    /// Changes what the owner may change, conditional on `revision`. `Stale` for a removed video, and
    /// for a transform once the upload ended.
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError>;

    /// Gives a video of `from` to `to`, the account a guest became, in any status; the lists of both
    /// owners change in the same step. Already `to`'s: unchanged. Another's: `Stale`.
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError>;

    /// An owner's videos, newest first, removed and erased ones left out.
    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError>;

    /// Published public videos, newest publication first; `before` is a publication time, exclusive.
    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError>;

    /// Videos standing in `status` since before `changed_before`, oldest first: the sweeper's question
    /// and the review queue's. Not of `Reserved`: those are found by their uploads, and an engine that keeps no
    /// list of them answers a fault.
    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError>;
}

/// A viewer's relation to videos: likes, saves, history. Seed §6 `UserLibrary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    Likes,
    Saves,
    History,
}

impl Shelf {
    pub const ALL: [Shelf; 3] = [Self::Likes, Self::Saves, Self::History];

    /// The stable word of this shelf in rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Likes => "likes",
            Self::Saves => "saves",
            Self::History => "history",
        }
    }

    /// Which of two times of the same video counts.
    pub fn kept(self, a: Millis, b: Millis) -> Millis {
        match self {
            Self::Likes | Self::Saves => a.min(b),
            Self::History => a.max(b),
        }
    }
}

#[async_trait]
pub trait LibraryStore: Send + Sync + 'static {
    /// Puts a video on a shelf. `true` when it was not there. Where it was, likes and saves keep
    /// their first time, history takes the newest.
    async fn put(&self, viewer: UserId, shelf: Shelf, video: VideoId, at: Millis) -> Result<bool, Fault>;
    /// Takes it off. `true` when it was there.
    async fn remove(&self, viewer: UserId, shelf: Shelf, video: VideoId) -> Result<bool, Fault>;
    /// Newest first; `before` exclusive.
    async fn list(
        &self,
        viewer: UserId,
        shelf: Shelf,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<(Millis, VideoId)>, Fault>;
    /// How many videos stand on the shelf.
    async fn count(&self, viewer: UserId, shelf: Shelf) -> Result<u64, Fault>;
    /// Which of `videos` stand on the shelf, in the order asked.
    async fn contains(&self, viewer: UserId, shelf: Shelf, videos: &[VideoId])
    -> Result<Vec<VideoId>, Fault>;
    /// Moves everything of a guest to the account it became. Idempotent. What stands on both
    /// shelves keeps the time that [`LibraryStore::put`] would have kept.
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault>;
}

/// Told about every change after it is durable. Best effort: `GET` tells the same truth.
#[async_trait]
pub trait StatusListener: Send + Sync + 'static {
    async fn changed(&self, video: &Video);
    /// Progress inside a step, 0–100.
    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8);
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: VideoStore + ?Sized> VideoStore for std::sync::Arc<S> {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        (**self).insert(video).await
    }
    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        (**self).get(id).await
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        (**self).get_many(ids).await
    }
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
        (**self).advance(step).await
    }
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError> {
        (**self).edit(id, revision, edit).await
    }
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        (**self).give(id, from, to).await
    }
    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        (**self).list_by_owner(owner, before, limit).await
    }
    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        (**self).list_public(before, limit).await
    }
    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        (**self).list_by_status(status, changed_before, limit).await
    }
}
