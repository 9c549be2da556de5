//! The two items of a video on a shelf stay together: killed anywhere, raced by anybody.

use crate::own;
use crate::support::dying::{Life, mortal};
use aws::catalog::{DynamoLibraryStore, USER_LIBRARY};
use aws::dynamo::{Dynamo, Item};
use catalog::{LibraryStore, Shelf};
use std::collections::BTreeMap;
use testkit::Trial;
use vocab::{Millis, UserId, VideoId};

const T0: i64 = 1_780_000_000_000;
const OWNER: UserId = UserId(1 << 60);
const GUEST: UserId = UserId(5);
/// More writes than any step below has.
const WRITES: u64 = 6;

pub fn trials() -> Vec<Trial> {
    vec![
        own("an_entry_without_its_member_is_not_listed", an_entry_without_its_member),
        own("a_long_shelf_answers_the_same", a_long_shelf_answers_the_same),
        own("a_put_killed_anywhere_is_done_or_not", a_put_killed_anywhere),
        own("a_removal_killed_anywhere_is_done_or_not", a_removal_killed_anywhere),
        own("a_merge_killed_anywhere_is_ended_by_the_next", a_merge_killed_anywhere),
        own("racing_hands_leave_one_truth", racing_hands_leave_one_truth),
    ]
}

fn at(ms: i64) -> Millis {
    Millis(T0 + ms)
}

/// The shelf as milliseconds after the beginning and videos, and that all questions agree on it.
async fn shelf_of(library: &DynamoLibraryStore, viewer: UserId, shelf: Shelf) -> BTreeMap<u64, i64> {
    let listed = library.list(viewer, shelf, None, 100).await.expect("listed");
    let found: BTreeMap<u64, i64> = listed.iter().map(|(at, id)| (id.0, at.0 - T0)).collect();
    assert_eq!(found.len(), listed.len(), "a video stands once on a shelf");
    assert_eq!(library.count(viewer, shelf).await.expect("counted"), listed.len() as u64);
    let ids: Vec<VideoId> = (0..20).map(VideoId).collect();
    let there = library.contains(viewer, shelf, &ids).await.expect("asked");
    assert!(there.iter().map(|id| id.0).eq(found.keys().copied()), "{there:?} but {found:?}");
    found
}

async fn an_entry_without_its_member(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    for n in 1..=3 {
        library.put(OWNER, Shelf::Likes, VideoId(n), Millis(T0)).await.expect("put");
    }
    // As a put that was killed after its first step leaves it, newest and oldest of the list.
    for (n, ms) in [(8, 5), (9, 6), (2, -5)] {
        let at = T0 + ms;
        let entry = Item::new(1).s("user_id", OWNER.to_string()).n("created_at", at);
        let entry = entry.s("sk", format!("likes#{at:015}#{}", VideoId(n)));
        dynamo.put(&USER_LIBRARY, entry).await.expect("written");
    }
    for limit in [1, 2, 3, 10] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = library.list(OWNER, Shelf::Likes, before, limit).await.expect("listed");
            seen.extend(page.iter().map(|(_, id)| id.0));
            before = page.last().copied();
            if page.len() < limit {
                break;
            }
        }
        assert_eq!(seen, [3, 2, 1], "pages of {limit}");
    }
    assert_eq!(library.count(OWNER, Shelf::Likes).await.expect("counted"), 3);
    assert_eq!(library.contains(OWNER, Shelf::Likes, &[VideoId(8)]).await.expect("asked"), []);
    assert!(library.put(OWNER, Shelf::Likes, VideoId(8), Millis(T0 + 5)).await.expect("put again"));
    assert_eq!(library.list(OWNER, Shelf::Likes, None, 9).await.expect("listed").len(), 4);
}

async fn a_long_shelf_answers_the_same(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    let guest = UserId(5);
    for n in 0..250 {
        library
            .put(guest, Shelf::Saves, VideoId(2 * n), Millis(T0 + (n as i64 * 37) % 250))
            .await
            .expect("put");
    }
    library.merge(guest, OWNER).await.expect("merged");
    assert_eq!(library.count(guest, Shelf::Saves).await.expect("counted"), 0);
    assert_eq!(library.count(OWNER, Shelf::Saves).await.expect("counted"), 250);
    let asked: Vec<VideoId> = (0..500).step_by(7).map(VideoId).collect();
    let expected: Vec<VideoId> = asked.iter().copied().filter(|id| id.0 % 2 == 0).collect();
    assert_eq!(library.contains(OWNER, Shelf::Saves, &asked).await.expect("asked"), expected);
    let listed = library.list(OWNER, Shelf::Saves, None, 300).await.expect("listed");
    assert!(listed.len() == 250 && listed.is_sorted_by(|a, b| a > b));
}

/// A process with so many writes left to live.
async fn dying(dynamo: &Dynamo, writes: u64) -> DynamoLibraryStore {
    DynamoLibraryStore::new(mortal(dynamo, &USER_LIBRARY, &Life::of(writes)).await)
}

async fn a_put_killed_anywhere(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    for writes in 0..WRITES {
        // Nobody had it; somebody saw it before.
        for (shelf, video, earlier) in [(Shelf::Likes, 1, None), (Shelf::History, 2, Some(at(3)))] {
            let viewer = UserId(100 + writes);
            if let Some(earlier) = earlier {
                library.put(viewer, shelf, VideoId(video), earlier).await.expect("put");
            }
            let before = shelf_of(&library, viewer, shelf).await;
            let done = dying(&dynamo, writes).await.put(viewer, shelf, VideoId(video), at(9)).await;
            let after = shelf_of(&library, viewer, shelf).await;
            let put = BTreeMap::from([(video, 9)]);
            assert!(after == put || (done.is_err() && after == before), "{writes} writes: {after:?}");
            library.put(viewer, shelf, VideoId(video), at(9)).await.expect("put again");
            assert_eq!(shelf_of(&library, viewer, shelf).await, put);
        }
    }
}

async fn a_removal_killed_anywhere(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    for writes in 0..WRITES {
        let viewer = UserId(100 + writes);
        for video in [1, 2] {
            library.put(viewer, Shelf::Saves, VideoId(video), at(5)).await.expect("put");
        }
        let done = dying(&dynamo, writes).await.remove(viewer, Shelf::Saves, VideoId(1)).await;
        let after = shelf_of(&library, viewer, Shelf::Saves).await;
        assert!(after.len() == 1 || (done.is_err() && after.len() == 2), "{writes} writes: {after:?}");
        library.remove(viewer, Shelf::Saves, VideoId(1)).await.expect("removed again");
        assert_eq!(shelf_of(&library, viewer, Shelf::Saves).await, BTreeMap::from([(2, 5)]));
        assert!(library.put(viewer, Shelf::Saves, VideoId(1), at(5)).await.expect("put again"));
        assert_eq!(shelf_of(&library, viewer, Shelf::Saves).await.len(), 2);
    }
}

async fn a_merge_killed_anywhere(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    for writes in (0..40).step_by(3) {
        let into = UserId(100 + writes);
        for shelf in Shelf::ALL {
            for (video, ms) in [(1, 10), (2, 20), (3, 30)] {
                library.put(GUEST, shelf, VideoId(video), at(ms)).await.expect("put");
            }
            library.put(into, shelf, VideoId(2), at(25)).await.expect("put");
        }
        let done = dying(&dynamo, writes).await.merge(GUEST, into).await;
        for shelf in Shelf::ALL {
            let mut both = shelf_of(&library, GUEST, shelf).await;
            both.extend(shelf_of(&library, into, shelf).await);
            assert!(both.keys().eq(&[1, 2, 3]), "{writes} writes, {done:?}: {both:?}");
        }
        library.merge(GUEST, into).await.expect("merged");
        for shelf in Shelf::ALL {
            let kept = if shelf == Shelf::History { 25 } else { 20 };
            assert_eq!(shelf_of(&library, into, shelf).await, BTreeMap::from([(1, 10), (2, kept), (3, 30)]));
            assert!(shelf_of(&library, GUEST, shelf).await.is_empty());
        }
    }
}

async fn racing_hands_leave_one_truth(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo);
    for round in 0..15 {
        for shelf in [Shelf::Likes, Shelf::History] {
            let hands = (0..6i64).map(|n| {
                let (library, video) = (&library, VideoId(1 + n as u64 % 2));
                async move {
                    for step in 0..3 {
                        if (n + step + round) % 3 == 0 {
                            library.remove(OWNER, shelf, video).await.expect("removed");
                        } else {
                            let ms = 100 * round + 10 * n + step;
                            library.put(OWNER, shelf, video, at(ms)).await.expect("put");
                        }
                    }
                }
            });
            futures::future::join_all(hands).await;
            shelf_of(&library, OWNER, shelf).await;
        }
    }
}
