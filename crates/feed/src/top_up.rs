//! Fills a viewer's queue: reads a snapshot, runs the pipeline, appends the slate.

use crate::board::Board;
use crate::candidate::{Candidate, Entry, Query, VideoFacts};
use crate::cards::{Cards, Freshness};
use crate::index::{Index, Listing, is_showable};
use crate::kernel::{Ctx, Pipeline, SideEffect};
use crate::policy::{FeedPolicy, POLICY_VERSION};
use crate::port::{Queued, SeenStore, Waiting, WarmQueue};
use crate::why::Recorder;
use crate::{filters, scorer, selector, sources};
use catalog::{LibraryStore, Shelf};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use stdx::{Clock, Fault};
use vocab::{Millis, UserId, VideoId};

/// Ids asked of the seen store at once.
const SEEN_STEP: usize = 500;
/// Owners before the next place that count for fatigue and spacing.
const TAIL: usize = 50;

pub(crate) struct TopUp {
    pub library: Arc<dyn LibraryStore>,
    pub queue: Arc<dyn WarmQueue>,
    pub seen: Arc<dyn SeenStore>,
    pub clock: Arc<dyn Clock>,
    pub cards: Arc<Cards>,
    pub index: Arc<Index>,
    pub board: Arc<Board>,
    pub policy: FeedPolicy,
    pub pipeline: Pipeline<Query, Candidate>,
}

/// What a fill is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub viewer: UserId,
    pub seed: u64,
    /// Places already filled in this session.
    pub position: usize,
    pub deadline: Millis,
}

/// What a fill came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToppedUp {
    pub added: usize,
    /// Some stage was late and skipped.
    pub degraded: bool,
}

/// Our stages on the kernel.
pub(crate) fn pipeline(policy: &FeedPolicy, recorder: Recorder) -> Pipeline<Query, Candidate> {
    Pipeline {
        query_hydrators: vec![],
        sources: sources::all(),
        hydrators: vec![Box::new(scorer::Facts)],
        filters: filters::all(policy.hide_own),
        scorers: vec![Box::new(scorer::Linear { weights: policy.score.clone() })],
        selector: Box::new(selector::Slate { rules: policy.slate.clone() }),
        side_effects: vec![Box::new(recorder) as Box<dyn SideEffect<_, _>>],
    }
}

impl TopUp {
    /// Ranks what is left for the viewer and appends it.
    pub async fn run(&self, need: Need, waiting: &Waiting) -> Result<ToppedUp, Fault> {
        let listing = self.index.listing();
        let mut query = self.snapshot(need, waiting, &listing).await?;
        let (picked, degraded) = {
            let mut ctx = Ctx::new(need.seed, need.deadline, POLICY_VERSION, self.clock.as_ref());
            let picked = self.pipeline.run(&mut ctx, &mut query).picked;
            (picked, ctx.trace.is_degraded())
        };
        let items = picked.iter().map(|c| Queued { video: c.video, reason: c.reason }).collect();
        let added = self.queue.fill(need.viewer, waiting.generation, items, self.clock.now()).await?;
        Ok(ToppedUp { added, degraded })
    }

    async fn snapshot(&self, need: Need, waiting: &Waiting, listing: &Listing) -> Result<Query, Fault> {
        let (viewer, now) = (need.viewer, self.clock.now());
        let refusals = self.seen.refusals(viewer).await?;
        let owners = waiting.recent.iter().copied().chain(waiting.items.iter().map(|q| q.video));
        let mut tail: Vec<UserId> = owners.filter_map(|v| Some(listing.get(v)?.owner)).collect();
        tail.drain(..tail.len().saturating_sub(TAIL));
        let mut query = Query {
            viewer: Some(viewer),
            served: self.queue.served(viewer, now).await?,
            waiting: waiting.items.iter().map(|q| q.video).collect(),
            dismissed: refusals.videos,
            hidden: refusals.owners,
            tail,
            wanted: self.policy.queue_max.saturating_sub(waiting.items.len()),
            position: need.position + waiting.items.len(),
            ..Query::default()
        };
        self.gather(&mut query, listing, now).await?;
        Ok(query)
    }

    /// Reads the sources' lists, and the facts of everything on them.
    async fn gather(&self, query: &mut Query, listing: &Listing, now: Millis) -> Result<(), Fault> {
        let sizes = &self.policy.sources;
        let Some(viewer) = query.viewer else { return Ok(()) };
        query.fresh = self.fresh(query, listing, now).await?;
        let standing = self.board.standing(listing, now).await;
        let hot = standing.ranked.iter().filter_map(|(v, _)| listing.get(*v));
        query.trending = hot.take(sizes.trending).collect();
        query.likes_of = self.likes_of(viewer, listing).await?;
        let liked = query.likes_of.keys().flat_map(|o| listing.of_owner(*o).iter().take(sizes.per_creator));
        query.liked_creators = liked.take(sizes.liked_creators).copied().collect();
        // A map has no order; the snapshot must.
        query.liked_creators.sort_by_key(|e| std::cmp::Reverse((e.published_at, e.video)));
        let young = now.saturating_sub(sizes.explore_age_max);
        let new = listing.entries.iter().take_while(|e| e.published_at >= young);
        query.explore = new.take(sizes.explore).copied().collect();

        let lists = [&query.fresh, &query.trending, &query.liked_creators, &query.explore];
        let ids: HashSet<VideoId> = lists.into_iter().flatten().map(|e| e.video).collect();
        let ids: Vec<VideoId> = ids.into_iter().collect();
        // The fresh list was asked about already; the others may hold seen videos too.
        query.seen.extend(self.seen.among(viewer, &ids, now.saturating_sub(self.policy.seen_ttl)).await?);
        let age = self.policy.cache.age_top_up;
        let cards = self.cards.get(&ids, now, Freshness { video: age, totals: age }).await?;
        query.facts = cards
            .into_iter()
            .map(|(id, card)| {
                let c = &card.totals.counters;
                let published_at = listing.get(id).map_or(Millis(0), |e| e.published_at);
                let facts = VideoFacts {
                    showable: is_showable(&card.video),
                    explorable: published_at >= young && c.impressions < sizes.explore_budget,
                    impressions: c.impressions,
                    completions: c.completions,
                    skips: c.skips,
                    heat: standing.score.get(&id).copied().unwrap_or(0.0),
                };
                (id, facts)
            })
            .collect();
        Ok(())
    }

    /// The newest the viewer does not know, however far back that is.
    async fn fresh(&self, query: &mut Query, listing: &Listing, now: Millis) -> Result<Vec<Entry>, Fault> {
        let sizes = &self.policy.sources;
        let Some(viewer) = query.viewer else { return Ok(Vec::new()) };
        let since = now.saturating_sub(self.policy.seen_ttl);
        let (mut fresh, mut found, mut traced) = (Vec::new(), 0, 0);
        for step in listing.entries.chunks(SEEN_STEP) {
            let ids: Vec<VideoId> = step.iter().map(|e| e.video).collect();
            query.seen.extend(self.seen.among(viewer, &ids, since).await?);
            for entry in step {
                let known = query.seen.contains(&entry.video)
                    || query.served.contains(&entry.video)
                    || query.waiting.contains(&entry.video)
                    || query.dismissed.contains(&entry.video)
                    || (self.policy.hide_own && entry.owner == viewer);
                if !known {
                    found += 1;
                    fresh.push(*entry);
                } else if traced < sizes.excluded_traced {
                    traced += 1;
                    fresh.push(*entry);
                }
                if found >= sizes.fresh {
                    return Ok(fresh);
                }
            }
        }
        Ok(fresh)
    }

    async fn likes_of(&self, viewer: UserId, listing: &Listing) -> Result<HashMap<UserId, u32>, Fault> {
        let likes = self.library.list(viewer, Shelf::Likes, None, self.policy.sources.likes).await?;
        let mut of = HashMap::new();
        for entry in likes.iter().filter_map(|(_, v)| listing.get(*v)) {
            *of.entry(entry.owner).or_insert(0) += 1;
        }
        Ok(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::why::Runs;
    use stdx::ManualClock;

    #[test]
    fn a_late_run_still_fills_and_still_filters() {
        let clock = ManualClock::default();
        let policy = FeedPolicy::default();
        let pipeline = pipeline(&policy, Recorder(Arc::new(Runs::new(1))));
        let entry = |n| Entry { video: VideoId(n), owner: UserId(n), published_at: Millis(n as i64) };
        let facts = |n| (VideoId(n), VideoFacts { showable: n != 3, ..VideoFacts::default() });
        let mut query = Query {
            viewer: Some(UserId(1)),
            fresh: (1..=5).map(entry).collect(),
            facts: (1..=4).map(facts).collect(),
            wanted: 10,
            ..Query::default()
        };
        let mut ctx = Ctx::new(1, clock.now(), POLICY_VERSION, &clock);
        let picked = pipeline.run(&mut ctx, &mut query).picked;
        // 1 is the viewer's own, 3 is not visible, of 5 nothing is known.
        assert_eq!(picked.iter().map(|c| c.video.0).collect::<Vec<_>>(), [4, 2]);
        assert!(ctx.trace.is_degraded());
    }
}
