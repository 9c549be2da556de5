//! Like, save, share as state. The like *event* only feeds the heat; people are shown set sizes.

use crate::port::{EngagementError, EngagementStore, Reaction, ReactionKind};
use catalog::{LibraryStore, Shelf};
use std::sync::Arc;
use stdx::{Clock, Fault};
use tokio::sync::{Mutex, MutexGuard};
use vocab::{UserId, VideoId};

/// Writers of one viewer queue up behind one of these, so that shelf and count cannot part.
const LOCKS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liked {
    pub liked: bool,
    pub likes: u64,
}

/// The use case behind the like, save and share buttons.
pub struct Reactions {
    library: Arc<dyn LibraryStore>,
    store: Arc<dyn EngagementStore>,
    clock: Arc<dyn Clock>,
    locks: Vec<Mutex<()>>,
}

impl std::fmt::Debug for Reactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactions").finish_non_exhaustive()
    }
}

impl Reactions {
    pub fn new(
        library: Arc<dyn LibraryStore>,
        store: Arc<dyn EngagementStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { library, store, clock, locks: (0..LOCKS).map(|_| Mutex::new(())).collect() }
    }

    async fn turn(&self, viewer: UserId) -> MutexGuard<'_, ()> {
        // The low bits of an id are random: they spread.
        let place = usize::try_from(viewer.0 % LOCKS as u64).unwrap_or(0);
        self.locks[place].lock().await
    }

    /// Sets the like. Doing it twice is doing it once.
    pub async fn like(&self, viewer: UserId, video: VideoId, on: bool) -> Result<Liked, EngagementError> {
        let _turn = self.turn(viewer).await;
        let at = self.clock.now();
        self.shelve(viewer, Shelf::Likes, video, on).await?;
        let likes = self.store.react(Reaction { viewer, video, kind: ReactionKind::Like, on, at }).await?;
        Ok(Liked { liked: on, likes })
    }

    /// Puts the video into the viewer's saves, or takes it out.
    pub async fn save(&self, viewer: UserId, video: VideoId, on: bool) -> Result<bool, EngagementError> {
        let _turn = self.turn(viewer).await;
        self.shelve(viewer, Shelf::Saves, video, on).await?;
        Ok(on)
    }

    /// Notes that the viewer shared it; answers how many did.
    pub async fn share(&self, viewer: UserId, video: VideoId) -> Result<u64, EngagementError> {
        let at = self.clock.now();
        self.store.react(Reaction { viewer, video, kind: ReactionKind::Share, on: true, at }).await
    }

    /// A guest became an account: shelves and reactions move together. Idempotent.
    pub async fn merge(&self, from: UserId, into: UserId) -> Result<(), EngagementError> {
        self.library.merge(from, into).await?;
        self.store.merge(from, into).await
    }

    async fn shelve(&self, viewer: UserId, shelf: Shelf, video: VideoId, on: bool) -> Result<(), Fault> {
        if on {
            self.library.put(viewer, shelf, video, self.clock.now()).await?;
        } else {
            self.library.remove(viewer, shelf, video).await?;
        }
        Ok(())
    }
}
