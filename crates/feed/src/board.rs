//! What is trending, for everybody, recomputed every second.

use crate::index::Listing;
use crate::policy::CacheRules;
use engagement::heat::cap_per_owner;
use engagement::{EngagementError, EngagementPolicy, EngagementStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vocab::{Millis, VideoId};

/// Hottest first, at most so many of one owner.
#[derive(Debug, Default)]
pub struct Standing {
    pub ranked: Vec<(VideoId, f64)>,
    pub score: HashMap<VideoId, f64>,
}

pub struct Board {
    counts: Arc<dyn EngagementStore>,
    rules: CacheRules,
    policy: EngagementPolicy,
    standing: Mutex<(Option<Millis>, Arc<Standing>)>,
}

impl Board {
    pub fn new(counts: Arc<dyn EngagementStore>, rules: CacheRules, policy: EngagementPolicy) -> Self {
        Self { counts, rules, policy, standing: Mutex::default() }
    }

    /// The standing, at most a second old. A failing store leaves the last one standing.
    pub async fn standing(&self, listing: &Listing, now: Millis) -> Arc<Standing> {
        {
            let mut last = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            if last.0.is_some_and(|at| now.saturating_sub(at) < self.rules.board_every) {
                return Arc::clone(&last.1);
            }
            // Whoever comes first reads; the others go on with what stands.
            last.0 = Some(now);
        }
        match self.read(listing, now).await {
            Ok(standing) => {
                let standing = Arc::new(standing);
                self.standing.lock().unwrap_or_else(PoisonError::into_inner).1 = Arc::clone(&standing);
                standing
            }
            Err(error) => {
                tracing::warn!(%error, "the trending board cannot be read");
                Arc::clone(&self.standing.lock().unwrap_or_else(PoisonError::into_inner).1)
            }
        }
    }

    async fn read(&self, listing: &Listing, now: Millis) -> Result<Standing, EngagementError> {
        let hot = self.counts.hot(now, self.policy.board_candidates).await?;
        let scored: Vec<(VideoId, f64)> =
            hot.iter().map(|(v, heat)| (*v, heat.score(&self.policy))).collect();
        let owner = |v: VideoId| listing.get(v).map(|e| e.owner);
        let score = scored.iter().copied().collect();
        Ok(Standing { ranked: cap_per_owner(scored, owner, self.policy.per_owner_max), score })
    }
}
