//! A small world on memory stores, with switches for what may fail.

use async_trait::async_trait;
use catalog::{
    Advance, Edit, LibraryStore, MemoryLibraryStore, MemoryVideoStore, Package, Shelf, StatusListener, Video,
    VideoPage, VideoStore, VideoStoreError,
};
use engagement::{EngagementPolicy, EngagementStore, MemoryEngagementStore, Observed, Watcher};
use feed::{
    Deps, Feed, FeedPolicy, MemorySeenStore, MemoryWarmQueue, PageRequest, SeenStore, Turn, WarmQueue,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stdx::{Clock, Fault, ManualClock, SeededEntropy};
use vocab::{Millis, PackageId, Status, UserId, VideoId, Visibility};

/// A store in front of which a switch stands.
struct Switched<S> {
    inner: S,
    bad: AtomicBool,
}

impl<S> Switched<S> {
    fn new(inner: S) -> Self {
        Self { inner, bad: AtomicBool::new(false) }
    }
    fn check(&self) -> Result<(), Fault> {
        if self.bad.load(Ordering::SeqCst) { Err(Fault::unavailable("switched off")) } else { Ok(()) }
    }
    async fn hang(&self) {
        if self.bad.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl VideoStore for Switched<MemoryVideoStore> {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        self.inner.insert(video).await
    }
    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.check()?;
        self.inner.get(id).await
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        self.check()?;
        self.inner.get_many(ids).await
    }
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
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
        self.check()?;
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

#[async_trait]
impl LibraryStore for Switched<MemoryLibraryStore> {
    async fn put(&self, viewer: UserId, shelf: Shelf, video: VideoId, at: Millis) -> Result<bool, Fault> {
        self.inner.put(viewer, shelf, video, at).await
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
        self.hang().await;
        self.inner.list(viewer, shelf, before, limit).await
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
        self.inner.merge(from, into).await
    }
    async fn count(&self, viewer: UserId, shelf: Shelf) -> Result<u64, Fault> {
        self.inner.count(viewer, shelf).await
    }
}

pub struct World {
    pub feed: Arc<Feed>,
    pub clock: Arc<ManualClock>,
    videos: Arc<Switched<MemoryVideoStore>>,
    library: Arc<Switched<MemoryLibraryStore>>,
    queue: Arc<MemoryWarmQueue>,
    counts: Arc<MemoryEngagementStore>,
    seen: Arc<MemorySeenStore>,
}

/// `videos` published videos 1000…, one a minute, of `owners` creators 100….
pub async fn world(videos: u64, owners: u64) -> World {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(Switched::new(MemoryVideoStore::default()));
    let library = Arc::new(Switched::new(MemoryLibraryStore::default()));
    let counts = Arc::new(MemoryEngagementStore::default());
    let queue = Arc::new(MemoryWarmQueue::default());
    let seen = Arc::new(MemorySeenStore::default());
    let feed = Arc::new(Feed::new(Deps {
        videos: Arc::clone(&store) as Arc<dyn VideoStore>,
        library: Arc::clone(&library) as Arc<dyn LibraryStore>,
        counts: Arc::clone(&counts) as Arc<dyn EngagementStore>,
        queue: Arc::clone(&queue) as Arc<dyn WarmQueue>,
        seen: Arc::clone(&seen) as Arc<dyn SeenStore>,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        entropy: Arc::new(SeededEntropy::new(1)),
        cursor_key: [7; 32],
        policy: FeedPolicy::default(),
        engagement: EngagementPolicy::default(),
    }));
    let w = World { feed, clock, videos: store, library, queue, counts, seen };
    for n in 0..videos {
        w.clock.advance(Millis(60_000));
        w.put(VideoId(1_000 + n), UserId(100 + n % owners)).await;
    }
    w
}

fn package() -> Package {
    Package {
        id: PackageId(1),
        duration_ms: Millis(9_000),
        width: 360,
        height: 640,
        fps_milli: 30_000,
        has_audio: true,
        renditions: vec![],
        segment_ms: vec![2_000],
        blurhash: None,
        sprite: None,
        pending: vec![],
        quality: None,
        tracks: catalog::Tracks::default(),
    }
}

impl World {
    /// The feed of another process on the same stores.
    pub fn elsewhere(&self) -> Feed {
        Feed::new(Deps {
            videos: Arc::clone(&self.videos) as Arc<dyn VideoStore>,
            library: Arc::clone(&self.library) as Arc<dyn LibraryStore>,
            counts: Arc::clone(&self.counts) as Arc<dyn EngagementStore>,
            queue: Arc::clone(&self.queue) as Arc<dyn WarmQueue>,
            seen: Arc::clone(&self.seen) as Arc<dyn SeenStore>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(2)),
            cursor_key: [7; 32],
            policy: FeedPolicy::default(),
            engagement: EngagementPolicy::default(),
        })
    }

    async fn put(&self, id: VideoId, owner: UserId) -> Video {
        let now = self.clock.now();
        let mut video = Video::reserved(id, owner, "k".repeat(32), now);
        video.status = Status::Published;
        video.published_at = Some(now);
        video.package = Some(package());
        self.videos.inner.insert(video.clone()).await.expect("inserts");
        video
    }

    /// Publishes and tells the feed, as the catalog does.
    pub async fn publish(&self, id: VideoId, owner: UserId) -> VideoId {
        let video = self.put(id, owner).await;
        self.feed.changed(&video).await;
        id
    }

    pub async fn remove(&self, id: VideoId) {
        let step = Advance::new(id, Status::Published, Status::Removed, self.clock.now());
        let video = self.videos.advance(step).await.expect("moves");
        self.feed.changed(&video).await;
    }

    pub async fn set_visibility(&self, id: VideoId, visibility: Visibility) {
        let video = self.videos.get(id).await.expect("there");
        let meta = catalog::Metadata { visibility, ..video.meta.clone() };
        let edit = Edit { meta: Some(meta), ..Edit::default() };
        let video = self.videos.edit(id, video.revision, edit).await.expect("edits");
        self.feed.changed(&video).await;
    }

    pub async fn like(&self, viewer: UserId, video: VideoId) {
        self.library.put(viewer, Shelf::Likes, video, self.clock.now()).await.expect("puts");
        self.feed.react(viewer).await.expect("reacts");
    }

    /// The event consumer saw the viewer watch it, by a link perhaps.
    pub async fn watch(&self, viewer: UserId, video: VideoId) {
        let at = self.clock.now();
        let seen = Observed { viewer, video, at, shown: true, liked: false, quick_skip: false, viewed: true };
        self.feed.observed(&[seen]).await.expect("noted");
    }

    pub async fn somebody_waiting(&self, viewer: UserId) -> VideoId {
        let turn = Turn { session: 0, page: 0 };
        let waiting = self.queue.look(viewer, turn, self.clock.now()).await.expect("looks").items;
        waiting.get(3).expect("enough wait").video
    }

    pub fn library_hangs(&self, on: bool) {
        self.library.bad.store(on, Ordering::SeqCst);
    }

    pub fn catalog_fails(&self, on: bool) {
        self.videos.bad.store(on, Ordering::SeqCst);
    }
}

/// The videos of the next `pages` pages of a new session.
pub async fn next(w: &World, viewer: UserId, pages: usize) -> HashSet<VideoId> {
    let (mut all, mut cursor) = (HashSet::new(), None);
    for _ in 0..pages {
        let page =
            w.feed.page(viewer, PageRequest { cursor, ..PageRequest::default() }).await.expect("a page");
        all.extend(page.ids());
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    all
}
