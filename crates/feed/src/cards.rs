//! Videos with their counts, kept in process for moments: many viewers want the same ones.

use crate::policy::CacheRules;
use catalog::{Video, VideoStore, VideoStoreError};
use engagement::{EngagementStore, Totals};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Millis, VideoId};

/// How many ids one read of a store asks for.
const STEP: usize = 200;
/// More missing cards than a page has: a top-up, and likely not the only one.
const CROWD: usize = 32;

/// A video and what is counted of it.
#[derive(Debug, Clone)]
pub struct Card {
    pub video: Arc<Video>,
    pub totals: Totals,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    pub video: Millis,
    pub totals: Millis,
}

#[derive(Debug, Default)]
struct Slot {
    video: Option<(Millis, Arc<Video>)>,
    totals: Option<(Millis, Totals)>,
}

/// The cache and its two stores.
pub struct Cards {
    videos: Arc<dyn VideoStore>,
    counts: Arc<dyn EngagementStore>,
    rules: CacheRules,
    slots: Mutex<HashMap<VideoId, Slot>>,
    /// Held while many are read: a crowd that misses the same cards reads them once.
    crowd: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Cards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cards").finish_non_exhaustive()
    }
}

fn fault(e: VideoStoreError) -> Fault {
    match e {
        VideoStoreError::Fault(fault) => fault,
        other => Fault::internal(other),
    }
}

fn is_fresh(at: Millis, now: Millis, age: Millis) -> bool {
    now.saturating_sub(at) < age
}

impl Cards {
    pub fn new(videos: Arc<dyn VideoStore>, counts: Arc<dyn EngagementStore>, rules: CacheRules) -> Self {
        Self { videos, counts, rules, slots: Mutex::default(), crowd: tokio::sync::Mutex::new(()) }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<VideoId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change that just became durable.
    pub fn note(&self, video: &Video, now: Millis) {
        if let Some(slot) = self.slots().get_mut(&video.id) {
            put_video(slot, Arc::new(video.clone()), now);
        }
    }

    /// Forgets the counts of a video: its viewer just changed them and wants to see that.
    pub fn recount(&self, video: VideoId) {
        if let Some(slot) = self.slots().get_mut(&video) {
            slot.totals = None;
        }
    }

    /// The cards of those that exist. A failing store is forgiven while cards are young enough.
    pub async fn get(
        &self,
        ids: &[VideoId],
        now: Millis,
        freshness: Freshness,
    ) -> Result<HashMap<VideoId, Card>, Fault> {
        let (stale_videos, stale_totals) = self.stale(ids, now, freshness);
        if stale_videos.len().max(stale_totals.len()) > CROWD {
            let _one = self.crowd.lock().await;
            let (videos, totals) = self.stale(ids, now, freshness);
            self.load(&videos, &totals, now).await?;
        } else {
            self.load(&stale_videos, &stale_totals, now).await?;
        }
        let slots = self.slots();
        let card = |id: &VideoId| {
            let slot = slots.get(id)?;
            let (_, video) = slot.video.as_ref()?;
            let totals = slot.totals.map(|(_, t)| t).unwrap_or_default();
            Some((*id, Card { video: Arc::clone(video), totals }))
        };
        Ok(ids.iter().filter_map(card).collect())
    }

    async fn load(&self, videos: &[VideoId], totals: &[VideoId], now: Millis) -> Result<(), Fault> {
        let (videos, ()) = tokio::join!(self.load_videos(videos, now), self.load_totals(totals, now));
        videos
    }

    async fn load_videos(&self, ids: &[VideoId], now: Millis) -> Result<(), Fault> {
        for step in ids.chunks(STEP) {
            match self.videos.get_many(step).await {
                Ok(found) => self.keep_videos(step, found, now),
                Err(e) => self.forgive(step, now, fault(e))?,
            }
        }
        Ok(())
    }

    /// Counts adorn a page; a page without is better than none.
    async fn load_totals(&self, ids: &[VideoId], now: Millis) {
        for step in ids.chunks(STEP) {
            match self.counts.totals(step).await {
                Ok(totals) => self.keep_totals(step, totals, now),
                Err(error) => tracing::warn!(%error, "counts cannot be read"),
            }
        }
    }

    fn stale(&self, ids: &[VideoId], now: Millis, freshness: Freshness) -> (Vec<VideoId>, Vec<VideoId>) {
        let slots = self.slots();
        let video_is_stale = |id: &&VideoId| {
            let known = slots.get(id).and_then(|s| s.video.as_ref());
            !known.is_some_and(|(at, _)| is_fresh(*at, now, freshness.video))
        };
        let totals_are_stale = |id: &&VideoId| {
            let known = slots.get(id).and_then(|s| s.totals);
            !known.is_some_and(|(at, _)| is_fresh(at, now, freshness.totals))
        };
        (
            ids.iter().filter(video_is_stale).copied().collect(),
            ids.iter().filter(totals_are_stale).copied().collect(),
        )
    }

    fn keep_videos(&self, asked: &[VideoId], found: Vec<Video>, now: Millis) {
        let mut slots = self.slots();
        if slots.len() + found.len() > self.rules.cards_max {
            slots.retain(|_, s| {
                s.video.as_ref().is_some_and(|(at, _)| is_fresh(*at, now, self.rules.video_age_page))
            });
            if slots.len() + found.len() > self.rules.cards_max {
                slots.clear();
            }
        }
        for id in asked {
            if !found.iter().any(|v| v.id == *id) {
                slots.remove(id);
            }
        }
        for video in found {
            put_video(slots.entry(video.id).or_default(), Arc::new(video), now);
        }
    }

    fn keep_totals(&self, asked: &[VideoId], totals: Vec<Totals>, now: Millis) {
        let mut slots = self.slots();
        for (id, totals) in asked.iter().zip(totals) {
            // Not "if it is there": videos and counts are read side by side, and either may come first.
            slots.entry(*id).or_default().totals = Some((now, totals));
        }
    }

    fn forgive(&self, ids: &[VideoId], now: Millis, fault: Fault) -> Result<(), Fault> {
        let slots = self.slots();
        let young = |id: &VideoId| {
            let known = slots.get(id).and_then(|s| s.video.as_ref());
            known.is_some_and(|(at, _)| is_fresh(*at, now, self.rules.age_in_need))
        };
        if ids.iter().any(young) {
            tracing::warn!(error = %fault, "the catalog fails; serving cards from memory");
            return Ok(());
        }
        Err(fault)
    }
}

/// A slower reader must not bring back an older record.
fn put_video(slot: &mut Slot, video: Arc<Video>, now: Millis) {
    match &slot.video {
        Some((_, known)) if known.revision > video.revision => {}
        _ => slot.video = Some((now, video)),
    }
}
