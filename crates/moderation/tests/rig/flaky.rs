//! Memory ports that can be away for a while.

use async_trait::async_trait;
use catalog::{Advance, Edit, MemoryVideoStore, Video, VideoPage, VideoStore, VideoStoreError};
use moderation::{BlockEntry, BlockList, MemoryBlockList};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use stdx::Fault;
use vocab::{Millis, Status, UserId, VideoId};

pub struct Videos {
    inner: MemoryVideoStore,
    /// Moves that still succeed.
    pub moves_left: AtomicU32,
}

impl Default for Videos {
    fn default() -> Self {
        Self { inner: MemoryVideoStore::default(), moves_left: AtomicU32::new(u32::MAX) }
    }
}

#[async_trait]
impl VideoStore for Videos {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        self.inner.insert(video).await
    }
    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.inner.get(id).await
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.get_many(ids).await
    }
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
        if self.moves_left.load(Ordering::SeqCst) == 0 {
            return Err(Fault::unavailable("the catalog is away").into());
        }
        self.moves_left.fetch_sub(1, Ordering::SeqCst);
        self.inner.advance(step).await
    }
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError> {
        self.inner.edit(id, revision, edit).await
    }
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        self.inner.give(id, from, to).await
    }
    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        self.inner.list_by_owner(owner, before, limit).await
    }
    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.list_public(before, limit).await
    }
    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.list_by_status(status, changed_before, limit).await
    }
}

#[derive(Default)]
pub struct Blocks {
    inner: MemoryBlockList,
    pub is_away: AtomicBool,
}

#[async_trait]
impl BlockList for Blocks {
    async fn add(&self, entry: BlockEntry) -> Result<bool, Fault> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("the block list is away"));
        }
        self.inner.add(entry).await
    }
    async fn find(&self, content_sha256: &str) -> Result<Option<BlockEntry>, Fault> {
        self.inner.find(content_sha256).await
    }
    async fn remove(&self, content_sha256: &str) -> Result<bool, Fault> {
        self.inner.remove(content_sha256).await
    }
    async fn list(&self, before: Option<(Millis, String)>, limit: usize) -> Result<Vec<BlockEntry>, Fault> {
        self.inner.list(before, limit).await
    }
}
