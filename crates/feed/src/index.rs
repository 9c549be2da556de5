//! The ids of public videos, newest first, in process: what sources read instead of the store.

use crate::candidate::Entry;
use crate::policy::CacheRules;
use catalog::{Video, VideoStore, VideoStoreError};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use vocab::{Millis, UserId, VideoId};

/// How many records one read of the store asks for.
const STEP: usize = 200;
const HEAD: usize = 50;

/// A moment of the index. `version` changes whenever the ids do.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pub version: u64,
    /// Newest publication first.
    pub entries: Vec<Entry>,
    by_id: HashMap<VideoId, Entry>,
    by_owner: HashMap<UserId, Vec<Entry>>,
}

impl Listing {
    fn of(version: u64, entries: Vec<Entry>) -> Self {
        let by_id = entries.iter().map(|e| (e.video, *e)).collect();
        let mut by_owner: HashMap<UserId, Vec<Entry>> = HashMap::new();
        for entry in &entries {
            by_owner.entry(entry.owner).or_default().push(*entry);
        }
        Self { version, entries, by_id, by_owner }
    }

    pub fn get(&self, video: VideoId) -> Option<Entry> {
        self.by_id.get(&video).copied()
    }

    /// Newest first.
    pub fn of_owner(&self, owner: UserId) -> &[Entry] {
        self.by_owner.get(&owner).map_or(&[], Vec::as_slice)
    }
}

#[derive(Debug, Default)]
struct State {
    listing: Arc<Listing>,
    head_at: Option<Millis>,
    full_at: Option<Millis>,
}

/// Shared by all pages.
#[derive(Debug)]
pub struct Index {
    rules: CacheRules,
    state: RwLock<State>,
    refreshing: tokio::sync::Mutex<()>,
}

/// Whether the feed may show a video to everybody.
pub fn is_showable(video: &Video) -> bool {
    video.is_listed()
        && video.package.is_some()
        && catalog::visible(video, &catalog::Viewer::nobody()) == catalog::Sight::Public
}

fn entry(video: &Video) -> Option<Entry> {
    let published_at = video.published_at.unwrap_or(video.status_changed_at);
    is_showable(video).then_some(Entry { video: video.id, owner: video.owner, published_at })
}

fn newest_first(a: &Entry, b: &Entry) -> std::cmp::Ordering {
    (b.published_at, b.video).cmp(&(a.published_at, a.video))
}

impl Index {
    pub fn new(rules: CacheRules) -> Self {
        Self { rules, state: RwLock::default(), refreshing: tokio::sync::Mutex::new(()) }
    }

    pub fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).listing)
    }

    /// Takes over what a status change says about one video.
    pub fn note(&self, video: &Video) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let new = entry(video);
        let old = state.listing.entries.iter().position(|e| e.video == video.id);
        if old.map(|i| state.listing.entries[i]) == new {
            return;
        }
        let mut entries = state.listing.entries.clone();
        if let Some(i) = old {
            entries.remove(i);
        }
        if let Some(new) = new {
            let at = entries.partition_point(|e| newest_first(e, &new).is_lt());
            entries.insert(at, new);
            entries.truncate(self.rules.index_max);
        }
        state.listing = Arc::new(Listing::of(state.listing.version + 1, entries));
    }

    /// Reads what is due. While one caller reads, the others go on with what there is.
    pub async fn refresh(&self, videos: &dyn VideoStore, now: Millis) -> Result<(), VideoStoreError> {
        let (head_due, full_due, first) = {
            let s = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let due = |at: Option<Millis>, every: Millis| at.is_none_or(|at| now.saturating_sub(at) >= every);
            (
                due(s.head_at, self.rules.index_head_every),
                due(s.full_at, self.rules.index_full_every),
                s.full_at.is_none(),
            )
        };
        if !head_due && !full_due {
            return Ok(());
        }
        let _one = if first {
            let guard = self.refreshing.lock().await;
            if self.state.read().unwrap_or_else(PoisonError::into_inner).full_at.is_some() {
                return Ok(());
            }
            guard
        } else {
            match self.refreshing.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(()),
            }
        };
        if full_due { self.read_all(videos, now).await } else { self.read_head(videos, now).await }
    }

    async fn read_all(&self, videos: &dyn VideoStore, now: Millis) -> Result<(), VideoStoreError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut before: Option<(Millis, VideoId)> = None;
        while entries.len() < self.rules.index_max {
            let page = videos.list_public(before, STEP).await?;
            let Some(last) = page.last() else { break };
            before = Some((last.published_at.unwrap_or(last.status_changed_at), last.id));
            let n = page.len();
            entries.extend(page.iter().filter_map(entry));
            if n < STEP {
                break;
            }
        }
        self.replace(entries, now, true);
        Ok(())
    }

    async fn read_head(&self, videos: &dyn VideoStore, now: Millis) -> Result<(), VideoStoreError> {
        let head = videos.list_public(None, HEAD).await?;
        let listing = self.listing();
        let new: Vec<Entry> =
            head.iter().filter_map(entry).filter(|e| listing.get(e.video).is_none()).collect();
        if new.len() == HEAD {
            // More were published since than the head holds.
            return self.read_all(videos, now).await;
        }
        if new.is_empty() {
            self.state.write().unwrap_or_else(PoisonError::into_inner).head_at = Some(now);
            return Ok(());
        }
        self.replace(listing.entries.iter().copied().chain(new).collect(), now, false);
        Ok(())
    }

    fn replace(&self, mut entries: Vec<Entry>, now: Millis, full: bool) {
        entries.sort_by(newest_first);
        entries.dedup_by_key(|e| e.video);
        entries.truncate(self.rules.index_max);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.head_at = Some(now);
        if full {
            state.full_at = Some(now);
        }
        if state.listing.entries != entries {
            let version = state.listing.version + 1;
            state.listing = Arc::new(Listing::of(version, entries));
        }
    }
}
