//! The executable specification of [`VideoStore`] and [`LibraryStore`].

use crate::moves;
use crate::policy::GET_MANY_MAX;
use crate::port::{Advance, Edit, LibraryStore, Shelf, VideoPage, VideoStore, VideoStoreError};
use crate::video::Video;
use async_trait::async_trait;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Millis, Status, UserId, VideoId};

#[derive(Debug, Default)]
pub struct MemoryVideoStore {
    videos: Mutex<BTreeMap<VideoId, Video>>,
}

impl MemoryVideoStore {
    fn videos(&self) -> MutexGuard<'_, BTreeMap<VideoId, Video>> {
        self.videos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl VideoStore for MemoryVideoStore {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        let mut videos = self.videos();
        if videos.contains_key(&video.id) {
            return Err(VideoStoreError::Exists(video.id));
        }
        videos.insert(video.id, video);
        Ok(())
    }

    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.videos().get(&id).cloned().ok_or(VideoStoreError::NotFound(id))
    }

    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        if ids.len() > GET_MANY_MAX {
            return Err(Fault::internal(format!("at most {GET_MANY_MAX} videos at a time")).into());
        }
        let videos = self.videos();
        Ok(ids.iter().filter_map(|id| videos.get(id).cloned()).collect())
    }

    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
        let mut videos = self.videos();
        let video = videos.get(&step.id).ok_or(VideoStoreError::NotFound(step.id))?;
        let next = moves::advanced(video, &step)?;
        videos.insert(step.id, next.clone());
        Ok(next)
    }

    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError> {
        let mut videos = self.videos();
        let video = videos.get(&id).ok_or(VideoStoreError::NotFound(id))?;
        let next = moves::edited(video, revision, &edit)?;
        videos.insert(id, next.clone());
        Ok(next)
    }

    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        let mut videos = self.videos();
        let video = videos.get(&id).ok_or(VideoStoreError::NotFound(id))?;
        let next = moves::given(video, from, to)?;
        videos.insert(id, next.clone());
        Ok(next)
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        let videos = self.videos();
        let mut owned = videos
            .values()
            .rev()
            .filter(|v| v.owner == owner && !v.is_gone() && before.is_none_or(|b| v.id < b));
        let page: Vec<Video> = owned.by_ref().take(limit).cloned().collect();
        let next_before = page.last().map(|v| v.id).filter(|_| owned.next().is_some());
        Ok(VideoPage { videos: page, next_before })
    }

    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        let place = |v: &Video| (v.published_at.unwrap_or(v.status_changed_at), v.id);
        let videos = self.videos();
        let mut listed: Vec<Video> = videos
            .values()
            .filter(|v| v.is_listed() && before.is_none_or(|b| place(v) < b))
            .cloned()
            .collect();
        listed.sort_by_key(|v| Reverse(place(v)));
        listed.truncate(limit);
        Ok(listed)
    }

    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        let videos = self.videos();
        let mut standing: Vec<Video> = videos
            .values()
            .filter(|v| v.status == status && v.status_changed_at < changed_before)
            .cloned()
            .collect();
        standing.sort_by_key(|v| (v.status_changed_at, v.id));
        standing.truncate(limit);
        Ok(standing)
    }
}

#[derive(Debug, Default)]
pub struct MemoryLibraryStore {
    shelves: Mutex<BTreeMap<(UserId, Shelf), BTreeMap<VideoId, Millis>>>,
}

impl MemoryLibraryStore {
    fn shelves(&self) -> MutexGuard<'_, BTreeMap<(UserId, Shelf), BTreeMap<VideoId, Millis>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LibraryStore for MemoryLibraryStore {
    async fn put(&self, viewer: UserId, shelf: Shelf, video: VideoId, at: Millis) -> Result<bool, Fault> {
        let mut shelves = self.shelves();
        let entries = shelves.entry((viewer, shelf)).or_default();
        let there = entries.get(&video).copied();
        entries.insert(video, there.map_or(at, |t| shelf.kept(t, at)));
        Ok(there.is_none())
    }

    async fn remove(&self, viewer: UserId, shelf: Shelf, video: VideoId) -> Result<bool, Fault> {
        Ok(self.shelves().entry((viewer, shelf)).or_default().remove(&video).is_some())
    }

    async fn list(
        &self,
        viewer: UserId,
        shelf: Shelf,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<(Millis, VideoId)>, Fault> {
        let shelves = self.shelves();
        let entries = shelves.get(&(viewer, shelf)).into_iter().flatten().map(|(video, at)| (*at, *video));
        let mut found: Vec<_> = entries.filter(|e| before.is_none_or(|b| *e < b)).collect();
        found.sort_by_key(|e| Reverse(*e));
        found.truncate(limit);
        Ok(found)
    }

    async fn count(&self, viewer: UserId, shelf: Shelf) -> Result<u64, Fault> {
        Ok(self.shelves().get(&(viewer, shelf)).map_or(0, |entries| entries.len() as u64))
    }

    async fn contains(
        &self,
        viewer: UserId,
        shelf: Shelf,
        videos: &[VideoId],
    ) -> Result<Vec<VideoId>, Fault> {
        let shelves = self.shelves();
        let entries = shelves.get(&(viewer, shelf));
        Ok(videos.iter().filter(|v| entries.is_some_and(|e| e.contains_key(v))).copied().collect())
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        if from == into {
            return Ok(());
        }
        let mut shelves = self.shelves();
        for shelf in Shelf::ALL {
            let moved = shelves.remove(&(from, shelf)).unwrap_or_default();
            let entries = shelves.entry((into, shelf)).or_default();
            for (video, at) in moved {
                let kept = entries.get(&video).map_or(at, |there| shelf.kept(*there, at));
                entries.insert(video, kept);
            }
        }
        Ok(())
    }
}
