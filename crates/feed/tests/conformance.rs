//! The memory stores keep every promise; each saboteur breaks some and is caught.

use async_trait::async_trait;
use feed::conformance::{queue_cases, seen_cases};
use feed::{
    MemorySeenStore, MemoryWarmQueue, Queued, Refusal, Refusals, SeenStore, Take, Taken, Turn, Waiting,
    WarmQueue,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stdx::Fault;
use testkit::{saboteur, trials};
use vocab::{Millis, UserId, VideoId};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    /// Every take pops, whatever the turn: a retry skips videos.
    ForgetsTurns,
    /// Fills and gives whatever the generation.
    IgnoresGenerations,
    /// Serves what was refused.
    IgnoresRefusals,
    /// Merges nothing.
    DropsTheGuest,
}

struct BrokenQueue {
    inner: MemoryWarmQueue,
    flaw: Flaw,
    n: AtomicU64,
}

#[async_trait]
impl WarmQueue for BrokenQueue {
    async fn look(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<Waiting, Fault> {
        self.inner.look(viewer, turn, now).await
    }
    async fn take(&self, viewer: UserId, mut take: Take) -> Result<Taken, Fault> {
        match self.flaw {
            Flaw::ForgetsTurns => take.turn.session = self.n.fetch_add(1, Ordering::SeqCst),
            Flaw::IgnoresRefusals => take.refuse.clear(),
            Flaw::IgnoresGenerations => take.generation = None,
            _ => {}
        }
        self.inner.take(viewer, take).await
    }
    async fn fill(
        &self,
        viewer: UserId,
        generation: u64,
        items: Vec<Queued>,
        now: Millis,
    ) -> Result<usize, Fault> {
        let generation = match self.flaw {
            Flaw::IgnoresGenerations => {
                self.inner.look(viewer, Turn { session: 0, page: 0 }, now).await?.generation
            }
            _ => generation,
        };
        self.inner.fill(viewer, generation, items, now).await
    }
    async fn invalidate(&self, viewer: UserId, keep: usize) -> Result<(), Fault> {
        self.inner.invalidate(viewer, keep).await
    }
    async fn served(&self, viewer: UserId, now: Millis) -> Result<HashSet<VideoId>, Fault> {
        self.inner.served(viewer, now).await
    }
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        if self.flaw == Flaw::DropsTheGuest { Ok(()) } else { self.inner.merge(from, into).await }
    }
}

fn queue(flaw: Flaw) -> impl Fn() -> Arc<dyn WarmQueue> + Send + Sync + 'static {
    move || Arc::new(BrokenQueue { inner: MemoryWarmQueue::default(), flaw, n: AtomicU64::new(0) })
}

#[derive(Clone, Copy, PartialEq)]
enum Slip {
    /// Keeps the first sighting.
    KeepsTheFirst,
    /// One memory for everybody.
    MixesViewers,
    /// Never forgives.
    HoldsGrudges,
}

struct BrokenSeen {
    inner: MemorySeenStore,
    slip: Slip,
}

impl BrokenSeen {
    fn of(&self, viewer: UserId) -> UserId {
        if self.slip == Slip::MixesViewers { UserId(0) } else { viewer }
    }
}

#[async_trait]
impl SeenStore for BrokenSeen {
    async fn mark(&self, viewer: UserId, seen: &[(VideoId, Millis)]) -> Result<(), Fault> {
        let mut seen = seen.to_vec();
        if self.slip == Slip::KeepsTheFirst {
            let ids: Vec<VideoId> = seen.iter().map(|(v, _)| *v).collect();
            let known = self.inner.among(viewer, &ids, Millis(0)).await?;
            seen.retain(|(v, _)| !known.contains(v));
        }
        self.inner.mark(self.of(viewer), &seen).await
    }
    async fn among(
        &self,
        viewer: UserId,
        videos: &[VideoId],
        since: Millis,
    ) -> Result<HashSet<VideoId>, Fault> {
        self.inner.among(self.of(viewer), videos, since).await
    }
    async fn refuse(&self, viewer: UserId, what: Refusal, at: Millis) -> Result<(), Fault> {
        self.inner.refuse(self.of(viewer), what, at).await
    }
    async fn forgive(&self, viewer: UserId, what: Refusal) -> Result<(), Fault> {
        if self.slip == Slip::HoldsGrudges { Ok(()) } else { self.inner.forgive(self.of(viewer), what).await }
    }
    async fn refusals(&self, viewer: UserId) -> Result<Refusals, Fault> {
        self.inner.refusals(self.of(viewer)).await
    }
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        self.inner.merge(self.of(from), self.of(into)).await
    }
}

fn seen(slip: Slip) -> impl Fn() -> Arc<dyn SeenStore> + Send + Sync + 'static {
    move || Arc::new(BrokenSeen { inner: MemorySeenStore::default(), slip })
}

fn main() {
    let mut all =
        trials("memory", queue_cases(), || Arc::new(MemoryWarmQueue::default()) as Arc<dyn WarmQueue>);
    all.extend(trials("memory", seen_cases(), || Arc::new(MemorySeenStore::default()) as Arc<dyn SeenStore>));
    all.push(saboteur(
        "forgets_turns",
        queue_cases,
        queue(Flaw::ForgetsTurns),
        &[
            "what_is_filled_is_taken_in_order",
            "the_same_turn_gives_the_same_page",
            "a_turn_far_back_is_remembered_within_the_ring",
            "a_take_of_a_passed_generation_gives_nothing",
            "racing_turns_share_nothing",
        ],
    ));
    all.push(saboteur(
        "ignores_generations",
        queue_cases,
        queue(Flaw::IgnoresGenerations),
        &["a_fill_of_a_passed_generation_comes_to_nothing", "a_take_of_a_passed_generation_gives_nothing"],
    ));
    all.push(saboteur(
        "ignores_refusals",
        queue_cases,
        queue(Flaw::IgnoresRefusals),
        &["the_refused_are_dropped_and_never_served"],
    ));
    all.push(saboteur(
        "drops_the_guest",
        queue_cases,
        queue(Flaw::DropsTheGuest),
        &["a_merge_brings_what_was_served"],
    ));
    all.push(saboteur(
        "keeps_the_first",
        seen_cases,
        seen(Slip::KeepsTheFirst),
        &["the_latest_sighting_counts"],
    ));
    all.push(saboteur(
        "mixes_viewers",
        seen_cases,
        seen(Slip::MixesViewers),
        &["refusals_are_kept_and_forgiven", "seen_is_kept_per_viewer"],
    ));
    all.push(saboteur(
        "holds_grudges",
        seen_cases,
        seen(Slip::HoldsGrudges),
        &["refusals_are_kept_and_forgiven"],
    ));
    testkit::main(all);
}
