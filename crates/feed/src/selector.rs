//! The slate: best first, no creator twice in a row, at most two in twenty, one place in ten for the new.

use crate::candidate::{Candidate, Query};
use crate::kernel::{Ctx, Selected, Selector};
use crate::policy::SlateRules;
use crate::reason::Reason;
use std::collections::{HashMap, VecDeque};
use vocab::{UserId, VideoId};

pub const SLATE: &str = "feed.selector.slate";

pub struct Slate {
    pub rules: SlateRules,
}

impl Selector<Query, Candidate> for Slate {
    fn name(&self) -> &'static str {
        SLATE
    }

    fn select(&self, ctx: &Ctx<'_, VideoId>, query: &Query, ranked: Vec<Candidate>) -> Selected<Candidate> {
        let hopes = hopes(ctx, &ranked);
        let mut waiting = VecDeque::from(ranked);
        let mut picked: Vec<Candidate> = Vec::with_capacity(query.wanted);
        let mut tail = Tail::new(&self.rules, &query.tail);
        while picked.len() < query.wanted {
            let place = (query.position + picked.len()) % self.rules.explore_every.max(1);
            let explored =
                if place == self.rules.explore_place { explore(&hopes, &mut waiting, &tail) } else { None };
            let Some(next) = explored.or_else(|| self.best(&mut waiting, &tail)) else { break };
            tail.push(next.owner);
            picked.push(next);
        }
        Selected { picked, rest: waiting.into() }
    }
}

impl Slate {
    /// The best legal candidate near the top; when none is, the best that is no neighbour; else the best.
    fn best(&self, waiting: &mut VecDeque<Candidate>, tail: &Tail<'_>) -> Option<Candidate> {
        let near = |legal: &dyn Fn(UserId) -> bool| {
            waiting.iter().take(self.rules.look_ahead).position(|c| legal(c.owner))
        };
        let found = near(&|o| tail.is_legal(o)).or_else(|| near(&|o| tail.is_apart(o)));
        waiting.remove(found.unwrap_or(0))
    }
}

/// New videos by optimism in the face of uncertainty: the fewer impressions, the wider the draw.
fn hopes(ctx: &Ctx<'_, VideoId>, ranked: &[Candidate]) -> Vec<(VideoId, f64)> {
    let hope = |c: &Candidate| {
        let doubt = 1.0 / (1.0 + c.facts.impressions.max(0) as f64).sqrt();
        (c.video, c.score + doubt * ctx.draw(!c.video.0))
    };
    let mut hopes: Vec<_> = ranked.iter().filter(|c| c.facts.explorable).map(hope).collect();
    hopes.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    hopes
}

/// The most hopeful new video that still waits and is legal here.
fn explore(
    hopes: &[(VideoId, f64)],
    waiting: &mut VecDeque<Candidate>,
    tail: &Tail<'_>,
) -> Option<Candidate> {
    let place = |video| waiting.iter().position(|c| c.video == video && tail.is_legal(c.owner));
    let found = hopes.iter().find_map(|(video, _)| place(*video))?;
    waiting.remove(found).map(|c| Candidate { reason: Reason::Explore, ..c })
}

/// The owners right before the next place.
struct Tail<'a> {
    rules: &'a SlateRules,
    owners: VecDeque<UserId>,
    counts: HashMap<UserId, usize>,
}

impl<'a> Tail<'a> {
    fn new(rules: &'a SlateRules, before: &[UserId]) -> Self {
        let mut tail = Self { rules, owners: VecDeque::new(), counts: HashMap::new() };
        before.iter().for_each(|o| tail.push(*o));
        tail
    }

    fn push(&mut self, owner: UserId) {
        self.owners.push_back(owner);
        *self.counts.entry(owner).or_insert(0) += 1;
        while self.owners.len() >= self.rules.window.max(1) {
            if let Some(count) = self.owners.pop_front().and_then(|o| self.counts.get_mut(&o)) {
                *count -= 1;
            }
        }
    }

    fn is_legal(&self, owner: UserId) -> bool {
        self.is_apart(owner) && self.counts.get(&owner).copied().unwrap_or(0) < self.rules.per_creator
    }

    fn is_apart(&self, owner: UserId) -> bool {
        self.owners.back() != Some(&owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::{Entry, VideoFacts};
    use crate::kernel::{Item, rank};
    use proptest::prelude::*;
    use stdx::ManualClock;
    use vocab::Millis;

    fn slate(candidates: Vec<Candidate>, wanted: usize) -> Vec<Candidate> {
        let clock = ManualClock::default();
        let ctx = Ctx::new(3, Millis(i64::MAX), "v", &clock);
        let query = Query { wanted, ..Query::default() };
        let mut ranked = candidates;
        rank(&mut ranked);
        Slate { rules: SlateRules::default() }.select(&ctx, &query, ranked).picked
    }

    fn candidate(video: u64, owner: u64, score: f64) -> Candidate {
        let entry = Entry { video: VideoId(video), owner: UserId(owner), published_at: Millis(0) };
        Candidate { score, ..Candidate::new(entry, Reason::Fresh) }
    }

    #[test]
    fn one_place_in_ten_goes_to_a_new_video() {
        let mut all: Vec<_> = (0..40).map(|i| candidate(i, i, 10.0 - i as f64 / 10.0)).collect();
        let facts = VideoFacts { explorable: true, ..VideoFacts::default() };
        all.extend((100..103).map(|i| Candidate { facts, ..candidate(i, i, -5.0) }));
        let places: Vec<usize> = slate(all, 30)
            .iter()
            .enumerate()
            .filter(|(_, c)| c.reason == Reason::Explore)
            .map(|(i, _)| i)
            .collect();
        assert_eq!(places, [6, 16, 26]);
    }

    #[test]
    fn a_single_creator_still_makes_a_feed() {
        assert_eq!(slate((0..5).map(|i| candidate(i, 1, 1.0)).collect(), 10).len(), 5);
    }

    proptest! {
        #[test]
        fn with_enough_creators_the_rules_hold(owners in prop::collection::vec(0u64..60, 60..200), scores in prop::collection::vec(-1.0f64..1.0, 200)) {
            // Twelve creators with five videos each are enough for twenty places.
            let mut all: Vec<_> = (0..60).map(|i| candidate(1_000 + i, 100 + i % 12, scores[i as usize])).collect();
            all.extend(owners.iter().enumerate().map(|(i, o)| candidate(i as u64, *o, scores[i])));
            let picked = slate(all, 20);
            prop_assert_eq!(picked.len(), 20);
            prop_assert!(picked.windows(2).all(|w| w[0].owner != w[1].owner));
            for c in &picked {
                prop_assert!(picked.iter().filter(|o| o.owner == c.owner).count() <= 2);
                prop_assert_eq!(picked.iter().filter(|o| o.id() == c.id()).count(), 1);
            }
        }
    }
}
