//! The consumer: event log → watchers → counters, exactly once in effect.

use crate::policy::EngagementPolicy;
use crate::port::{EngagementError, EngagementStore, ShardBatch};
use async_trait::async_trait;
use events::{EventKind, EventLog, EventLogError, Placed};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::{Clock, Fault};
use tokio::sync::Notify;
use vocab::{Millis, UserId, VideoId};

/// What a viewer was seen doing with a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    pub viewer: UserId,
    pub video: VideoId,
    pub at: Millis,
    /// It was on the screen.
    pub shown: bool,
    pub liked: bool,
    /// Swiped away before the policy's `quick_skip`.
    pub quick_skip: bool,
    /// Watched enough to count as a view.
    pub viewed: bool,
}

/// Told of observations before they are counted, at least once each: effects must be idempotent.
#[async_trait]
pub trait Watcher: Send + Sync + 'static {
    async fn observed(&self, seen: &[Observed]) -> Result<(), Fault>;
}

#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    #[error(transparent)]
    Log(#[from] EventLogError),
    #[error(transparent)]
    Store(#[from] EngagementError),
    #[error("a watcher failed: {0}")]
    Watcher(#[source] Fault),
}

pub struct Deps {
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn EngagementStore>,
    pub watchers: Vec<Arc<dyn Watcher>>,
    pub clock: Arc<dyn Clock>,
    pub policy: EngagementPolicy,
}

/// Folds the log into the counters.
pub struct Fold {
    deps: Deps,
    /// How far the shards are folded, as last heard. Behind when another process folds too: a stretch that
    /// comes again is skipped by the store, which answers where it stands.
    folded: Mutex<HashMap<u16, u64>>,
}

impl std::fmt::Debug for Fold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}

impl Fold {
    pub fn new(deps: Deps) -> Self {
        Self { deps, folded: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u16, u64>> {
        self.folded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn folded(&self, shard: u16) -> Result<u64, EngagementError> {
        let known = self.known().get(&shard).copied();
        match known {
            Some(offset) => Ok(offset),
            None => self.deps.store.folded(shard).await,
        }
    }

    /// Folds everything that stands in the log now; answers how many events that was.
    pub async fn drain(&self) -> Result<usize, FoldError> {
        let mut events = 0;
        for shard in 0..self.deps.log.shards() {
            loop {
                let n = self.step(shard).await?;
                events += n;
                if n < self.deps.policy.fold_batch {
                    break;
                }
            }
        }
        Ok(events)
    }

    async fn step(&self, shard: u16) -> Result<usize, FoldError> {
        let Deps { log, store, policy, .. } = &self.deps;
        let first = self.folded(shard).await?;
        // Whatever goes wrong from here on: the store is asked anew.
        self.known().remove(&shard);
        let events = log.read(shard, first, policy.fold_batch).await?;
        let Some(last) = events.last() else {
            self.known().insert(shard, first);
            return Ok(0);
        };
        let (next, n) = (last.offset + 1, events.len());
        let seen = observations(&events, policy);
        // Before the offset moves: a crash in between tells them twice, never not at all.
        for watcher in &self.deps.watchers {
            watcher.observed(&seen).await.map_err(FoldError::Watcher)?;
        }
        let folded = store.fold(ShardBatch { shard, first, next, events }).await?;
        self.known().insert(shard, folded);
        Ok(n)
    }

    /// Housekeeping: final impressions and long-folded events are forgotten.
    pub async fn tidy(&self) -> Result<(), FoldError> {
        let Deps { log, store, clock, policy, .. } = &self.deps;
        store.forget(clock.now().saturating_sub(policy.impression_kept)).await?;
        for shard in 0..log.shards() {
            let folded = store.folded(shard).await?;
            log.trim(shard, folded.saturating_sub(policy.log_kept)).await?;
        }
        Ok(())
    }

    /// Folds whenever `wake` rings or the idle span is over, which grows while nothing is found; drop the future to stop. Nothing is lost by that.
    pub async fn run(&self, wake: Arc<Notify>) {
        let EngagementPolicy { fold_idle, fold_idle_max, .. } = self.deps.policy;
        let (shortest, longest) = (fold_idle.to_duration(), fold_idle_max.max(fold_idle).to_duration());
        let (mut tidied, mut idle) = (self.deps.clock.now(), shortest);
        loop {
            match self.drain().await {
                Ok(0) => idle = (idle * 2).min(longest),
                Ok(_) => idle = shortest,
                Err(error) => {
                    tracing::warn!(%error, "folding events failed; trying again");
                    tokio::time::sleep(shortest).await;
                }
            }
            let now = self.deps.clock.now();
            if now.saturating_sub(tidied) >= Millis::from_secs(3_600) {
                tidied = now;
                if let Err(error) = self.tidy().await {
                    tracing::warn!(%error, "tidying engagement failed");
                }
            }
            if tokio::time::timeout(idle, wake.notified()).await.is_ok() {
                idle = shortest;
            }
        }
    }
}

fn observations(events: &[Placed], p: &EngagementPolicy) -> Vec<Observed> {
    let of = |e: &events::Recorded| {
        let quick_skip = e.kind == EventKind::Skip && e.measures.dwell_ms.unwrap_or(0) < p.quick_skip.0;
        Some(Observed {
            viewer: e.viewer,
            video: e.video?,
            at: e.at,
            shown: e.kind.proves_shown(),
            liked: e.kind == EventKind::Like,
            quick_skip,
            viewed: vocab::view::counts_as_view(
                e.measures.dwell_ms.unwrap_or(0),
                e.measures.watched_ms.unwrap_or(0),
                e.measures.duration_ms.unwrap_or(0),
            ),
        })
    };
    events.iter().filter_map(|p| of(&p.event)).filter(|o| o.shown || o.liked).collect()
}
