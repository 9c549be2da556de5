//! The ports as specifications.

use crate::policy::FeedPolicy;
use crate::port::{Queued, Refusal, Refusals, SeenStore, Take, Taken, Turn, Waiting, WarmQueue};
use crate::queue::{QueueRules, ViewerQueue};
use async_trait::async_trait;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

#[derive(Debug, Default)]
pub struct MemoryWarmQueue {
    rules: QueueRules,
    queues: Mutex<HashMap<UserId, ViewerQueue>>,
}

impl MemoryWarmQueue {
    pub fn new(rules: QueueRules) -> Self {
        Self { rules, queues: Mutex::default() }
    }

    fn with<T>(&self, viewer: UserId, f: impl FnOnce(&mut ViewerQueue, &QueueRules) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        f(queues.entry(viewer).or_default(), &self.rules)
    }
}

#[async_trait]
impl WarmQueue for MemoryWarmQueue {
    async fn look(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<Waiting, Fault> {
        Ok(self.with(viewer, |q, r| q.look(turn, now, r)))
    }

    async fn take(&self, viewer: UserId, take: Take) -> Result<Taken, Fault> {
        Ok(self.with(viewer, |q, r| q.take(&take, r).0))
    }

    async fn fill(
        &self,
        viewer: UserId,
        generation: u64,
        items: Vec<Queued>,
        now: Millis,
    ) -> Result<usize, Fault> {
        Ok(self.with(viewer, |q, r| q.fill(generation, items, now, r)))
    }

    async fn invalidate(&self, viewer: UserId, keep: usize) -> Result<(), Fault> {
        self.with(viewer, |q, _| q.invalidate(keep));
        Ok(())
    }

    async fn served(&self, viewer: UserId, now: Millis) -> Result<HashSet<VideoId>, Fault> {
        Ok(self.with(viewer, |q, r| q.served(now, r)))
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        if from == into {
            return Ok(());
        }
        let pages: Vec<_> = self.with(from, |q, _| q.pages().cloned().collect());
        self.with(into, |q, r| q.absorb(pages, r));
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Memory {
    seen: HashMap<VideoId, Millis>,
    refusals: Refusals,
}

#[derive(Debug)]
pub struct MemorySeenStore {
    seen_max: usize,
    viewers: Mutex<HashMap<UserId, Memory>>,
}

impl Default for MemorySeenStore {
    fn default() -> Self {
        Self::new(FeedPolicy::default().seen_max)
    }
}

impl MemorySeenStore {
    pub fn new(seen_max: usize) -> Self {
        Self { seen_max, viewers: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Memory>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(memory: &mut Memory, seen: &[(VideoId, Millis)], max: usize) {
    for (video, at) in seen {
        let known = memory.seen.entry(*video).or_insert(*at);
        *known = (*known).max(*at);
    }
    if memory.seen.len() > max {
        let mut all: Vec<_> = memory.seen.drain().collect();
        all.sort_by_key(|(video, at)| std::cmp::Reverse((*at, *video)));
        all.truncate(max);
        memory.seen = all.into_iter().collect();
    }
}

#[async_trait]
impl SeenStore for MemorySeenStore {
    async fn mark(&self, viewer: UserId, seen: &[(VideoId, Millis)]) -> Result<(), Fault> {
        remember(self.lock().entry(viewer).or_default(), seen, self.seen_max);
        Ok(())
    }

    async fn among(
        &self,
        viewer: UserId,
        videos: &[VideoId],
        since: Millis,
    ) -> Result<HashSet<VideoId>, Fault> {
        let mut viewers = self.lock();
        let memory = viewers.entry(viewer).or_default();
        let seen = |v: &&VideoId| memory.seen.get(v).is_some_and(|at| *at >= since);
        Ok(videos.iter().filter(seen).copied().collect())
    }

    async fn refuse(&self, viewer: UserId, what: Refusal, _at: Millis) -> Result<(), Fault> {
        let mut viewers = self.lock();
        let refusals = &mut viewers.entry(viewer).or_default().refusals;
        match what {
            Refusal::Video(video) => refusals.videos.insert(video),
            Refusal::Owner(owner) => refusals.owners.insert(owner),
        };
        Ok(())
    }

    async fn forgive(&self, viewer: UserId, what: Refusal) -> Result<(), Fault> {
        let mut viewers = self.lock();
        let refusals = &mut viewers.entry(viewer).or_default().refusals;
        match what {
            Refusal::Video(video) => refusals.videos.remove(&video),
            Refusal::Owner(owner) => refusals.owners.remove(&owner),
        };
        Ok(())
    }

    async fn refusals(&self, viewer: UserId) -> Result<Refusals, Fault> {
        Ok(self.lock().get(&viewer).map(|m| m.refusals.clone()).unwrap_or_default())
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        let mut viewers = self.lock();
        if from == into {
            return Ok(());
        }
        let Some(guest) = viewers.remove(&from) else { return Ok(()) };
        let account = viewers.entry(into).or_default();
        let seen: Vec<_> = guest.seen.into_iter().collect();
        remember(account, &seen, self.seen_max);
        account.refusals.videos.extend(guest.refusals.videos);
        account.refusals.owners.extend(guest.refusals.owners);
        Ok(())
    }
}
