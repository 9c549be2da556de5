//! Feed processes killed between any two writes, and several of them at once.

use super::support::dying::{Life, mortal};
use super::support::{Storm, block_on, dynamo, through};
use aws::dynamo::Dynamo;
use aws::feed::{DynamoSeenStore, DynamoWarmQueue, FEED_CACHE, SEEN, SeenRules, TABLES};
use feed::{QueueRules, Queued, Reason, Refusal, SeenStore, Take, Turn, WarmQueue};
use std::collections::HashSet;
use testkit::Trial;
use vocab::{Millis, UserId, VideoId};

const NOW: Millis = Millis(1_795_000_000_000);
const VIEWER: UserId = UserId(1);

pub fn trials() -> Vec<Trial> {
    let named = |name: &str, test: fn()| {
        Trial::test(format!("kills::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        named("a_fill_killed_anywhere_loses_no_page_and_repeats_no_video", killed_fill),
        named("a_take_killed_anywhere_gives_the_turn_one_page", killed_take),
        named("processes_share_a_queue_without_sharing_a_video", at_once),
        named("sightings_outlive_a_kill_anywhere_in_a_mark_and_its_compaction", killed_mark),
        named("a_merge_of_sightings_killed_anywhere_and_repeated_is_whole", killed_merge),
        named("processes_mark_at_once_and_nothing_is_lost", marked_at_once),
    ]
}

fn queue(dynamo: Dynamo) -> DynamoWarmQueue {
    DynamoWarmQueue::new(dynamo, QueueRules::default())
}

fn turn(page: u32) -> Turn {
    Turn { session: 0xA11CE << 40 | u64::from(page / 7), page }
}

fn take_of(page: u32) -> Take {
    Take { turn: turn(page), n: 20, refuse: HashSet::new(), generation: None, now: NOW }
}

async fn fill(queue: &DynamoWarmQueue, ids: std::ops::Range<u64>) -> Result<usize, stdx::Fault> {
    let generation = queue.look(VIEWER, turn(u32::MAX), NOW).await?.generation;
    let items = ids.map(|id| Queued { video: VideoId(id), reason: Reason::Fresh }).collect();
    queue.fill(VIEWER, generation, items, NOW).await
}

fn killed_fill() {
    for n in 0..=3 {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            let before = queue(whole.clone());
            let mut pages = Vec::new();
            for round in 0..2u32 {
                fill(&before, u64::from(round) * 180..u64::from(round) * 180 + 200).await.expect("fills");
                for page in 0..9 {
                    let page = round * 9 + page;
                    pages.push(before.take(VIEWER, take_of(page)).await.expect("takes").page);
                }
            }
            let victim = queue(mortal(&whole, &FEED_CACHE, &Life::of(n)).await);
            let done = fill(&victim, 300..600).await;
            assert_eq!(done.is_ok(), n >= 2, "a fill of a full row takes two writes");
            let successor = queue(whole.clone());
            // A page in between stands on whatever was left.
            pages.push(successor.take(VIEWER, take_of(18)).await.expect("takes").page);
            fill(&successor, 300..600).await.expect("fills");
            for page in 19..26 {
                pages.push(successor.take(VIEWER, take_of(page)).await.expect("takes").page);
            }
            for (page, given) in pages.iter().enumerate() {
                let again = successor.take(VIEWER, take_of(page as u32)).await.expect("takes");
                assert!(again.replayed && again.page == *given, "killed after {n}: page {page}");
            }
            let mut all = HashSet::new();
            assert!(pages.iter().flatten().all(|q| all.insert(q.video)), "killed after {n}: given twice");
            assert_eq!(successor.served(VIEWER, NOW).await.expect("answers"), all);
        });
    }
}

fn killed_take() {
    for n in 0..=1 {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            fill(&queue(whole.clone()), 0..100).await.expect("fills");
            let victim = queue(mortal(&whole, &FEED_CACHE, &Life::of(n)).await);
            let given = victim.take(VIEWER, take_of(0)).await;
            let successor = queue(whole.clone());
            let again = successor.take(VIEWER, take_of(0)).await.expect("takes");
            assert_eq!((given.is_ok(), again.replayed, again.page.len()), (n > 0, n > 0, 20));
            assert_eq!(successor.take(VIEWER, take_of(1)).await.expect("takes").page[0].video, VideoId(20));
        });
    }
}

fn at_once() {
    let whole = dynamo(TABLES, Storm::Calm);
    block_on(async {
        fill(&queue(whole.clone()), 0..200).await.expect("fills");
        let mut viewers = Vec::new();
        for p in 0..3u32 {
            let queue = queue(through(&whole, &FEED_CACHE, aws::sdk::http_client()).await);
            viewers.push(async move {
                let mut pages = Vec::new();
                for page in 0..5 {
                    // Pages 0 to 4 of one client that asks everywhere, and one page of another's own.
                    queue.look(VIEWER, turn(page), NOW).await.expect("looks");
                    pages.push((page, queue.take(VIEWER, take_of(page)).await.expect("takes").page));
                    let own = 100 + p * 10 + page;
                    pages.push((
                        own,
                        queue.take(VIEWER, Take { n: 3, ..take_of(own) }).await.expect("takes").page,
                    ));
                    fill(&queue, 1_000 + u64::from(page) * 40..1_000 + u64::from(page) * 40 + 60)
                        .await
                        .expect("fills");
                }
                pages
            });
        }
        let mut given = std::collections::BTreeMap::new();
        for (page, items) in futures::future::join_all(viewers).await.into_iter().flatten() {
            assert_eq!(*given.entry(page).or_insert_with(|| items.clone()), items, "page {page}");
        }
        let mut all = HashSet::new();
        assert!(given.values().flatten().all(|q| all.insert(q.video)), "given twice");
        assert!(given.values().all(|page| !page.is_empty()));
    });
}

fn seen(dynamo: Dynamo) -> DynamoSeenStore {
    DynamoSeenStore::new(dynamo, SeenRules::default())
}

fn marks(ids: std::ops::Range<u64>) -> Vec<(VideoId, Millis)> {
    ids.map(|id| (VideoId(id), Millis(NOW.0 + id as i64))).collect()
}

async fn expect_seen(store: &DynamoSeenStore, viewer: UserId, ids: std::ops::Range<u64>, what: &str) {
    let all: Vec<_> = (0..10_000).map(VideoId).collect();
    let found = store.among(viewer, &all, Millis(0)).await.expect("answers");
    let expected: HashSet<_> = ids.map(VideoId).collect();
    let (lost, extra) = (expected.difference(&found).count(), found.difference(&expected).count());
    assert_eq!((lost, extra), (0, 0), "{what}: lost and made up");
}

/// The mark that seals for the 32nd time and so writes the log anew.
fn killed_mark() {
    for n in 0..10 {
        let whole = dynamo(TABLES, Storm::Calm);
        let done = block_on(async {
            let reader = seen(whole.clone());
            for step in 0..31 {
                reader.mark(VIEWER, &marks(step * 65..step * 65 + 65)).await.expect("marks");
            }
            expect_seen(&reader, VIEWER, 0..31 * 65, "before").await;
            let victim = seen(mortal(&whole, &SEEN, &Life::of(n)).await);
            let done = victim.mark(VIEWER, &marks(31 * 65..32 * 65)).await;
            let successor = seen(whole.clone());
            successor.mark(VIEWER, &marks(31 * 65..32 * 65)).await.expect("marks");
            successor.mark(VIEWER, &marks(32 * 65..33 * 65)).await.expect("marks");
            for store in [&reader, &successor, &seen(whole.clone())] {
                expect_seen(store, VIEWER, 0..33 * 65, &format!("killed after {n} writes")).await;
            }
            done.is_ok()
        });
        if done {
            assert!(n >= 4, "{n} writes are no compaction");
            return;
        }
    }
    panic!("the mark never came to its end");
}

fn killed_merge() {
    for n in 0..20 {
        let whole = dynamo(TABLES, Storm::Calm);
        let done = block_on(async {
            let store = seen(whole.clone());
            let (guest, account) = (UserId(5), UserId(6));
            for step in 0..3 {
                store.mark(guest, &marks(step * 70..step * 70 + 70)).await.expect("marks");
            }
            store.mark(guest, &marks(210..230)).await.expect("marks");
            store.mark(account, &marks(230..240)).await.expect("marks");
            store.refuse(guest, Refusal::Owner(UserId(8)), NOW).await.expect("refuses");
            let victim = seen(mortal(&whole, &SEEN, &Life::of(n)).await);
            let done = victim.merge(guest, account).await;
            let successor = seen(whole.clone());
            successor.merge(guest, account).await.expect("merges");
            expect_seen(&successor, account, 0..240, &format!("killed after {n} writes")).await;
            expect_seen(&successor, guest, 0..0, &format!("killed after {n} writes")).await;
            let refusals = successor.refusals(account).await.expect("answers");
            assert!(refusals.owners.contains(&UserId(8)));
            assert_eq!(successor.refusals(guest).await.expect("answers"), Default::default());
            done.is_ok()
        });
        if done {
            return;
        }
    }
    panic!("the merge never came to its end");
}

fn marked_at_once() {
    let whole = dynamo(TABLES, Storm::Calm);
    block_on(async {
        let mut markers = Vec::new();
        for p in 0..3u64 {
            let store = seen(through(&whole, &SEEN, aws::sdk::http_client()).await);
            markers.push(async move {
                for step in 0..30 {
                    let from = (step * 3 + p) * 30;
                    store.mark(VIEWER, &marks(from..from + 30)).await.expect("marks");
                }
            });
        }
        futures::future::join_all(markers).await;
        expect_seen(&seen(whole.clone()), VIEWER, 0..2_700, "at once").await;
    });
}
