//! One viewer's queue as a value. Engines keep it where they like; the rules stand here.

use crate::policy::FeedPolicy;
use crate::port::{Queued, Take, Taken, Turn, Waiting};
use std::collections::{HashSet, VecDeque};
use vocab::{Millis, VideoId};

/// Given ids that a look tells.
const RECENT: usize = 20;

/// Sizes and spans of a queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueRules {
    pub queue_max: usize,
    pub served_ring: usize,
    pub queue_ttl: Millis,
    pub served_ttl: Millis,
}

impl From<&FeedPolicy> for QueueRules {
    fn from(p: &FeedPolicy) -> Self {
        Self {
            queue_max: p.queue_max,
            served_ring: p.served_ring,
            queue_ttl: p.queue_ttl,
            served_ttl: p.served_ttl,
        }
    }
}

impl Default for QueueRules {
    fn default() -> Self {
        Self::from(&FeedPolicy::default())
    }
}

/// A page as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenPage {
    pub turn: Turn,
    pub at: Millis,
    pub items: Vec<Queued>,
}

/// What waits and what was given. The served ring *is* the list of given pages.
#[derive(Debug, Clone, Default)]
pub struct ViewerQueue {
    generation: u64,
    filled_at: Millis,
    waiting: VecDeque<Queued>,
    pages: VecDeque<GivenPage>,
}

/// A queue taken apart, as an engine keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueParts {
    pub generation: u64,
    pub filled_at: Millis,
    pub waiting: Vec<Queued>,
    /// Oldest first.
    pub pages: Vec<GivenPage>,
}

impl ViewerQueue {
    /// From its parts; pages beyond the ring are forgotten.
    pub fn of_parts(parts: QueueParts, rules: &QueueRules) -> Self {
        let QueueParts { generation, filled_at, waiting, pages } = parts;
        Self { generation, filled_at, waiting: waiting.into(), ..Self::restored(pages, rules) }
    }

    pub fn into_parts(self) -> QueueParts {
        QueueParts {
            generation: self.generation,
            filled_at: self.filled_at,
            waiting: self.waiting.into(),
            pages: self.pages.into(),
        }
    }

    /// From remembered pages, oldest first: what a restart begins with.
    pub fn restored(pages: impl IntoIterator<Item = GivenPage>, rules: &QueueRules) -> Self {
        let mut queue = Self::default();
        for page in pages {
            queue.remember(page, rules);
        }
        queue
    }

    /// The page a turn got before.
    pub fn given(&self, turn: Turn) -> Option<&GivenPage> {
        self.pages.iter().rev().find(|p| p.turn == turn)
    }

    pub fn look(&self, turn: Turn, now: Millis, rules: &QueueRules) -> Waiting {
        let stale = self.is_stale(now, rules);
        Waiting {
            generation: self.generation,
            items: if stale { Vec::new() } else { self.waiting.iter().copied().collect() },
            recent: self.recent(),
            given: self.given(turn).map(|p| p.items.clone()),
        }
    }

    fn recent(&self) -> Vec<VideoId> {
        let newest_first = self.pages.iter().rev().flat_map(|p| p.items.iter().rev());
        let mut recent: Vec<VideoId> = newest_first.take(RECENT).map(|q| q.video).collect();
        recent.reverse();
        recent
    }

    /// Pops a page. The second value is what an engine must make durable.
    pub fn take(&mut self, take: &Take, rules: &QueueRules) -> (Taken, Option<GivenPage>) {
        if let Some(page) = self.given(take.turn) {
            let (page, remaining) = (page.items.clone(), self.waiting.len());
            return (Taken { page, replayed: true, remaining, passed: false }, None);
        }
        if take.generation.is_some_and(|named| named != self.generation) {
            return (Taken { remaining: self.waiting.len(), passed: true, ..Taken::default() }, None);
        }
        if self.is_stale(take.now, rules) {
            self.waiting.clear();
        }
        let served = self.served(take.now, rules);
        let mut page = Vec::with_capacity(take.n);
        while page.len() < take.n {
            let Some(next) = self.waiting.pop_front() else { break };
            if !take.refuse.contains(&next.video) && !served.contains(&next.video) {
                page.push(next);
            }
        }
        let remaining = self.waiting.len();
        if page.is_empty() {
            return (Taken { page, remaining, ..Taken::default() }, None);
        }
        let given = GivenPage { turn: take.turn, at: take.now, items: page.clone() };
        self.remember(given.clone(), rules);
        (Taken { page, remaining, ..Taken::default() }, Some(given))
    }

    pub fn fill(&mut self, generation: u64, items: Vec<Queued>, now: Millis, rules: &QueueRules) -> usize {
        if generation != self.generation {
            return 0;
        }
        if self.is_stale(now, rules) {
            self.waiting.clear();
        }
        let mut known: HashSet<VideoId> = self.served(now, rules);
        known.extend(self.waiting.iter().map(|q| q.video));
        let before = self.waiting.len();
        for item in items {
            if self.waiting.len() >= rules.queue_max {
                break;
            }
            if known.insert(item.video) {
                self.waiting.push_back(item);
            }
        }
        let added = self.waiting.len() - before;
        if added > 0 {
            self.filled_at = now;
        }
        added
    }

    pub fn invalidate(&mut self, keep: usize) {
        self.waiting.truncate(keep);
        self.generation += 1;
    }

    pub fn served(&self, now: Millis, rules: &QueueRules) -> HashSet<VideoId> {
        let since = now.saturating_sub(rules.served_ttl);
        let lately = self.pages.iter().filter(|p| p.at >= since);
        lately.flat_map(|p| p.items.iter().map(|q| q.video)).collect()
    }

    /// Pages of a guest become pages of the account, in order of time. Answers those that were new.
    pub fn absorb(
        &mut self,
        pages: impl IntoIterator<Item = GivenPage>,
        rules: &QueueRules,
    ) -> Vec<GivenPage> {
        let new: Vec<GivenPage> = pages.into_iter().filter(|p| self.given(p.turn).is_none()).collect();
        if new.is_empty() {
            return new;
        }
        let mut all: Vec<GivenPage> = self.pages.drain(..).chain(new.iter().cloned()).collect();
        all.sort_by_key(|p| p.at);
        for page in all {
            self.remember(page, rules);
        }
        self.invalidate(0);
        new
    }

    pub fn pages(&self) -> impl Iterator<Item = &GivenPage> {
        self.pages.iter()
    }

    fn is_stale(&self, now: Millis, rules: &QueueRules) -> bool {
        now.saturating_sub(self.filled_at) > rules.queue_ttl
    }

    fn remember(&mut self, page: GivenPage, rules: &QueueRules) {
        self.pages.push_back(page);
        let mut total: usize = self.pages.iter().map(|p| p.items.len()).sum();
        while let Some(oldest) = self.pages.front() {
            let without = total - oldest.items.len();
            if without < rules.served_ring {
                break;
            }
            total = without;
            self.pages.pop_front();
        }
    }
}
