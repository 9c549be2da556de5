//! A consumer killed between any two of its writes, and what its successor makes of it.

use super::support::dying::{Life, mortal};
use super::support::{Storm, block_on, dynamo, through};
use aws::dynamo::Dynamo;
use aws::engagement::{DynamoEngagementStore, ENGAGEMENT_AGG, TABLES};
use engagement::{
    EngagementPolicy, EngagementStore, Hour, MemoryEngagementStore, Reaction, ReactionKind, ShardBatch,
};
use events::{EventKind, Measures, Placed, Recorded};
use testkit::Trial;
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

const T0: Millis = Millis(1_767_225_600_000);
const EVENTS: u64 = 50;
const VIDEOS: u64 = 3;

pub fn trials() -> Vec<Trial> {
    let named = |name: &str, test: fn()| {
        Trial::test(format!("kills::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        named("a_fold_killed_anywhere_and_repeated_counts_the_same", a_killed_fold),
        named("consumers_of_one_shard_at_once_count_once", consumers_at_once),
        named("a_consumer_that_wakes_late_changes_nothing", late_consumer),
        named("a_reaction_killed_anywhere_and_repeated_counts_once", a_killed_reaction),
        named("a_merge_killed_anywhere_and_repeated_counts_nobody_twice", a_killed_merge),
    ]
}

/// Showings that grow, move between hours and back, and are skipped.
fn events() -> Vec<Placed> {
    let event = |n: u64| {
        let mix = n.wrapping_mul(2_654_435_761) >> 7;
        let (viewer, video) = (1 + mix % 4, 1 + (mix / 5) % VIDEOS);
        let dwell = (mix % 13_000) as i64;
        let at = Millis(T0.0 + (mix % 10_800_000) as i64);
        let event = Recorded {
            viewer: UserId(viewer),
            device: DeviceId(u128::from(viewer)),
            epoch: 1,
            seq: n,
            kind: EventKind::ALL[(mix % 9) as usize],
            at,
            received_at: at,
            raw_ts: None,
            raw_sent_at: None,
            video: Some(VideoId(video)),
            impression: mix.is_multiple_of(3).then(|| ImpressionId(u128::from(mix % 7))),
            measures: Measures {
                dwell_ms: Some(dwell),
                watched_ms: Some(dwell),
                duration_ms: Some(10_000),
                ..Measures::default()
            },
        };
        Placed { offset: n, event }
    };
    (0..EVENTS).map(event).collect()
}

fn stretch(first: u64, next: u64) -> ShardBatch {
    let events = events().into_iter().filter(|p| p.offset >= first && p.offset < next).collect();
    ShardBatch { shard: 0, first, next, events }
}

fn store(dynamo: Dynamo) -> DynamoEngagementStore {
    DynamoEngagementStore::new(dynamo, EngagementPolicy::default())
}

async fn same(found: &dyn EngagementStore, expected: &dyn EngagementStore, what: &str) {
    let end = Millis(T0.0 + 20_000_000);
    let first = Hour::of(T0);
    for video in (1..=VIDEOS).map(VideoId) {
        let a = found.totals(&[video]).await.expect("answers")[0];
        let b = expected.totals(&[video]).await.expect("answers")[0];
        assert_eq!((a.counters, a.reached), (b.counters, b.reached), "{what}: totals of {video}");
        assert_eq!((a.likes, a.shares), (b.likes, b.shares), "{what}: reactions of {video}");
        let (ha, hb) = (a.heat.at(end).h60, b.heat.at(end).h60);
        assert!((ha - hb).abs() < 1e-6, "{what}: heat of {video}: {ha} {hb}");
        let to = Hour(first.0 + 10);
        let a = found.windows(video, first, to).await.expect("answers");
        let b = expected.windows(video, first, to).await.expect("answers");
        assert_eq!(a, b, "{what}: windows of {video}");
    }
}

/// The rest of the log, cut as an unlucky successor might cut it.
const CUTS: [&[(u64, u64)]; 4] = [
    &[(15, EVENTS)],
    &[(15, 22), (22, 23), (20, EVENTS)],
    &[(0, 31), (31, EVENTS)],
    &[(10, 40), (40, 41), (41, EVENTS)],
];

fn a_killed_fold() {
    let expected = MemoryEngagementStore::default();
    block_on(expected.fold(stretch(0, EVENTS))).expect("folds");
    let mut writes = u64::MAX;
    let mut n = 0;
    while n <= writes {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            let successor = store(whole.clone());
            successor.fold(stretch(0, 15)).await.expect("folds");
            let life = Life::of(n);
            let done = store(mortal(&whole, &ENGAGEMENT_AGG, &life).await).fold(stretch(15, 40)).await;
            if done.is_ok() {
                writes = n.min(writes);
                assert!(n > 10, "a fold of {n} writes is no test");
            }
            // A second victim, with other bounds and another end.
            let life = Life::of(n * 7 % 23);
            let _ = store(mortal(&whole, &ENGAGEMENT_AGG, &life).await).fold(stretch(12, 33)).await;
            let folded = successor.folded(0).await.expect("answers");
            for (first, next) in CUTS[n as usize % CUTS.len()] {
                successor.fold(stretch((*first).min(folded), *next)).await.expect("folds");
            }
            assert_eq!(successor.folded(0).await.expect("answers"), EVENTS);
            same(&successor, &expected, &format!("killed after {n} writes")).await;
        });
        n += 1;
    }
}

fn consumers_at_once() {
    let expected = MemoryEngagementStore::default();
    block_on(expected.fold(stretch(0, EVENTS))).expect("folds");
    for round in 0..6u64 {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            let mut consumers = Vec::new();
            for c in 0..3u64 {
                let process = through(&whole, &ENGAGEMENT_AGG, aws::sdk::http_client()).await;
                consumers.push(async move {
                    let store = store(process);
                    loop {
                        let first = store.folded(0).await.expect("answers");
                        if first >= EVENTS {
                            return;
                        }
                        let next = (first + 3 + (first * 7 + c * 5 + round) % 17).min(EVENTS);
                        store.fold(stretch(first, next)).await.expect("folds");
                    }
                });
            }
            futures::future::join_all(consumers).await;
            same(&store(whole), &expected, &format!("round {round}")).await;
        });
    }
}

/// A showing that moves to an earlier hour with every event; the sleeper knows only of the first move.
fn late_consumer() {
    let moving = |n: i64| {
        let mut placed = events().swap_remove(0);
        placed.offset = n as u64;
        placed.event.kind = EventKind::ViewEnd;
        placed.event.at = Millis(T0.0 + (5 - n) * 3_600_000);
        placed.event.measures.dwell_ms = Some(9_000);
        placed
    };
    let stretch = |next: i64| {
        let events: Vec<_> = (0..next).map(moving).collect();
        ShardBatch { shard: 0, first: 0, next: next as u64, events }
    };
    let expected = MemoryEngagementStore::default();
    block_on(expected.fold(stretch(4))).expect("folds");
    for at in 1..=6 {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            let (life, pause) = Life::pausing(at);
            let sleeper = store(mortal(&whole, &ENGAGEMENT_AGG, &life).await);
            let short = stretch(2);
            let sleeper = tokio::spawn(async move { sleeper.fold(short).await });
            pause.reached.notified().await;
            let other = store(whole.clone());
            other.fold(stretch(4)).await.expect("folds");
            pause.over.notify_one();
            sleeper.await.expect("no panic").expect("folds");
            assert_eq!(other.folded(0).await.expect("answers"), 4);
            same(&other, &expected, &format!("asleep at write {at}")).await;
        });
    }
}

fn reaction(viewer: u64, kind: ReactionKind, on: bool, hours: i64) -> Reaction {
    let at = Millis(T0.0 + hours * 3_600_000);
    Reaction { viewer: UserId(viewer), video: VideoId(1), kind, on, at }
}

/// Kills `act` after every number of writes, repeats it, and compares with memory.
fn kill_anywhere(before: &[Reaction], act: impl AsyncFn(&dyn EngagementStore) -> bool) {
    let expected = MemoryEngagementStore::default();
    for r in before {
        block_on(expected.react(*r)).expect("reacts");
    }
    assert!(block_on(act(&expected)));
    for n in 0.. {
        let whole = dynamo(TABLES, Storm::Calm);
        let done = block_on(async {
            let successor = store(whole.clone());
            for r in before {
                successor.react(*r).await.expect("reacts");
            }
            let life = Life::of(n);
            let done = act(&store(mortal(&whole, &ENGAGEMENT_AGG, &life).await)).await;
            assert!(act(&successor).await);
            same(&successor, &expected, &format!("killed after {n} writes")).await;
            done
        });
        if done {
            assert!(n > 2, "{n} writes are no test");
            return;
        }
    }
}

fn a_killed_reaction() {
    let before = [reaction(1, ReactionKind::Like, true, 0), reaction(2, ReactionKind::Like, true, 1)];
    let like =
        async |s: &dyn EngagementStore| s.react(reaction(3, ReactionKind::Like, true, 2)).await.is_ok();
    kill_anywhere(&before, like);
    let unlike =
        async |s: &dyn EngagementStore| s.react(reaction(1, ReactionKind::Like, false, 9)).await.is_ok();
    kill_anywhere(&before, unlike);
}

fn a_killed_merge() {
    let before = [
        reaction(1, ReactionKind::Like, true, 0),
        reaction(1, ReactionKind::Share, true, 3),
        reaction(2, ReactionKind::Like, true, 1),
    ];
    let merge = async |s: &dyn EngagementStore| s.merge(UserId(1), UserId(2)).await.is_ok();
    kill_anywhere(&before, merge);
}
