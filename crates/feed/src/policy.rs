//! The numbers of the feed.

use vocab::Millis;

/// Names the rules that made a page; changes with them.
pub const POLICY_VERSION: &str = "feed-2026-11-linear-1";

#[derive(Debug, Clone)]
pub struct FeedPolicy {
    pub page_min: usize,
    pub page_max: usize,
    pub page_default: usize,
    /// A page is due in this span.
    pub deadline: Millis,
    /// A top-up inside a page may take this much of it.
    pub top_up_budget: Millis,
    /// Fewer waiting than this asks for a top-up.
    pub low_water: usize,
    pub queue_max: usize,
    /// Exactly remembered served ids.
    pub served_ring: usize,
    /// Waiting ids are stale after this.
    pub queue_ttl: Millis,
    /// Served but never seen: may come back after this.
    pub served_ttl: Millis,
    /// Seen: may come back after this.
    pub seen_ttl: Millis,
    /// Seen ids kept for one viewer.
    pub seen_max: usize,
    /// Waiting ids kept when strong feedback drops the tail.
    pub keep_on_feedback: usize,
    /// Quick skips in a row that drop the tail.
    pub skip_streak: u8,
    /// Whether a viewer's own videos stay out.
    pub hide_own: bool,
    pub sources: SourceSizes,
    pub score: ScoreWeights,
    pub slate: SlateRules,
    pub cache: CacheRules,
}

#[derive(Debug, Clone)]
pub struct SourceSizes {
    pub fresh: usize,
    pub trending: usize,
    pub liked_creators: usize,
    /// Videos of one liked creator.
    pub per_creator: usize,
    /// Likes looked at.
    pub likes: usize,
    pub explore: usize,
    /// New enough to deserve its first viewers.
    pub explore_age_max: Millis,
    /// Impressions every new video gets.
    pub explore_budget: i64,
    /// Excluded ids still handed to the filters, so that the trace can name them.
    pub excluded_traced: usize,
}

/// Every part is between −1 and 1 before its weight.
#[derive(Debug, Clone)]
pub struct ScoreWeights {
    pub fresh: f64,
    pub fresh_half_life: Millis,
    pub heat: f64,
    pub completion: f64,
    pub affinity: f64,
    pub skip: f64,
    pub fatigue: f64,
    /// Impressions that outweigh the prior rates.
    pub prior_weight: f64,
    pub prior_completion: f64,
    pub prior_skip: f64,
    /// Seeded noise that rotates equals between sessions.
    pub jitter: f64,
}

#[derive(Debug, Clone)]
pub struct SlateRules {
    /// At most this many of one creator …
    pub per_creator: usize,
    /// … in this many places.
    pub window: usize,
    /// One place in this many is for exploration …
    pub explore_every: usize,
    /// … namely this one (from 0).
    pub explore_place: usize,
    /// How far down the list a legal candidate is looked for.
    pub look_ahead: usize,
}

#[derive(Debug, Clone)]
pub struct CacheRules {
    pub cards_max: usize,
    /// A page trusts a cached record this long (changes made by this process arrive at once), …
    pub video_age_page: Millis,
    /// … and shows counts this old.
    pub totals_age_page: Millis,
    /// A page trusts what it read of a viewer's refusals this long. They change with the generation of the
    /// queue, so this is felt only where a process died between the two.
    pub refusals_age_page: Millis,
    /// Scoring makes do with this.
    pub age_top_up: Millis,
    /// When the store fails, cards this old still serve.
    pub age_in_need: Millis,
    pub index_max: usize,
    /// New publications are looked for this often.
    pub index_head_every: Millis,
    /// And the whole index is read anew this often.
    pub index_full_every: Millis,
    pub board_every: Millis,
    /// A viewer for whom nothing was left is not topped up again for this long, unless something was published.
    pub dry: Millis,
    /// Viewers whose last trace is kept.
    pub traces: usize,
}

impl Default for FeedPolicy {
    fn default() -> Self {
        Self {
            page_min: 10,
            page_max: 20,
            page_default: 10,
            deadline: Millis(120),
            top_up_budget: Millis(80),
            low_water: 20,
            queue_max: 200,
            served_ring: 512,
            queue_ttl: Millis(3_600_000),
            served_ttl: Millis(24 * 3_600_000),
            seen_ttl: Millis(30 * 24 * 3_600_000),
            seen_max: 5_000,
            keep_on_feedback: 5,
            skip_streak: 3,
            hide_own: true,
            sources: SourceSizes::default(),
            score: ScoreWeights::default(),
            slate: SlateRules::default(),
            cache: CacheRules::default(),
        }
    }
}

impl Default for SourceSizes {
    fn default() -> Self {
        Self {
            fresh: 400,
            trending: 150,
            liked_creators: 200,
            per_creator: 20,
            likes: 30,
            explore: 60,
            explore_age_max: Millis(36 * 3_600_000),
            explore_budget: 100,
            excluded_traced: 64,
        }
    }
}

impl Default for ScoreWeights {
    fn default() -> Self {
        Self {
            fresh: 1.0,
            fresh_half_life: Millis(24 * 3_600_000),
            heat: 1.2,
            completion: 1.0,
            affinity: 0.8,
            skip: 0.6,
            fatigue: 0.5,
            prior_weight: 10.0,
            prior_completion: 0.35,
            prior_skip: 0.25,
            jitter: 0.05,
        }
    }
}

impl Default for SlateRules {
    fn default() -> Self {
        Self { per_creator: 2, window: 20, explore_every: 10, explore_place: 6, look_ahead: 80 }
    }
}

impl CacheRules {
    /// Where a read costs money, and processes tell each other what was published and what was taken down:
    /// looking for it is for what was not told, and counts of others may be a minute old.
    pub fn told() -> Self {
        Self { totals_age_page: Millis(60_000), index_head_every: Millis(10_000), ..Self::default() }
    }
}

impl Default for CacheRules {
    fn default() -> Self {
        Self {
            cards_max: 5_000,
            video_age_page: Millis(5_000),
            totals_age_page: Millis(5_000),
            refusals_age_page: Millis(30_000),
            age_top_up: Millis(60_000),
            age_in_need: Millis(60_000),
            index_max: 20_000,
            index_head_every: Millis(1_000),
            index_full_every: Millis(600_000),
            board_every: Millis(1_000),
            dry: Millis(5_000),
            traces: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_reads_cost_money_only_counts_and_the_index_are_older() {
        let (here, told) = (CacheRules::default(), CacheRules::told());
        assert_eq!(told.video_age_page, here.video_age_page);
        assert_eq!((told.totals_age_page, told.index_head_every), (Millis(60_000), Millis(10_000)));
    }

    #[test]
    fn the_seeds_numbers_hold() {
        let p = FeedPolicy::default();
        // "API returns 10-20 at a time"; "if len(ids) < 20", "take(scored, 200)"
        assert_eq!((p.page_min, p.page_max, p.low_water, p.queue_max), (10, 20, 20, 200));
        // "Feed API P99 < 120 ms"
        assert_eq!(p.deadline, Millis(120));
        assert!(p.top_up_budget < p.deadline);
        // design: "served ring (last 512 exact)", "<= 2 per creator in 20", "1 exploration slot in 10: slot 7"
        let s = &p.slate;
        assert_eq!(
            (p.served_ring, s.per_creator, s.window, s.explore_every, s.explore_place + 1),
            (512, 2, 20, 10, 7)
        );
    }
}
