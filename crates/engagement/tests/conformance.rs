//! The memory store keeps every promise; each saboteur breaks some and is caught.

use async_trait::async_trait;
use engagement::conformance::cases;
use engagement::{
    EngagementError, EngagementStore, Heat, Hour, MemoryEngagementStore, Reaction, ShardBatch, Totals, Window,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::{saboteur, trials};
use vocab::{ImpressionId, Millis, UserId, VideoId};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Counts a stretch again when it comes again: increments instead of offsets.
    ForgetsTheOffset,
    /// Every event is an impression of its own.
    SumsEvents,
    /// A like pressed twice counts twice.
    CountsPresses,
    /// Takes a stretch after a gap.
    SkipsGaps,
}

struct Broken {
    inner: MemoryEngagementStore,
    fault: Fault,
    next: AtomicU64,
}

#[async_trait]
impl EngagementStore for Broken {
    async fn folded(&self, shard: u16) -> Result<u64, EngagementError> {
        self.inner.folded(shard).await
    }
    async fn fold(&self, mut batch: ShardBatch) -> Result<u64, EngagementError> {
        match self.fault {
            Fault::ForgetsTheOffset => {
                // Under a shard and showings of its own each time, so that nothing is recognised.
                let shard = 100 + self.next.fetch_add(1, Ordering::SeqCst) as u16;
                let as_told = batch.next;
                for placed in &mut batch.events {
                    let known = placed.event.impression.map_or(0, |i| i.0);
                    placed.event.impression = Some(ImpressionId(known + u128::from(shard) * 1_000_000));
                }
                self.inner.fold(ShardBatch { shard, first: 0, ..batch.clone() }).await?;
                self.inner.fold(ShardBatch { events: vec![], first: 0, ..batch }).await?;
                Ok(as_told)
            }
            Fault::SumsEvents => {
                for placed in &mut batch.events {
                    placed.event.impression = Some(ImpressionId(u128::from(placed.offset)));
                }
                self.inner.fold(batch).await
            }
            Fault::SkipsGaps => {
                batch.first = 0;
                self.inner.fold(batch).await
            }
            Fault::CountsPresses => self.inner.fold(batch).await,
        }
    }
    async fn totals(&self, videos: &[VideoId]) -> Result<Vec<Totals>, EngagementError> {
        self.inner.totals(videos).await
    }
    async fn windows(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>, EngagementError> {
        self.inner.windows(video, from, to).await
    }
    async fn hot(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>, EngagementError> {
        self.inner.hot(now, limit).await
    }
    async fn react(&self, mut r: Reaction) -> Result<u64, EngagementError> {
        if self.fault == Fault::CountsPresses && r.on {
            r.viewer = UserId(self.next.fetch_add(1, Ordering::SeqCst) + 10_000);
        }
        self.inner.react(r).await
    }
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), EngagementError> {
        self.inner.merge(from, into).await
    }
    async fn forget(&self, before: Millis) -> Result<(), EngagementError> {
        self.inner.forget(before).await
    }
}

fn broken(fault: Fault) -> impl Fn() -> Arc<dyn EngagementStore> + Send + Sync + 'static {
    move || Arc::new(Broken { inner: MemoryEngagementStore::default(), fault, next: AtomicU64::new(0) })
}

fn main() {
    let mut all =
        trials("memory", cases(), || Arc::new(MemoryEngagementStore::default()) as Arc<dyn EngagementStore>);
    all.push(saboteur(
        "forgets_the_offset",
        cases,
        broken(Fault::ForgetsTheOffset),
        &[
            "a_stretch_that_comes_again_changes_nothing",
            "stretches_may_be_cut_anywhere",
            "a_gap_is_refused",
            "any_order_gives_the_sum_of_the_set",
            "an_earlier_event_moves_the_impression_to_its_hour",
            "forgetting_keeps_the_counts",
        ],
    ));
    all.push(saboteur(
        "sums_events",
        cases,
        broken(Fault::SumsEvents),
        &[
            "an_impression_is_one_view_however_many_events",
            "a_stretch_that_comes_again_changes_nothing",
            "stretches_may_be_cut_anywhere",
            "a_gap_is_refused",
            "any_order_gives_the_sum_of_the_set",
            "an_earlier_event_moves_the_impression_to_its_hour",
            "forgetting_keeps_the_counts",
        ],
    ));
    all.push(saboteur(
        "counts_presses",
        cases,
        broken(Fault::CountsPresses),
        &["likes_are_the_size_of_a_set", "racing_likes_count_once_each", "a_merge_counts_nobody_twice"],
    ));
    all.push(saboteur("skips_gaps", cases, broken(Fault::SkipsGaps), &["a_gap_is_refused"]));
    testkit::main(all);
}
