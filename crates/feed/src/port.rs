//! What the feed needs from an engine.

use crate::reason::Reason;
use async_trait::async_trait;
use std::collections::HashSet;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

/// Which page of which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Turn {
    pub session: u64,
    pub page: u32,
}

/// A ranked video waiting for its viewer, or given to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queued {
    pub video: VideoId,
    pub reason: Reason,
}

/// A look at a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// A fill must name it; changes with every invalidation.
    pub generation: u64,
    pub items: Vec<Queued>,
    /// The last twenty given, in order: what the next page must go with.
    pub recent: Vec<VideoId>,
    /// The page this turn got before, if it is still remembered.
    pub given: Option<Vec<Queued>>,
}

/// Asks for the page of a turn.
#[derive(Debug, Clone)]
pub struct Take {
    pub turn: Turn,
    pub n: usize,
    /// Waiting ids that may not be given any more; dropped.
    pub refuse: HashSet<VideoId>,
    /// The generation of the look on which `refuse` was decided; `None`: whatever stands.
    pub generation: Option<u64>,
    pub now: Millis,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub page: Vec<Queued>,
    /// The turn had been taken before: this is that page.
    pub replayed: bool,
    pub remaining: usize,
    /// The generation had passed, so nothing was given: look again.
    pub passed: bool,
}

/// A viewer's ranked ids, and what was handed out of them.
///
/// Engines are built with the sizes and spans of [`crate::FeedPolicy`].
#[async_trait]
pub trait WarmQueue: Send + Sync + 'static {
    /// At least as of the last write of this engine; what others wrote may be missing for a moment.
    async fn look(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<Waiting, Fault>;

    /// Pops the first `n` waiting ids that are not refused, and writes them as served for this turn,
    /// in one step. A turn taken before gives its page again and pops nothing. An empty page is not
    /// remembered, and none is given where the generation named is not the one that stands. The served
    /// record outlives a restart.
    async fn take(&self, viewer: UserId, take: Take) -> Result<Taken, Fault>;

    /// Appends ids in order, unless `generation` has passed: then nothing. What waits or was served
    /// lately is left out; the queue never exceeds its cap. Answers how many were appended.
    async fn fill(
        &self,
        viewer: UserId,
        generation: u64,
        items: Vec<Queued>,
        now: Millis,
    ) -> Result<usize, Fault>;

    /// Keeps the next `keep` ids and drops the rest; fills under way come to nothing.
    async fn invalidate(&self, viewer: UserId, keep: usize) -> Result<(), Fault>;

    /// What was served lately: the ring, within its span.
    async fn served(&self, viewer: UserId, now: Millis) -> Result<HashSet<VideoId>, Fault>;

    /// What a guest was served counts as served to the account it became. Idempotent.
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault>;
}

/// What a viewer does not want to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Not interested in this one.
    Video(VideoId),
    /// Nothing of this creator.
    Owner(UserId),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    pub videos: HashSet<VideoId>,
    pub owners: HashSet<UserId>,
}

/// What a viewer has seen, anywhere, and what they refuse.
#[async_trait]
pub trait SeenStore: Send + Sync + 'static {
    /// Remembers moments of seeing; the latest counts. Idempotent. The oldest beyond the cap are forgotten.
    async fn mark(&self, viewer: UserId, seen: &[(VideoId, Millis)]) -> Result<(), Fault>;

    /// Which of `videos` were seen at `since` or later.
    async fn among(
        &self,
        viewer: UserId,
        videos: &[VideoId],
        since: Millis,
    ) -> Result<HashSet<VideoId>, Fault>;

    /// Idempotent.
    async fn refuse(&self, viewer: UserId, what: Refusal, at: Millis) -> Result<(), Fault>;

    /// Takes a refusal back. Idempotent.
    async fn forgive(&self, viewer: UserId, what: Refusal) -> Result<(), Fault>;

    async fn refusals(&self, viewer: UserId) -> Result<Refusals, Fault>;

    /// What a guest saw and refused counts for the account it became. Idempotent.
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault>;
}

/// Told how long each ranking of candidates took. Called within a page's time: it must not wait.
pub trait Gauge: Send + Sync + 'static {
    fn ranked(&self, took: Millis, at: Millis);
}
