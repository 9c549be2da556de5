//! Tells listeners what was written, after it was written.

use crate::port::{Advance, Edit, StatusListener, VideoPage, VideoStore, VideoStoreError};
use crate::video::Video;
use async_trait::async_trait;
use std::sync::Arc;
use vocab::{Millis, Status, UserId, VideoId};

/// A video store that calls a listener after each successful write.
pub struct Announcing<S> {
    inner: S,
    listener: Arc<dyn StatusListener>,
}

impl<S> Announcing<S> {
    pub fn new(inner: S, listener: Arc<dyn StatusListener>) -> Self {
        Self { inner, listener }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: VideoStore> VideoStore for Announcing<S> {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        self.inner.insert(video.clone()).await?;
        self.listener.changed(&video).await;
        Ok(())
    }
    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.inner.get(id).await
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.get_many(ids).await
    }
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
        let video = self.inner.advance(step).await?;
        self.listener.changed(&video).await;
        Ok(video)
    }
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError> {
        let video = self.inner.edit(id, revision, edit).await?;
        self.listener.changed(&video).await;
        Ok(video)
    }
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        let video = self.inner.give(id, from, to).await?;
        self.listener.changed(&video).await;
        Ok(video)
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

/// Several listeners as one, told in order. None at all is a listener too.
#[derive(Default, Clone)]
pub struct Listeners(pub Vec<Arc<dyn StatusListener>>);

#[async_trait]
impl StatusListener for Listeners {
    async fn changed(&self, video: &Video) {
        for listener in &self.0 {
            listener.changed(video).await;
        }
    }
    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8) {
        for listener in &self.0 {
            listener.progressed(video, owner, status, percent).await;
        }
    }
}
