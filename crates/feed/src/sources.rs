//! Where candidates come from. Each reads its list from the snapshot.

use crate::candidate::{Candidate, Entry, Query};
use crate::kernel::{Ctx, Source};
use crate::reason::Reason;
use vocab::VideoId;

pub const LIKED_CREATORS: &str = "feed.source.liked_creators";
pub const TRENDING: &str = "feed.source.trending";
pub const EXPLORE: &str = "feed.source.explore";
pub const FRESH: &str = "feed.source.fresh";

/// A list of the snapshot under a reason.
pub struct Listed {
    name: &'static str,
    reason: Reason,
    list: fn(&Query) -> &[Entry],
    essential: bool,
}

impl Source<Query, Candidate> for Listed {
    fn name(&self) -> &'static str {
        self.name
    }
    fn is_essential(&self) -> bool {
        self.essential
    }
    fn candidates(&self, _: &Ctx<'_, VideoId>, query: &Query) -> Vec<Candidate> {
        (self.list)(query).iter().map(|e| Candidate::new(*e, self.reason)).collect()
    }
}

/// In order of precedence: the reason a viewer is told is the first that applies.
pub fn all() -> Vec<Box<dyn Source<Query, Candidate>>> {
    vec![
        Box::new(Listed {
            name: LIKED_CREATORS,
            reason: Reason::LikedCreator,
            list: |q| &q.liked_creators,
            essential: false,
        }),
        Box::new(Listed {
            name: TRENDING,
            reason: Reason::Trending,
            list: |q| &q.trending,
            essential: false,
        }),
        Box::new(Listed { name: FRESH, reason: Reason::Fresh, list: |q| &q.fresh, essential: true }),
        // Only the selector says "explore": elsewhere a new video competes like any other.
        Box::new(Listed { name: EXPLORE, reason: Reason::Fresh, list: |q| &q.explore, essential: false }),
    ]
}
