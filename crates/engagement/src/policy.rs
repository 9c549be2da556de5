//! The numbers of counting and trending.

use vocab::Millis;

#[derive(Debug, Clone)]
pub struct EngagementPolicy {
    /// Watched share of the duration that completes a video.
    pub completion_percent: i64,
    /// A skip before this much dwell says "not for me".
    pub quick_skip: Millis,
    pub weights: HeatWeights,
    /// `c` in `heat_15m / (heat_60m / 4 + c)`: below it a video is too quiet to be rising.
    pub rise_floor: f64,
    /// Places on the board for one owner.
    pub per_owner_max: usize,
    /// Videos the board looks at: those that changed last.
    pub board_candidates: usize,
    /// Impressions after which a video's own retention outweighs the prior.
    pub retention_prior_weight: u32,
    /// Impressions untouched for this long are final and forgotten. Longer than ingest believes in (7 days).
    pub impression_kept: Millis,
    /// Events folded in one step.
    pub fold_batch: usize,
    /// The consumer looks this often even when nobody rings.
    pub fold_idle: Millis,
    /// Looks that find nothing double that span up to this: with a paid table each of them costs.
    pub fold_idle_max: Millis,
    /// The log keeps consumed events this many offsets back.
    pub log_kept: u64,
}

/// In thousandths, so that sums stay whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeatWeights {
    pub view_milli: i64,
    pub completion_milli: i64,
    pub like_milli: i64,
    pub share_milli: i64,
    pub quick_skip_milli: i64,
}

impl Default for EngagementPolicy {
    fn default() -> Self {
        Self {
            completion_percent: 95,
            quick_skip: Millis(1_500),
            weights: HeatWeights {
                view_milli: 1_000,
                completion_milli: 2_000,
                like_milli: 3_000,
                share_milli: 5_000,
                quick_skip_milli: -500,
            },
            rise_floor: 1.0,
            per_owner_max: 2,
            board_candidates: 2_000,
            retention_prior_weight: 20,
            impression_kept: Millis(14 * 24 * 3_600_000),
            fold_batch: 2_000,
            fold_idle: Millis(500),
            fold_idle_max: Millis(5_000),
            log_kept: 200_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heat::HALF_LIVES;

    #[test]
    fn the_weights_and_half_lives_are_those_decided() {
        // "half-lives 5, 15, 60 min"; seed: "Redis Trending (5-60 min windows)"
        assert_eq!(HALF_LIVES.map(|h| h.0 / 60_000), [5, 15, 60]);
        // "view 1, completion 2, like 3, share 5, quick skip -0.5"
        let w = EngagementPolicy::default().weights;
        let all = [w.view_milli, w.completion_milli, w.like_milli, w.share_milli, w.quick_skip_milli];
        assert_eq!(all, [1_000, 2_000, 3_000, 5_000, -500]);
        // "quick skip < 1.5 s"
        assert_eq!(EngagementPolicy::default().quick_skip, Millis(1_500));
    }

    #[test]
    fn impressions_outlive_what_ingest_believes() {
        assert!(EngagementPolicy::default().impression_kept > events::EventPolicy::default().age_max);
    }
}
