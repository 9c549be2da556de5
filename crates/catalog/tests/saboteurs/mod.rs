//! Engines that are broken on purpose.

use async_trait::async_trait;
use catalog::{
    Advance, Edit, Facts, LibraryStore, MemoryLibraryStore, MemoryVideoStore, Shelf, Video, VideoPage,
    VideoStore, VideoStoreError,
};
use stdx::Fault;
use vocab::{Millis, Status, UserId, VideoId, Visibility};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoFlaw {
    /// Moves a video whatever its status or revision.
    ForgetsTheCondition,
    /// Checks, lets others run, then writes without checking again.
    ReadsThenWrites,
    DropsTheFacts,
    DropsTheLastPage,
    /// Lists everything that is published.
    IndexForgetsVisibility,
    NewestStandingFirst,
    SortsWhatWasAsked,
    /// Gives away what belongs to anybody.
    GivesWhoseverItIs,
    /// Puts a package in the place of whichever is shown.
    ReplacesAnyPackage,
}

pub struct BrokenVideos {
    inner: MemoryVideoStore,
    flaw: VideoFlaw,
}

impl BrokenVideos {
    pub fn with(flaw: VideoFlaw) -> Self {
        Self { inner: MemoryVideoStore::default(), flaw }
    }
}

#[async_trait]
impl VideoStore for BrokenVideos {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        self.inner.insert(video).await
    }

    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.inner.get(id).await
    }

    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        let mut videos = self.inner.get_many(ids).await?;
        if self.flaw == VideoFlaw::SortsWhatWasAsked {
            videos.sort_by_key(|v| v.id);
        }
        Ok(videos)
    }

    async fn advance(&self, mut step: Advance) -> Result<Video, VideoStoreError> {
        match self.flaw {
            VideoFlaw::ForgetsTheCondition => {
                step.from = vec![self.inner.get(step.id).await?.status];
                step.revision = None;
            }
            VideoFlaw::ReadsThenWrites => {
                let seen = self.inner.get(step.id).await?;
                if !step.from.contains(&seen.status) {
                    return self.inner.advance(step).await;
                }
                tokio::task::yield_now().await;
                return match self.inner.advance(step.clone()).await {
                    Err(VideoStoreError::Stale { .. }) if catalog::moves::may_move(&seen, step.to) => {
                        catalog::moves::advanced(&seen, &step)
                    }
                    other => other,
                };
            }
            VideoFlaw::DropsTheFacts => step.facts = Facts::default(),
            _ => {}
        }
        self.inner.advance(step).await
    }

    async fn edit(&self, id: VideoId, revision: u64, mut edit: Edit) -> Result<Video, VideoStoreError> {
        if let (VideoFlaw::ReplacesAnyPackage, Some(growth)) = (self.flaw, &mut edit.package) {
            let shown = self.inner.get(id).await?.package;
            growth.instead_of = shown.map_or(growth.instead_of, |p| p.id);
        }
        self.inner.edit(id, revision, edit).await
    }

    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        let from = match self.flaw {
            VideoFlaw::GivesWhoseverItIs => self.inner.get(id).await?.owner,
            _ => from,
        };
        self.inner.give(id, from, to).await
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        let mut page = self.inner.list_by_owner(owner, before, limit).await?;
        if self.flaw == VideoFlaw::DropsTheLastPage && before.is_some() && page.next_before.is_none() {
            page.videos.clear();
        }
        Ok(page)
    }

    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        if self.flaw == VideoFlaw::IndexForgetsVisibility {
            let mut all = self.inner.list_by_status(Status::Published, Millis(i64::MAX), 1_000).await?;
            all.retain(|v| v.meta.visibility != Visibility::Private || v.published_at.is_some());
            all.sort_by_key(|v| std::cmp::Reverse((v.published_at, v.id)));
            all.retain(|v| before.is_none_or(|(at, id)| (v.published_at, v.id) < (Some(at), id)));
            all.truncate(limit);
            return Ok(all);
        }
        self.inner.list_public(before, limit).await
    }

    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        let mut videos = self.inner.list_by_status(status, changed_before, limit).await?;
        if self.flaw == VideoFlaw::NewestStandingFirst {
            videos.reverse();
        }
        Ok(videos)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShelfFlaw {
    SaysAlwaysNew,
    MergeLeavesBehind,
    /// Two entries of the same time on a page's edge: one is lost.
    PagesByTimeAlone,
}

pub struct BrokenLibrary {
    inner: MemoryLibraryStore,
    flaw: ShelfFlaw,
}

impl BrokenLibrary {
    pub fn with(flaw: ShelfFlaw) -> Self {
        Self { inner: MemoryLibraryStore::default(), flaw }
    }
}

#[async_trait]
impl LibraryStore for BrokenLibrary {
    async fn put(&self, viewer: UserId, shelf: Shelf, video: VideoId, at: Millis) -> Result<bool, Fault> {
        let new = self.inner.put(viewer, shelf, video, at).await?;
        Ok(new || self.flaw == ShelfFlaw::SaysAlwaysNew)
    }

    async fn remove(&self, viewer: UserId, shelf: Shelf, video: VideoId) -> Result<bool, Fault> {
        self.inner.remove(viewer, shelf, video).await
    }

    async fn list(
        &self,
        viewer: UserId,
        shelf: Shelf,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<(Millis, VideoId)>, Fault> {
        let before = before.map(|(at, id)| match self.flaw {
            ShelfFlaw::PagesByTimeAlone => (at, VideoId(0)),
            _ => (at, id),
        });
        self.inner.list(viewer, shelf, before, limit).await
    }

    async fn count(&self, viewer: UserId, shelf: Shelf) -> Result<u64, Fault> {
        self.inner.count(viewer, shelf).await
    }

    async fn contains(
        &self,
        viewer: UserId,
        shelf: Shelf,
        videos: &[VideoId],
    ) -> Result<Vec<VideoId>, Fault> {
        self.inner.contains(viewer, shelf, videos).await
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        if self.flaw == ShelfFlaw::MergeLeavesBehind {
            for (at, video) in self.inner.list(from, Shelf::History, None, 1_000).await? {
                self.inner.put(into, Shelf::History, video, at).await?;
            }
        }
        self.inner.merge(from, into).await?;
        if self.flaw == ShelfFlaw::MergeLeavesBehind {
            for (at, video) in self.inner.list(into, Shelf::History, None, 1_000).await? {
                self.inner.put(from, Shelf::History, video, at).await?;
            }
        }
        Ok(())
    }
}
