//! What every engagement store promises.

use crate::hour::Hour;
use crate::impression::{Counters, Impression, ImpressionKey};
use crate::policy::EngagementPolicy;
use crate::port::{EngagementStore, Reaction, ReactionKind, ShardBatch, Totals};
use crate::retention;
use events::{EventKind, Measures, Placed, Recorded};
use std::collections::HashMap;
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

type Store = Arc<dyn EngagementStore>;

const T0: Millis = Millis(1_767_225_600_000);

pub fn cases() -> Vec<Case<Store>> {
    vec![
        case("an_impression_is_one_view_however_many_events", an_impression_is_one_view_however_many_events),
        case("a_stretch_that_comes_again_changes_nothing", a_stretch_that_comes_again_changes_nothing),
        case("stretches_may_be_cut_anywhere", stretches_may_be_cut_anywhere),
        case("a_gap_is_refused", a_gap_is_refused),
        case("shards_have_their_own_offsets", shards_have_their_own_offsets),
        case("any_order_gives_the_sum_of_the_set", any_order_gives_the_sum_of_the_set),
        case("windows_add_up_to_totals", windows_add_up_to_totals),
        case(
            "an_earlier_event_moves_the_impression_to_its_hour",
            an_earlier_event_moves_the_impression_to_its_hour,
        ),
        case("likes_are_the_size_of_a_set", likes_are_the_size_of_a_set),
        case("racing_likes_count_once_each", racing_likes_count_once_each),
        case("a_merge_counts_nobody_twice", a_merge_counts_nobody_twice),
        case("a_like_event_is_heat_and_no_like", a_like_event_is_heat_and_no_like),
        case("hot_is_what_is_watched_now", hot_is_what_is_watched_now),
        case("forgetting_keeps_the_counts", forgetting_keeps_the_counts),
        case("unknown_videos_have_zeros", unknown_videos_have_zeros),
    ]
}

/// An event of viewer 1 … about a video; everything else derived from `n`.
fn event(n: u64, viewer: u64, video: u64, kind: EventKind, dwell_ms: i64) -> Placed {
    let at = Millis(T0.0 + n as i64 * 1_000);
    let event = Recorded {
        viewer: UserId(viewer),
        device: DeviceId(u128::from(viewer)),
        epoch: 1,
        seq: n,
        kind,
        at,
        received_at: at,
        raw_ts: None,
        raw_sent_at: None,
        video: Some(VideoId(video)),
        impression: Some(ImpressionId(u128::from(viewer * 1_000 + video))),
        measures: Measures {
            dwell_ms: Some(dwell_ms),
            watched_ms: Some(dwell_ms),
            duration_ms: Some(10_000),
            ..Measures::default()
        },
    };
    Placed { offset: n, event }
}

fn batch(first: u64, events: &[Placed]) -> ShardBatch {
    let next = events.last().map_or(first, |p| p.offset + 1);
    ShardBatch { shard: 0, first, next, events: events.to_vec() }
}

async fn totals(store: &Store, video: u64) -> Totals {
    store.totals(&[VideoId(video)]).await.expect("answers")[0]
}

/// 120 events of 6 viewers and 4 videos, over three hours, of every kind.
fn busy_hours() -> Vec<Placed> {
    (0..120u64)
        .map(|n| {
            let mix = n.wrapping_mul(2_654_435_761) >> 7;
            let kind = EventKind::ALL[(mix % 9) as usize];
            let mut placed = event(n, 1 + mix % 6, 1 + (mix / 7) % 4, kind, (mix % 13_000) as i64);
            placed.event.at = Millis(T0.0 + (mix % 10_800_000) as i64);
            placed.event.impression = mix.is_multiple_of(5).then(|| ImpressionId(u128::from(mix % 11)));
            placed
        })
        .collect()
}

/// The counters of a *set* of events, by definition.
fn by_definition(events: &[Placed], video: u64) -> (Counters, f64, retention::Reached) {
    let policy = EngagementPolicy::default();
    let mut joined: HashMap<ImpressionKey, Impression> = HashMap::new();
    for placed in events {
        if let Some(key) = ImpressionKey::of(&placed.event).filter(|k| k.video == VideoId(video)) {
            joined.entry(key).or_default().absorb(&placed.event);
        }
    }
    let (mut counters, mut heat, mut reached) = (Counters::default(), crate::Heat::default(), [0u32; 21]);
    for impression in joined.values() {
        let c = impression.contribution(&policy);
        counters += c.counters;
        heat = heat.add(c.heat_at, c.heat_milli);
        if let Some(bin) = c.reached {
            reached[bin] += 1;
        }
    }
    (counters, heat.at(end()).h60, reached)
}

fn end() -> Millis {
    Millis(T0.0 + 20_000_000)
}

async fn expect_set(store: &Store, events: &[Placed]) {
    for video in 1..=4 {
        let (counters, heat, reached) = by_definition(events, video);
        let found = totals(store, video).await;
        assert_eq!((found.counters, found.reached), (counters, reached), "video {video}");
        let h60 = found.heat.at(end()).h60;
        assert!((h60 - heat).abs() < 1e-6, "video {video}: {h60} {heat}");
    }
}

async fn an_impression_is_one_view_however_many_events(store: Store) {
    let events = [
        event(0, 1, 1, EventKind::Impression, 0),
        event(1, 1, 1, EventKind::Dwell, 3_000),
        event(2, 1, 1, EventKind::Dwell, 6_000),
        event(3, 1, 1, EventKind::ViewEnd, 9_800),
        event(4, 2, 1, EventKind::ViewEnd, 1_000),
    ];
    assert_eq!(store.fold(batch(0, &events)).await.expect("folds"), 5);
    let t = totals(&store, 1).await;
    assert_eq!((t.counters.impressions, t.counters.views, t.counters.completions), (2, 1, 1));
    assert_eq!((t.counters.avg_dwell_ms(), t.reached[19], t.reached[2]), (5_400, 1, 1));
}

async fn a_stretch_that_comes_again_changes_nothing(store: Store) {
    let events = busy_hours();
    for _ in 0..3 {
        assert_eq!(store.fold(batch(0, &events)).await.expect("folds"), 120);
        assert_eq!(store.folded(0).await.expect("answers"), 120);
    }
    expect_set(&store, &events).await;
}

async fn stretches_may_be_cut_anywhere(store: Store) {
    let events = busy_hours();
    // Each stretch starts before the last one ended: a consumer that crashed after the write.
    for (from, to) in [(0, 17), (10, 40), (40, 41), (0, 90), (88, 120), (119, 120)] {
        store.fold(batch(from as u64, &events[from..to])).await.expect("folds");
    }
    expect_set(&store, &events).await;
}

async fn a_gap_is_refused(store: Store) {
    let events = busy_hours();
    store.fold(batch(0, &events[..10])).await.expect("folds");
    assert!(store.fold(batch(11, &events[11..])).await.is_err());
    assert_eq!(store.folded(0).await.expect("answers"), 10);
    expect_set(&store, &events[..10]).await;
}

async fn shards_have_their_own_offsets(store: Store) {
    let (a, b) = (event(0, 1, 1, EventKind::ViewEnd, 5_000), event(0, 2, 1, EventKind::ViewEnd, 5_000));
    store.fold(batch(0, &[a])).await.expect("folds");
    assert_eq!(store.folded(1).await.expect("answers"), 0);
    store.fold(ShardBatch { shard: 1, ..batch(0, &[b]) }).await.expect("folds");
    assert_eq!(totals(&store, 1).await.counters.views, 2);
}

async fn any_order_gives_the_sum_of_the_set(store: Store) {
    // Same events, other order, some twice under new offsets: what a log after crashes and resends holds.
    let set = busy_hours();
    let mut schedule: Vec<Placed> = set.iter().chain(&set[30..60]).cloned().collect();
    schedule.sort_by_key(|p| (p.offset.wrapping_mul(0x9E37_79B9) >> 5, p.offset));
    for (offset, placed) in schedule.iter_mut().enumerate() {
        placed.offset = offset as u64;
    }
    for step in schedule.chunks(13) {
        store.fold(batch(step[0].offset, step)).await.expect("folds");
    }
    expect_set(&store, &set).await;
}

async fn windows_add_up_to_totals(store: Store) {
    store.fold(batch(0, &busy_hours())).await.expect("folds");
    for viewer in 1..=3 {
        let at = Millis(T0.0 + viewer as i64 * 3_600_000);
        let r =
            Reaction { viewer: UserId(viewer), video: VideoId(1), kind: ReactionKind::Like, on: true, at };
        store.react(r).await.expect("reacts");
    }
    let first = Hour::of(T0);
    let windows = store.windows(VideoId(1), first, Hour(first.0 + 10)).await.expect("answers");
    assert!(windows.len() >= 3 && windows.windows(2).all(|w| w[0].hour < w[1].hour));
    let mut sum = Counters::default();
    windows.iter().for_each(|w| sum += w.counters);
    let t = totals(&store, 1).await;
    assert_eq!((sum, windows.iter().map(|w| w.likes).sum::<i64>()), (t.counters, 3));
    let part = store.windows(VideoId(1), Hour(first.0 + 1), Hour(first.0 + 2)).await.expect("answers");
    assert_eq!(part, windows.iter().filter(|w| w.hour == Hour(first.0 + 1)).copied().collect::<Vec<_>>());
}

async fn an_earlier_event_moves_the_impression_to_its_hour(store: Store) {
    let late = event(4_000, 1, 1, EventKind::ViewEnd, 5_000);
    let early = event(4_001, 1, 1, EventKind::Impression, 0);
    let early = Placed { event: Recorded { at: T0, ..early.event }, ..early };
    store.fold(batch(0, &[late])).await.expect("folds");
    store.fold(batch(4_001, &[early])).await.expect("folds");
    let hour = Hour::of(T0);
    let windows = store.windows(VideoId(1), hour, Hour(hour.0 + 5)).await.expect("answers");
    assert_eq!(windows.iter().map(|w| (w.hour, w.counters.views)).collect::<Vec<_>>(), [(hour, 1)]);
}

fn like(viewer: u64, on: bool, at: Millis) -> Reaction {
    Reaction { viewer: UserId(viewer), video: VideoId(1), kind: ReactionKind::Like, on, at }
}

async fn likes_are_the_size_of_a_set(store: Store) {
    for (viewer, on, expected) in
        [(1, true, 1), (1, true, 1), (2, true, 2), (1, false, 1), (1, false, 1), (3, false, 1), (1, true, 2)]
    {
        assert_eq!(store.react(like(viewer, on, T0)).await.expect("reacts"), expected);
    }
    let share = Reaction { kind: ReactionKind::Share, ..like(1, true, T0) };
    assert_eq!(store.react(share).await.expect("reacts"), 1);
    let t = totals(&store, 1).await;
    assert_eq!((t.likes, t.shares, t.counters), (2, 1, Counters::default()));
}

async fn racing_likes_count_once_each(store: Store) {
    let racers: Vec<_> = (0..40u64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.react(like(n % 10, true, T0)).await.expect("reacts") })
        })
        .collect();
    for racer in racers {
        racer.await.expect("no panic");
    }
    assert_eq!(totals(&store, 1).await.likes, 10);
}

async fn a_merge_counts_nobody_twice(store: Store) {
    for viewer in [1, 2, 3] {
        store.react(like(viewer, true, T0)).await.expect("reacts");
    }
    for _ in 0..2 {
        store.merge(UserId(1), UserId(2)).await.expect("merges");
    }
    assert_eq!(totals(&store, 1).await.likes, 2);
    assert_eq!(store.react(like(1, false, T0)).await.expect("reacts"), 2);
    store.merge(UserId(3), UserId(9)).await.expect("merges");
    assert_eq!(store.react(like(9, false, T0)).await.expect("reacts"), 1);
    let hour = Hour::of(T0);
    let windows = store.windows(VideoId(1), hour, Hour(hour.0 + 1)).await.expect("answers");
    assert_eq!(windows.iter().map(|w| w.likes).collect::<Vec<_>>(), [1]);
}

async fn a_like_event_is_heat_and_no_like(store: Store) {
    store.fold(batch(0, &[event(0, 1, 1, EventKind::Like, 0)])).await.expect("folds");
    let t = totals(&store, 1).await;
    assert_eq!((t.likes, t.heat.h15), (0, 3.0));
}

async fn hot_is_what_is_watched_now(store: Store) {
    let mut events = Vec::new();
    // Video 1 had its hour two hours ago, video 2 has it now, video 3 is skipped by everybody.
    for n in 0..40u64 {
        let old = event(events.len() as u64, n, 1, EventKind::ViewEnd, 9_900);
        events.push(old);
    }
    for n in 0..20u64 {
        for (video, kind, dwell) in [(2, EventKind::ViewEnd, 9_900), (3, EventKind::Skip, 500)] {
            let mut new = event(events.len() as u64, n, video, kind, dwell);
            new.event.at = Millis(T0.0 + 7_200_000);
            events.push(new);
        }
    }
    store.fold(batch(0, &events)).await.expect("folds");
    let hot = store.hot(Millis(T0.0 + 7_260_000), 10).await.expect("answers");
    assert_eq!(hot.iter().map(|(v, _)| v.0).collect::<Vec<_>>(), [2, 1]);
    assert!(hot[0].1.as_of == Millis(T0.0 + 7_260_000));
    assert_eq!(store.hot(Millis(T0.0 + 7_260_000), 1).await.expect("answers").len(), 1);
}

async fn forgetting_keeps_the_counts(store: Store) {
    let events = busy_hours();
    store.fold(batch(0, &events)).await.expect("folds");
    store.forget(Millis(i64::MAX)).await.expect("forgets");
    expect_set(&store, &events).await;
    assert_eq!(store.folded(0).await.expect("answers"), 120);
}

async fn unknown_videos_have_zeros(store: Store) {
    store.fold(batch(0, &[event(0, 1, 2, EventKind::ViewEnd, 5_000)])).await.expect("folds");
    let found = store.totals(&[VideoId(9), VideoId(2), VideoId(8)]).await.expect("answers");
    assert_eq!(found.iter().map(|t| t.counters.views).collect::<Vec<_>>(), [0, 1, 0]);
    assert!(store.totals(&[]).await.expect("answers").is_empty());
}
