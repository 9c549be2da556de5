//! What must not be shown, each with its name and reason.

use crate::candidate::{Candidate, Query};
use crate::kernel::{Ctx, Filter};
use vocab::VideoId;

pub const NOT_VISIBLE: &str = "feed.filter.not_visible";
pub const OWN: &str = "feed.filter.own";
pub const SERVED: &str = "feed.filter.served";
pub const WAITING: &str = "feed.filter.waiting";
pub const SEEN: &str = "feed.filter.seen";
pub const NOT_INTERESTED: &str = "feed.filter.not_interested";
pub const HIDDEN_CREATOR: &str = "feed.filter.hidden_creator";

type Test = fn(&Query, &Candidate) -> bool;

/// A yes-or-no question about one candidate.
pub struct Rule {
    name: &'static str,
    reason: &'static str,
    refuses: Test,
}

impl Filter<Query, Candidate> for Rule {
    fn name(&self) -> &'static str {
        self.name
    }
    fn refuses(&self, _: &Ctx<'_, VideoId>, query: &Query, c: &Candidate) -> Option<&'static str> {
        (self.refuses)(query, c).then_some(self.reason)
    }
}

/// `hide_own`: whether a viewer's own videos stay out.
pub fn all(hide_own: bool) -> Vec<Box<dyn Filter<Query, Candidate>>> {
    let mut rules = vec![
        (SERVED, "was handed out lately", (|q, c| q.served.contains(&c.video)) as Test),
        (WAITING, "waits already", |q, c| q.waiting.contains(&c.video)),
        (SEEN, "was seen", |q, c| q.seen.contains(&c.video)),
        (NOT_INTERESTED, "the viewer is not interested", |q, c| q.dismissed.contains(&c.video)),
        (HIDDEN_CREATOR, "the viewer hides this creator", |q, c| q.hidden.contains(&c.owner)),
        // Asked of the snapshot, not of the candidate: a late run skips hydration, but never a filter.
        (NOT_VISIBLE, "is not public and playable", |q, c| {
            !q.facts.get(&c.video).is_some_and(|f| f.showable)
        }),
    ];
    if hide_own {
        rules.insert(0, (OWN, "is the viewer's own", |q, c| q.viewer == Some(c.owner)));
    }
    let boxed = |(name, reason, refuses)| Box::new(Rule { name, reason, refuses }) as Box<dyn Filter<_, _>>;
    rules.into_iter().map(boxed).collect()
}
