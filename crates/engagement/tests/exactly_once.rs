//! From the wire to the counters: whatever is resent, reordered or interrupted, the counts are those of the set.

use async_trait::async_trait;
use catalog::{LibraryStore, MemoryLibraryStore, Shelf};
use engagement::fold::Deps;
use engagement::{
    EngagementPolicy, EngagementStore, Fold, History, Hour, MemoryEngagementStore, Observed, Reactions,
    Watcher,
};
use events::{Encoding, EventLog, EventPolicy, Format, Ingest, MemoryEventLog, Sender};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stdx::{Clock, Fault, ManualClock, SeededEntropy};
use vocab::{DeviceId, UserId, VideoId};

/// Fails whenever its countdown says so: the consumer dies between telling and counting.
struct Dying(AtomicUsize);

#[async_trait]
impl Watcher for Dying {
    async fn observed(&self, _: &[Observed]) -> Result<(), Fault> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(()),
            n => {
                self.0.store(n - 1, Ordering::SeqCst);
                Err(Fault::unavailable("the process died here"))
            }
        }
    }
}

struct World {
    ingest: Ingest,
    store: Arc<MemoryEngagementStore>,
    fold: Fold,
    dying: Arc<Dying>,
    library: Arc<MemoryLibraryStore>,
    clock: Arc<ManualClock>,
}

fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let log: Arc<dyn EventLog> = Arc::new(MemoryEventLog::default());
    let store = Arc::new(MemoryEngagementStore::default());
    let library = Arc::new(MemoryLibraryStore::default());
    let dying = Arc::new(Dying(AtomicUsize::new(0)));
    let ingest = Ingest::new(events::Deps {
        log: Arc::clone(&log),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        entropy: Arc::new(SeededEntropy::new(1)),
        policy: EventPolicy::default(),
    });
    let history = Arc::new(History::new(Arc::clone(&library) as Arc<dyn LibraryStore>));
    let fold = Fold::new(Deps {
        log,
        store: Arc::clone(&store) as Arc<dyn EngagementStore>,
        watchers: vec![history, Arc::clone(&dying) as Arc<dyn Watcher>],
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        policy: EngagementPolicy { fold_batch: 7, ..EngagementPolicy::default() },
    });
    World { ingest, store, fold, dying, library, clock }
}

/// Event `n`: viewer, video and showing follow from it; three progress events make one impression.
fn body(range: std::ops::Range<u64>) -> String {
    let one = |n: u64| {
        let kind = ["impression", "dwell", "view_end"][(n % 3) as usize];
        let dwell = (n % 3) * 1_500;
        format!(
            r#"{{"seq":{n},"type":"{kind}","video_id":"{}","impression_id":"{}","dwell_ms":{dwell},"duration_ms":9000}}"#,
            VideoId(n / 3 % 4 + 1),
            vocab::ImpressionId(u128::from(n / 3)),
        )
    };
    let events: Vec<String> = range.map(one).collect();
    format!(r#"{{"epoch":5,"sent_at":1000,"events":[{}]}}"#, events.join(","))
}

#[derive(Debug, Clone)]
enum Step {
    /// Sends the next `n` events and, `again` times, the same once more.
    Send {
        n: u64,
        again: u8,
    },
    /// Resends everything of the last `back` numbers.
    Resend {
        back: u64,
    },
    Fold,
    FoldAndDie,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..30, 0u8..3).prop_map(|(n, again)| Step::Send { n, again }),
        (1u64..60).prop_map(|back| Step::Resend { back }),
        Just(Step::Fold),
        Just(Step::FoldAndDie),
    ]
}

async fn send(w: &World, range: std::ops::Range<u64>) {
    let sender = Sender { viewer: UserId(1), device: DeviceId(1) };
    let text = body(range);
    w.ingest.accept(sender, text.as_bytes(), Encoding::Identity, Format::Json).await.expect("durable");
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let w = world();
    let mut sent = 0u64;
    for step in steps {
        match step {
            Step::Send { n, again } => {
                for _ in 0..=again {
                    send(&w, sent..sent + n).await;
                }
                sent += n;
            }
            Step::Resend { back } => send(&w, sent.saturating_sub(back)..sent).await,
            Step::Fold => drop(w.fold.drain().await),
            Step::FoldAndDie => {
                w.dying.0.store(1, Ordering::SeqCst);
                let _ = w.fold.drain().await;
                w.dying.0.store(0, Ordering::SeqCst);
            }
        }
        w.clock.advance(vocab::Millis(100));
    }
    w.fold.drain().await.expect("folds");
    for video in 1..=4u64 {
        let of =
            |kind: u64| (0..sent).filter(move |n| n / 3 % 4 + 1 == video && n % 3 >= kind).map(|n| n / 3);
        let impressions: std::collections::BTreeSet<u64> = of(0).collect();
        let views: std::collections::BTreeSet<u64> = of(2).collect();
        let t = w.store.totals(&[VideoId(video)]).await.expect("answers")[0].counters;
        prop_assert_eq!((t.impressions, t.views), (impressions.len() as i64, views.len() as i64));
        let dwelled: std::collections::BTreeMap<u64, i64> =
            (0..sent).filter(|n| n / 3 % 4 + 1 == video).map(|n| (n / 3, (n % 3) as i64 * 1_500)).collect();
        prop_assert_eq!(t.dwell_ms, dwelled.values().sum::<i64>());
        let watched = w.library.list(UserId(1), Shelf::History, None, 10).await.expect("lists");
        prop_assert_eq!(watched.iter().any(|(_, v)| *v == VideoId(video)), !views.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn counts_are_those_of_the_set(steps in prop::collection::vec(step(), 1..25)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(run(steps))?;
    }
}

#[tokio::test]
async fn shelf_and_count_agree_whatever_is_pressed_at_once() {
    let w = world();
    let reactions = Arc::new(Reactions::new(w.library.clone(), w.store.clone(), w.clock.clone()));
    let presses: Vec<_> = (0..200u64)
        .map(|n| {
            let reactions = Arc::clone(&reactions);
            tokio::spawn(async move {
                reactions.like(UserId(n % 7), VideoId(1), n % 3 != 0).await.expect("likes")
            })
        })
        .collect();
    for press in presses {
        press.await.expect("no panic");
    }
    let mut on_shelves = 0;
    for viewer in 0..7 {
        on_shelves +=
            w.library.contains(UserId(viewer), Shelf::Likes, &[VideoId(1)]).await.expect("answers").len();
    }
    let t = w.store.totals(&[VideoId(1)]).await.expect("answers")[0];
    assert_eq!(t.likes, on_shelves as u64);
    reactions.merge(UserId(1), UserId(2)).await.expect("merges");
    let hour = Hour::of(w.clock.now());
    let windows = w.store.windows(VideoId(1), hour, Hour(hour.0 + 1)).await.expect("answers");
    let t = w.store.totals(&[VideoId(1)]).await.expect("answers")[0];
    assert_eq!(windows.iter().map(|w| w.likes).sum::<i64>(), t.likes as i64);
}
