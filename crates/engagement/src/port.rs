//! What counting needs from an engine.

use crate::heat::Heat;
use crate::hour::Hour;
use crate::impression::Counters;
use crate::retention::Reached;
use async_trait::async_trait;
use events::Placed;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

#[derive(Debug, thiserror::Error)]
pub enum EngagementError {
    /// The batch starts beyond what was folded: something in between is missing.
    #[error("shard {shard} is folded up to {folded}, the batch starts at {first}")]
    Gap { shard: u16, folded: u64, first: u64 },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A stretch `first..next` of one shard of the log. Offsets without an event were trimmed.
#[derive(Debug, Clone)]
pub struct ShardBatch {
    pub shard: u16,
    pub first: u64,
    pub next: u64,
    pub events: Vec<Placed>,
}

/// Everything known of one video since its birth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    pub counters: Counters,
    /// Viewers who like it now.
    pub likes: u64,
    /// Viewers who shared it.
    pub shares: u64,
    pub heat: Heat,
    pub reached: Reached,
}

/// One hour of one video (seed §6 `EngagementAgg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub hour: Hour,
    pub counters: Counters,
    /// Likes given in this hour that still stand.
    pub likes: i64,
    pub shares: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReactionKind {
    Like,
    Share,
}

impl ReactionKind {
    pub const ALL: [ReactionKind; 2] = [Self::Like, Self::Share];
    pub const fn word(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Share => "share",
        }
    }
}

/// A viewer's like or share as state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaction {
    pub viewer: UserId,
    pub video: VideoId,
    pub kind: ReactionKind,
    pub on: bool,
    pub at: Millis,
}

/// Counters that reconcile.
#[async_trait]
pub trait EngagementStore: Send + Sync + 'static {
    /// The next offset of `shard` to fold; 0 when nothing was.
    async fn folded(&self, shard: u16) -> Result<u64, EngagementError>;

    /// Folds a stretch into the counters and moves the offset to `next`, in one step. What lies below
    /// the offset is skipped, so a stretch may come again, in whole or in part, cut anywhere.
    /// Answers the offset after it.
    async fn fold(&self, batch: ShardBatch) -> Result<u64, EngagementError>;

    /// One for each of `videos`, in order; zeros for the unknown. At most 1,000.
    async fn totals(&self, videos: &[VideoId]) -> Result<Vec<Totals>, EngagementError>;

    /// The windows of a video with `from ≤ hour < to`, oldest first; empty hours are left out.
    async fn windows(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>, EngagementError>;

    /// The hottest videos as seen at `now`, highest score first.
    async fn hot(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>, EngagementError>;

    /// Sets a reaction; answers how many viewers have it on that video now. Setting it again changes nothing.
    async fn react(&self, reaction: Reaction) -> Result<u64, EngagementError>;

    /// Moves a guest's reactions to the account it became; one that both have is counted once. Idempotent.
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), EngagementError>;

    /// Forgets impressions untouched since `before`; their counts stay.
    async fn forget(&self, before: Millis) -> Result<(), EngagementError>;
}
