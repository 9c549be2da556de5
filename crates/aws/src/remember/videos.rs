//! Published videos, as feeds and lists show them.

use super::RememberPolicy;
use super::kept::Kept;
use async_trait::async_trait;
use catalog::{Advance, Edit, StatusListener, Video, VideoPage, VideoStore, VideoStoreError};
use std::sync::{Arc, Mutex, PoisonError};
use stdx::Clock;
use vocab::{Millis, Status, UserId, VideoId};

type Result<T> = std::result::Result<T, VideoStoreError>;

/// A video store whose [`VideoStore::get_many`] may answer for a published video what stood up to
/// [`RememberPolicy::video_life`] ago. Every other question and every write goes through.
pub struct RememberedVideos<S> {
    inner: S,
    kept: News,
}

/// What is kept, to be told what other processes wrote.
#[derive(Clone)]
pub struct News(Arc<Shown>);

struct Shown {
    published: Kept<VideoId, Arc<Video>>,
    /// The revisions of those that were seen in another state: an older read that ends later, or one of a
    /// copy that is behind, must not bring back what was taken down.
    hidden: Kept<VideoId, u64>,
    /// One note at a time: it looks before it writes.
    turn: Mutex<()>,
}

impl News {
    /// What is known already and is newer stays. A video on its way is not kept: its next step is seconds away.
    fn note(&self, video: &Video) {
        let (shown, id) = (&*self.0, video.id);
        let _turn = shown.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let published = shown.published.last(&id).map(|known| known.revision);
        let known = published.max(shown.hidden.last(&id));
        if known.is_some_and(|known| known > video.revision) {
            return;
        }
        if video.status == Status::Published {
            shown.published.put(id, Arc::new(video.clone()));
        } else {
            shown.hidden.put(id, video.revision);
            shown.published.forget(&id);
        }
    }
}

#[async_trait]
impl StatusListener for News {
    async fn changed(&self, video: &Video) {
        self.note(video);
    }
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}

impl<S> RememberedVideos<S> {
    pub fn new(inner: S, clock: Arc<dyn Clock>, policy: &RememberPolicy) -> Self {
        let published = Kept::new(policy.records_max, policy.video_life, Arc::clone(&clock));
        let hidden = Kept::new(policy.records_max, policy.video_life, clock);
        Self { inner, kept: News(Arc::new(Shown { published, hidden, turn: Mutex::default() })) }
    }

    /// Whoever hears of changes elsewhere tells this.
    pub fn news(&self) -> News {
        self.kept.clone()
    }

    fn noted(&self, video: Video) -> Video {
        self.kept.note(&video);
        video
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: VideoStore> VideoStore for RememberedVideos<S> {
    async fn insert(&self, video: Video) -> Result<()> {
        self.inner.insert(video).await
    }
    async fn get(&self, id: VideoId) -> Result<Video> {
        self.inner.get(id).await.map(|video| self.noted(video))
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>> {
        let load = async |missing: Vec<VideoId>| {
            let videos = self.inner.get_many(&missing).await?;
            videos.iter().for_each(|video| self.kept.note(video));
            // Kept by the note, where it is the newest that is known.
            Ok::<_, VideoStoreError>(videos.into_iter().map(|v| (v.id, Arc::new(v), false)).collect())
        };
        let found = self.kept.0.published.many(ids, load).await?;
        Ok(found.into_iter().map(Arc::unwrap_or_clone).collect())
    }
    async fn advance(&self, step: Advance) -> Result<Video> {
        self.inner.advance(step).await.map(|video| self.noted(video))
    }
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video> {
        self.inner.edit(id, revision, edit).await.map(|video| self.noted(video))
    }
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video> {
        self.inner.give(id, from, to).await.map(|video| self.noted(video))
    }
    async fn list_by_owner(&self, owner: UserId, before: Option<VideoId>, limit: usize) -> Result<VideoPage> {
        self.inner.list_by_owner(owner, before, limit).await
    }
    async fn list_public(&self, before: Option<(Millis, VideoId)>, limit: usize) -> Result<Vec<Video>> {
        // Read from the table a moment ago: what a feed chooses from is what its pages show next.
        let listed = self.inner.list_public(before, limit).await?;
        listed.iter().for_each(|video| self.kept.note(video));
        Ok(listed)
    }
    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>> {
        self.inner.list_by_status(status, changed_before, limit).await
    }
}
