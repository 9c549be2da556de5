//! The last look at what waits, before it is given.

use crate::feed::Feed;
use crate::index::is_showable;
use crate::port::{Refusals, Waiting};
use std::collections::HashSet;
use std::sync::Arc;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub allowed: usize,
    pub refuse: HashSet<VideoId>,
    pub degraded: bool,
}

/// What a viewer refused, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// Of the queue, looked at before: every refusal is followed by a new generation.
    generation: u64,
    at: Millis,
    what: Arc<Refusals>,
}

impl Feed {
    /// Which of those waiting may not be given after all, looking no further than the page needs.
    pub(crate) async fn check(
        &self,
        viewer: UserId,
        waiting: &Waiting,
        limit: usize,
        now: Millis,
    ) -> Result<Checked, Fault> {
        let mut checked = Checked::default();
        let refusals = match self.refused(viewer, waiting.generation, now).await {
            Ok(refusals) => refusals,
            Err(fault) => {
                tracing::warn!(error = %fault, "refusals cannot be read");
                checked.degraded = true;
                Default::default()
            }
        };
        for step in waiting.items.chunks(limit.max(1)) {
            let ids: Vec<VideoId> = step.iter().map(|q| q.video).collect();
            let cards = self.cards.get(&ids, now, self.for_page()).await?;
            let since = now.saturating_sub(self.policy.seen_ttl);
            let seen = self.seen.among(viewer, &ids, since).await.unwrap_or_else(|fault| {
                tracing::warn!(error = %fault, "what was seen cannot be read");
                checked.degraded = true;
                HashSet::new()
            });
            for id in ids {
                let shown = cards.get(&id).is_some_and(|c| {
                    let own = self.policy.hide_own && c.video.owner == viewer;
                    is_showable(&c.video) && !own && !refusals.owners.contains(&c.video.owner)
                });
                if shown && !seen.contains(&id) && !refusals.videos.contains(&id) {
                    checked.allowed += 1;
                } else {
                    checked.refuse.insert(id);
                }
            }
            if checked.allowed >= limit {
                break;
            }
        }
        Ok(checked)
    }

    /// Read anew with every generation of the queue, and after a while.
    async fn refused(&self, viewer: UserId, generation: u64, now: Millis) -> Result<Arc<Refusals>, Fault> {
        let is_fresh = |r: &Refused| {
            r.generation == generation && now.saturating_sub(r.at) < self.policy.cache.refusals_age_page
        };
        if let Some(known) = self.with_note(viewer, |n| n.refused.clone()).filter(is_fresh) {
            return Ok(known.what);
        }
        let what = Arc::new(self.seen.refusals(viewer).await?);
        let refused = Refused { generation, at: now, what: Arc::clone(&what) };
        self.with_note(viewer, |n| n.refused = Some(refused));
        Ok(what)
    }
}
