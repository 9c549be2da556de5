//! Counters, as cards show them.

use super::RememberPolicy;
use super::kept::Kept;
use async_trait::async_trait;
use engagement::{EngagementError, EngagementStore, Heat, Hour, Reaction, ShardBatch, Totals, Window};
use std::sync::Arc;
use stdx::Clock;
use vocab::{Millis, UserId, VideoId};

type Result<T> = std::result::Result<T, EngagementError>;

/// An engagement store whose [`EngagementStore::totals`] may be [`RememberPolicy::totals_life`] old.
pub struct RememberedTotals<S> {
    inner: S,
    kept: Kept<VideoId, Totals>,
}

impl<S> RememberedTotals<S> {
    pub fn new(inner: S, clock: Arc<dyn Clock>, policy: &RememberPolicy) -> Self {
        Self { inner, kept: Kept::new(policy.records_max, policy.totals_life, clock) }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: EngagementStore> EngagementStore for RememberedTotals<S> {
    async fn folded(&self, shard: u16) -> Result<u64> {
        self.inner.folded(shard).await
    }
    async fn fold(&self, batch: ShardBatch) -> Result<u64> {
        let touched: Vec<VideoId> = batch.events.iter().filter_map(|e| e.event.video).collect();
        let folded = self.inner.fold(batch).await;
        touched.iter().for_each(|video| self.kept.forget(video));
        folded
    }
    async fn totals(&self, videos: &[VideoId]) -> Result<Vec<Totals>> {
        let load = async |missing: Vec<VideoId>| {
            let totals = self.inner.totals(&missing).await?;
            Ok::<_, EngagementError>(missing.into_iter().zip(totals).map(|(v, t)| (v, t, true)).collect())
        };
        self.kept.many(videos, load).await
    }
    async fn windows(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>> {
        self.inner.windows(video, from, to).await
    }
    async fn hot(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>> {
        self.inner.hot(now, limit).await
    }
    async fn react(&self, reaction: Reaction) -> Result<u64> {
        let video = reaction.video;
        let count = self.inner.react(reaction).await;
        self.kept.forget(&video);
        count
    }
    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        let merged = self.inner.merge(from, into).await;
        self.kept.forget_all();
        merged
    }
    async fn forget(&self, before: Millis) -> Result<()> {
        self.inner.forget(before).await
    }
}
