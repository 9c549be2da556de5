//! The last look at what waits, before it is given.

use crate::feed::Feed;
use crate::index::is_showable;
use crate::port::Waiting;
use std::collections::HashSet;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub allowed: usize,
    pub refuse: HashSet<VideoId>,
    pub degraded: bool,
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
        let refusals = match self.seen.refusals(viewer).await {
            Ok(refusals) => refusals,
            Err(fault) => {
                tracing::warn!(error = %fault, "refusals cannot be read");
                checked.degraded = true;
                Default::default()
            }
        };
        for step in waiting.items.chunks(limit.saturating_mul(2).max(1)) {
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
}
