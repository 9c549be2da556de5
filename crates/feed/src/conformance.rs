//! What every warm queue and every seen store promises.

use crate::policy::FeedPolicy;
use crate::port::{Queued, Refusal, SeenStore, Take, Taken, Turn, WarmQueue};
use crate::reason::Reason;
use std::collections::HashSet;
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{Millis, UserId, VideoId};

type Queue = Arc<dyn WarmQueue>;
type Seen = Arc<dyn SeenStore>;

const T0: Millis = Millis(1_767_225_600_000);
const VIEWER: UserId = UserId(1);

/// The engine is built with the default sizes and spans.
pub fn queue_cases() -> Vec<Case<Queue>> {
    vec![
        case("what_is_filled_is_taken_in_order", what_is_filled_is_taken_in_order),
        case("the_same_turn_gives_the_same_page", the_same_turn_gives_the_same_page),
        case("a_turn_far_back_is_remembered_within_the_ring", a_turn_far_back_is_remembered_within_the_ring),
        case("an_empty_page_is_not_remembered", an_empty_page_is_not_remembered),
        case("nothing_served_is_filled_again", nothing_served_is_filled_again),
        case("nothing_waits_twice", nothing_waits_twice),
        case(
            "a_fill_of_a_passed_generation_comes_to_nothing",
            a_fill_of_a_passed_generation_comes_to_nothing,
        ),
        case("a_take_of_a_passed_generation_gives_nothing", a_take_of_a_passed_generation_gives_nothing),
        case("an_invalidation_keeps_the_next_few", an_invalidation_keeps_the_next_few),
        case("the_queue_never_exceeds_its_cap", the_queue_never_exceeds_its_cap),
        case("the_refused_are_dropped_and_never_served", the_refused_are_dropped_and_never_served),
        case("stale_ids_are_not_given", stale_ids_are_not_given),
        case("served_ids_may_return_after_their_span", served_ids_may_return_after_their_span),
        case("racing_turns_share_nothing", racing_turns_share_nothing),
        case("viewers_do_not_share", viewers_do_not_share),
        case("a_merge_brings_what_was_served", a_merge_brings_what_was_served),
    ]
}

pub fn seen_cases() -> Vec<Case<Seen>> {
    vec![
        case("what_is_marked_is_found", what_is_marked_is_found),
        case("the_latest_sighting_counts", the_latest_sighting_counts),
        case("the_oldest_beyond_the_cap_are_forgotten", the_oldest_beyond_the_cap_are_forgotten),
        case("refusals_are_kept_and_forgiven", refusals_are_kept_and_forgiven),
        case("seen_is_kept_per_viewer", seen_is_kept_per_viewer),
        case("a_merge_brings_seen_and_refusals", a_merge_brings_seen_and_refusals),
    ]
}

fn queued(ids: impl IntoIterator<Item = u64>) -> Vec<Queued> {
    let reason = |id: u64| Reason::ALL[(id % 4) as usize];
    ids.into_iter().map(|id| Queued { video: VideoId(id), reason: reason(id) }).collect()
}

fn turn(page: u32) -> Turn {
    Turn { session: u64::MAX - 3, page }
}

async fn fill(queue: &Queue, ids: impl IntoIterator<Item = u64>, now: Millis) -> usize {
    let generation = queue.look(VIEWER, turn(u32::MAX), now).await.expect("looks").generation;
    queue.fill(VIEWER, generation, queued(ids), now).await.expect("fills")
}

async fn take(queue: &Queue, page: u32, n: usize, now: Millis) -> Taken {
    let take = Take { turn: turn(page), n, refuse: HashSet::new(), generation: None, now };
    queue.take(VIEWER, take).await.expect("takes")
}

fn ids(page: &[Queued]) -> Vec<u64> {
    page.iter().map(|q| q.video.0).collect()
}

async fn what_is_filled_is_taken_in_order(queue: Queue) {
    assert_eq!(fill(&queue, 1..=25, T0).await, 25);
    let first = take(&queue, 0, 10, T0).await;
    assert_eq!((first.page, first.replayed, first.remaining), (queued(1..=10), false, 15));
    let second = take(&queue, 1, 20, T0).await;
    assert_eq!((second.page, second.remaining), (queued(11..=25), 0));
    let looked = queue.look(VIEWER, turn(1), T0).await.expect("looks");
    assert_eq!((looked.items, looked.given), (vec![], Some(queued(11..=25))));
    assert_eq!(looked.recent, (6..=25).map(VideoId).collect::<Vec<_>>());
}

async fn the_same_turn_gives_the_same_page(queue: Queue) {
    fill(&queue, 1..=40, T0).await;
    let first = take(&queue, 0, 10, T0).await;
    take(&queue, 1, 10, T0).await;
    for n in [10, 20, 5] {
        let again = take(&queue, 0, n, Millis(T0.0 + 60_000)).await;
        assert_eq!((again.page, again.replayed, again.remaining), (first.page.clone(), true, 20));
    }
    assert_eq!(ids(&take(&queue, 2, 10, T0).await.page), (21..=30).collect::<Vec<_>>());
}

async fn a_turn_far_back_is_remembered_within_the_ring(queue: Queue) {
    for page in 0..60u32 {
        let from = u64::from(page) * 10;
        fill(&queue, from..from + 10, T0).await;
        take(&queue, page, 10, Millis(T0.0 + i64::from(page))).await;
    }
    let served = queue.served(VIEWER, T0).await.expect("answers");
    let ring = FeedPolicy::default().served_ring;
    assert!((ring..ring + 20).contains(&served.len()), "{} remembered", served.len());
    let given = |page| {
        let queue = Arc::clone(&queue);
        async move { queue.look(VIEWER, turn(page), T0).await.expect("looks").given }
    };
    assert_eq!(given(20).await, Some(queued(200..210)));
    assert_eq!(given(0).await, None);
}

async fn an_empty_page_is_not_remembered(queue: Queue) {
    assert_eq!(take(&queue, 0, 10, T0).await, Taken::default());
    fill(&queue, 1..=3, T0).await;
    assert_eq!(ids(&take(&queue, 0, 10, T0).await.page), [1, 2, 3]);
}

async fn nothing_served_is_filled_again(queue: Queue) {
    fill(&queue, 1..=10, T0).await;
    take(&queue, 0, 6, T0).await;
    assert_eq!(fill(&queue, 1..=12, T0).await, 2);
    assert_eq!(ids(&take(&queue, 1, 20, T0).await.page), [7, 8, 9, 10, 11, 12]);
}

async fn nothing_waits_twice(queue: Queue) {
    fill(&queue, [1, 2, 2, 1, 3], T0).await;
    fill(&queue, [3, 4], T0).await;
    assert_eq!(ids(&take(&queue, 0, 20, T0).await.page), [1, 2, 3, 4]);
}

async fn a_fill_of_a_passed_generation_comes_to_nothing(queue: Queue) {
    let before = queue.look(VIEWER, turn(0), T0).await.expect("looks").generation;
    queue.invalidate(VIEWER, 5).await.expect("invalidates");
    assert_eq!(queue.fill(VIEWER, before, queued(1..=5), T0).await.expect("answers"), 0);
    assert_eq!(fill(&queue, 6..=7, T0).await, 2);
    assert_eq!(ids(&take(&queue, 0, 10, T0).await.page), [6, 7]);
}

async fn a_take_of_a_passed_generation_gives_nothing(queue: Queue) {
    fill(&queue, 1..=20, T0).await;
    let of = |page, generation| {
        let generation = Some(generation);
        Take { turn: turn(page), n: 3, refuse: HashSet::new(), generation, now: T0 }
    };
    let before = queue.look(VIEWER, turn(0), T0).await.expect("looks").generation;
    let first = queue.take(VIEWER, of(0, before)).await.expect("takes");
    assert_eq!((ids(&first.page), first.passed), (vec![1, 2, 3], false));
    queue.look(VIEWER, turn(1), T0).await.expect("looks");
    queue.invalidate(VIEWER, 5).await.expect("invalidates");
    for _ in 0..2 {
        let late = queue.take(VIEWER, of(1, before)).await.expect("answers");
        assert_eq!((late.page, late.passed, late.remaining), (vec![], true, 5));
    }
    // What was given is given again, whatever passed since.
    assert_eq!(queue.take(VIEWER, of(0, before)).await.expect("takes").page, first.page);
    let now = queue.look(VIEWER, turn(1), T0).await.expect("looks").generation;
    assert_eq!(ids(&queue.take(VIEWER, of(1, now)).await.expect("takes").page), [4, 5, 6]);
}

async fn an_invalidation_keeps_the_next_few(queue: Queue) {
    fill(&queue, 1..=50, T0).await;
    queue.invalidate(VIEWER, 5).await.expect("invalidates");
    assert_eq!(ids(&take(&queue, 0, 20, T0).await.page), [1, 2, 3, 4, 5]);
    // Dropped is not served: it may be ranked again.
    assert_eq!(fill(&queue, 6..=8, T0).await, 3);
}

async fn the_queue_never_exceeds_its_cap(queue: Queue) {
    let max = FeedPolicy::default().queue_max;
    assert_eq!(fill(&queue, 1..=150, T0).await, 150);
    assert_eq!(fill(&queue, 151..=400, T0).await, max - 150);
    assert_eq!(fill(&queue, 401..=410, T0).await, 0);
    assert_eq!(queue.look(VIEWER, turn(0), T0).await.expect("looks").items.len(), max);
}

async fn the_refused_are_dropped_and_never_served(queue: Queue) {
    fill(&queue, 1..=10, T0).await;
    let refuse = [2, 3, 9].into_iter().map(VideoId).collect();
    let taken = queue
        .take(VIEWER, Take { turn: turn(0), n: 4, refuse, generation: None, now: T0 })
        .await
        .expect("takes");
    assert_eq!((ids(&taken.page), taken.remaining), (vec![1, 4, 5, 6], 4));
    assert!(!queue.served(VIEWER, T0).await.expect("answers").contains(&VideoId(2)));
}

async fn stale_ids_are_not_given(queue: Queue) {
    fill(&queue, 1..=30, T0).await;
    let later = Millis(T0.0 + FeedPolicy::default().queue_ttl.0 + 1);
    assert!(queue.look(VIEWER, turn(0), later).await.expect("looks").items.is_empty());
    assert_eq!(take(&queue, 0, 10, later).await.page, []);
    assert_eq!(fill(&queue, [7, 8], later).await, 2);
    assert_eq!(ids(&take(&queue, 0, 10, later).await.page), [7, 8]);
}

async fn served_ids_may_return_after_their_span(queue: Queue) {
    fill(&queue, 1..=5, T0).await;
    take(&queue, 0, 5, T0).await;
    let span = FeedPolicy::default().served_ttl.0;
    assert_eq!(queue.served(VIEWER, Millis(T0.0 + span)).await.expect("answers").len(), 5);
    let later = Millis(T0.0 + span + 1);
    assert!(queue.served(VIEWER, later).await.expect("answers").is_empty());
    assert_eq!(fill(&queue, 1..=5, later).await, 5);
}

async fn racing_turns_share_nothing(queue: Queue) {
    fill(&queue, 1..=160, T0).await;
    let racers: Vec<_> = (0..16u32)
        .map(|n| {
            let queue = Arc::clone(&queue);
            // Every turn is asked for twice, as a phone with a bad network does.
            tokio::spawn(async move { (n / 2, take(&queue, n / 2, 10, T0).await.page) })
        })
        .collect();
    let mut pages: Vec<(u32, Vec<Queued>)> = Vec::new();
    for racer in racers {
        pages.push(racer.await.expect("no panic"));
    }
    pages.sort_by_key(|(n, _)| *n);
    let mut all = HashSet::new();
    for pair in pages.chunks(2) {
        assert_eq!(pair[0], pair[1]);
        assert_eq!(pair[0].1.len(), 10);
        assert!(pair[0].1.iter().all(|q| all.insert(q.video)), "a video was given twice");
    }
}

async fn viewers_do_not_share(queue: Queue) {
    fill(&queue, 1..=10, T0).await;
    take(&queue, 0, 5, T0).await;
    let other = queue.look(UserId(2), turn(0), T0).await.expect("looks");
    assert_eq!((other.items, other.given, other.recent), (vec![], None, vec![]));
    assert!(queue.served(UserId(2), T0).await.expect("answers").is_empty());
}

async fn a_merge_brings_what_was_served(queue: Queue) {
    fill(&queue, 1..=10, T0).await;
    take(&queue, 0, 5, T0).await;
    for _ in 0..2 {
        queue.merge(VIEWER, UserId(9)).await.expect("merges");
    }
    let served = queue.served(UserId(9), T0).await.expect("answers");
    assert_eq!(served, (1..=5).map(VideoId).collect());
}

async fn seen_of(store: &Seen, viewer: u64, since: Millis) -> Vec<u64> {
    let all: Vec<VideoId> = (0..100).map(VideoId).collect();
    let mut seen: Vec<u64> =
        store.among(UserId(viewer), &all, since).await.expect("answers").into_iter().map(|v| v.0).collect();
    seen.sort_unstable();
    seen
}

async fn what_is_marked_is_found(store: Seen) {
    store.mark(VIEWER, &[(VideoId(1), T0), (VideoId(2), Millis(T0.0 + 5))]).await.expect("marks");
    assert_eq!(seen_of(&store, 1, Millis(0)).await, [1, 2]);
    assert_eq!(seen_of(&store, 1, Millis(T0.0 + 1)).await, [2]);
    assert!(store.among(VIEWER, &[], Millis(0)).await.expect("answers").is_empty());
}

async fn the_latest_sighting_counts(store: Seen) {
    for at in [T0, Millis(T0.0 + 9), Millis(T0.0 + 3)] {
        store.mark(VIEWER, &[(VideoId(1), at)]).await.expect("marks");
    }
    assert_eq!(seen_of(&store, 1, Millis(T0.0 + 9)).await, [1]);
    assert_eq!(seen_of(&store, 1, Millis(T0.0 + 10)).await, [0u64; 0]);
}

async fn the_oldest_beyond_the_cap_are_forgotten(store: Seen) {
    let max = FeedPolicy::default().seen_max as u64;
    let all: Vec<(VideoId, Millis)> = (0..max + 7).map(|n| (VideoId(n), Millis(T0.0 + n as i64))).collect();
    for step in all.chunks(900) {
        store.mark(VIEWER, step).await.expect("marks");
    }
    assert_eq!(seen_of(&store, 1, Millis(0)).await, (7..100).collect::<Vec<_>>());
}

async fn refusals_are_kept_and_forgiven(store: Seen) {
    for what in [Refusal::Video(VideoId(1)), Refusal::Owner(UserId(1)), Refusal::Owner(UserId(2))] {
        for _ in 0..2 {
            store.refuse(VIEWER, what, T0).await.expect("refuses");
        }
    }
    store.forgive(VIEWER, Refusal::Owner(UserId(2))).await.expect("forgives");
    store.forgive(VIEWER, Refusal::Owner(UserId(3))).await.expect("forgives");
    let refusals = store.refusals(VIEWER).await.expect("answers");
    assert_eq!(refusals.videos, HashSet::from([VideoId(1)]));
    assert_eq!(refusals.owners, HashSet::from([UserId(1)]));
    assert_eq!(store.refusals(UserId(5)).await.expect("answers"), Default::default());
}

async fn seen_is_kept_per_viewer(store: Seen) {
    store.mark(VIEWER, &[(VideoId(1), T0)]).await.expect("marks");
    assert_eq!(seen_of(&store, 2, Millis(0)).await, [0u64; 0]);
}

async fn a_merge_brings_seen_and_refusals(store: Seen) {
    store.mark(VIEWER, &[(VideoId(1), T0), (VideoId(2), T0)]).await.expect("marks");
    store.mark(UserId(9), &[(VideoId(2), Millis(T0.0 + 9)), (VideoId(3), T0)]).await.expect("marks");
    store.refuse(VIEWER, Refusal::Owner(UserId(4)), T0).await.expect("refuses");
    for _ in 0..2 {
        store.merge(VIEWER, UserId(9)).await.expect("merges");
    }
    assert_eq!(seen_of(&store, 9, Millis(0)).await, [1, 2, 3]);
    assert_eq!(seen_of(&store, 9, Millis(T0.0 + 1)).await, [2]);
    assert!(store.refusals(UserId(9)).await.expect("answers").owners.contains(&UserId(4)));
}
