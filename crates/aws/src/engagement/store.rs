//! The port.

use crate::dynamo::Dynamo;
use ::engagement::{
    EngagementError, EngagementPolicy, EngagementStore, Heat, Hour, Reaction, ShardBatch, Totals, Window,
};
use async_trait::async_trait;
use vocab::{Millis, UserId, VideoId};

pub(super) type Result<T> = std::result::Result<T, EngagementError>;

#[derive(Debug)]
pub struct DynamoEngagementStore {
    pub(super) dynamo: Dynamo,
    pub(super) policy: EngagementPolicy,
}

impl DynamoEngagementStore {
    pub fn new(dynamo: Dynamo, policy: EngagementPolicy) -> Self {
        Self { dynamo, policy }
    }
}

#[async_trait]
impl EngagementStore for DynamoEngagementStore {
    async fn folded(&self, shard: u16) -> Result<u64> {
        Ok(self.offset(shard).await?)
    }

    async fn fold(&self, batch: ShardBatch) -> Result<u64> {
        self.fold_stretch(&batch).await
    }

    async fn totals(&self, videos: &[VideoId]) -> Result<Vec<Totals>> {
        Ok(self.totals_of(videos).await?)
    }

    async fn windows(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>> {
        Ok(self.windows_of(video, from, to).await?)
    }

    async fn hot(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>> {
        Ok(self.hottest(now, limit).await?)
    }

    async fn react(&self, reaction: Reaction) -> Result<u64> {
        self.set(&reaction).await?;
        Ok(self.count(reaction.video, reaction.kind).await?)
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        Ok(self.move_reactions(from, into).await?)
    }

    /// Nothing to do: each showing carries when it expires, by the policy's `impression_kept`, and the
    /// service deletes it for nothing. Looking for them would be a scan.
    async fn forget(&self, _before: Millis) -> Result<()> {
        Ok(())
    }
}
