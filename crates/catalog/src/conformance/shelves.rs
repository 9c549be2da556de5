//! Likes, saves and history.

use super::at;
use crate::port::{LibraryStore, Shelf};
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{UserId, VideoId};

type Library = Arc<dyn LibraryStore>;

const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);

pub(super) fn cases() -> Vec<Case<Library>> {
    vec![
        case("putting_and_removing_say_whether_they_changed_something", putting_and_removing),
        case("shelves_and_viewers_are_apart", shelves_and_viewers_are_apart),
        case("likes_keep_their_first_time_history_its_last", likes_keep_their_first_time),
        case("shelves_page_newest_first", shelves_page_newest_first),
        case("contains_answers_in_the_order_asked", contains_answers_in_the_order_asked),
        case("a_shelf_is_counted", a_shelf_is_counted),
        case("a_merge_moves_everything", a_merge_moves_everything),
        case("a_merge_keeps_the_right_time", a_merge_keeps_the_right_time),
        case("a_merge_twice_is_a_merge_once", a_merge_twice_is_a_merge_once),
        case("a_merge_with_oneself_changes_nothing", a_merge_with_oneself_changes_nothing),
    ]
}

async fn put(library: &Library, viewer: UserId, shelf: Shelf, video: u64, ms: i64) -> bool {
    library.put(viewer, shelf, VideoId(video), at(ms)).await.expect("put")
}

async fn on(library: &Library, viewer: UserId, shelf: Shelf) -> Vec<(i64, u64)> {
    let found = library.list(viewer, shelf, None, 100).await.expect("listed");
    found.iter().map(|(time, video)| (time.0 - at(0).0, video.0)).collect()
}

async fn putting_and_removing(library: Library) {
    assert!(put(&library, ANN, Shelf::Likes, 7, 1).await);
    assert!(!put(&library, ANN, Shelf::Likes, 7, 2).await);
    assert!(library.remove(ANN, Shelf::Likes, VideoId(7)).await.expect("removed"));
    assert!(!library.remove(ANN, Shelf::Likes, VideoId(7)).await.expect("removed"));
    assert!(put(&library, ANN, Shelf::Likes, 7, 3).await);
    assert_eq!(on(&library, ANN, Shelf::Likes).await, [(3, 7)]);
}

async fn shelves_and_viewers_are_apart(library: Library) {
    put(&library, ANN, Shelf::Likes, 7, 1).await;
    assert!(put(&library, ANN, Shelf::Saves, 7, 2).await);
    assert!(put(&library, BOB, Shelf::Likes, 7, 3).await);
    assert_eq!(on(&library, ANN, Shelf::Likes).await, [(1, 7)]);
    assert_eq!(on(&library, ANN, Shelf::Saves).await, [(2, 7)]);
    assert_eq!(on(&library, ANN, Shelf::History).await, []);
    assert!(library.remove(ANN, Shelf::Likes, VideoId(7)).await.expect("removed"));
    assert_eq!(on(&library, BOB, Shelf::Likes).await, [(3, 7)]);
}

async fn likes_keep_their_first_time(library: Library) {
    for ms in [5, 9, 7] {
        for shelf in Shelf::ALL {
            put(&library, ANN, shelf, 7, ms).await;
        }
    }
    assert_eq!(on(&library, ANN, Shelf::Likes).await, [(5, 7)]);
    assert_eq!(on(&library, ANN, Shelf::Saves).await, [(5, 7)]);
    assert_eq!(on(&library, ANN, Shelf::History).await, [(9, 7)]);
}

async fn shelves_page_newest_first(library: Library) {
    let mut expected = Vec::new();
    for n in 0..13u64 {
        let ms = ((n * 5) % 4) as i64;
        put(&library, ANN, Shelf::Likes, n + 1, ms).await;
        expected.push((at(ms), VideoId(n + 1)));
    }
    expected.sort_by(|a, b| b.cmp(a));
    for limit in [1, 4, 13, 20] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = library.list(ANN, Shelf::Likes, before, limit).await.expect("listed");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(*last);
            seen.extend(page);
        }
        assert_eq!(seen, expected, "pages of {limit}");
    }
}

async fn contains_answers_in_the_order_asked(library: Library) {
    for video in [1, 2, 3] {
        put(&library, ANN, Shelf::Saves, video, 1).await;
    }
    let asked = [9, 3, 1, 8].map(VideoId);
    let there = library.contains(ANN, Shelf::Saves, &asked).await.expect("asked");
    assert_eq!(there, [VideoId(3), VideoId(1)]);
    assert_eq!(library.contains(BOB, Shelf::Saves, &asked).await.expect("asked"), []);
    assert_eq!(library.contains(ANN, Shelf::Saves, &[]).await.expect("asked"), []);
}

async fn a_shelf_is_counted(library: Library) {
    for video in [1, 2, 2, 3] {
        put(&library, ANN, Shelf::Likes, video, 1).await;
    }
    put(&library, BOB, Shelf::Likes, 9, 1).await;
    assert_eq!(library.count(ANN, Shelf::Likes).await.expect("counted"), 3);
    assert_eq!(library.count(ANN, Shelf::Saves).await.expect("counted"), 0);
}

async fn a_merge_moves_everything(library: Library) {
    for shelf in Shelf::ALL {
        put(&library, ANN, shelf, 1, 10).await;
        put(&library, ANN, shelf, 2, 20).await;
        put(&library, BOB, shelf, 3, 15).await;
    }
    library.merge(ANN, BOB).await.expect("merged");
    for shelf in Shelf::ALL {
        assert_eq!(on(&library, BOB, shelf).await, [(20, 2), (15, 3), (10, 1)]);
        assert_eq!(on(&library, ANN, shelf).await, [], "nothing stays behind");
    }
}

async fn a_merge_keeps_the_right_time(library: Library) {
    for shelf in Shelf::ALL {
        put(&library, ANN, shelf, 1, 10).await;
        put(&library, BOB, shelf, 1, 30).await;
        put(&library, ANN, shelf, 2, 40).await;
        put(&library, BOB, shelf, 2, 20).await;
    }
    library.merge(ANN, BOB).await.expect("merged");
    assert_eq!(on(&library, BOB, Shelf::Likes).await, [(20, 2), (10, 1)]);
    assert_eq!(on(&library, BOB, Shelf::Saves).await, [(20, 2), (10, 1)]);
    assert_eq!(on(&library, BOB, Shelf::History).await, [(40, 2), (30, 1)]);
}

async fn a_merge_twice_is_a_merge_once(library: Library) {
    put(&library, ANN, Shelf::Likes, 1, 10).await;
    for _ in 0..2 {
        library.merge(ANN, BOB).await.expect("merged");
    }
    assert_eq!(on(&library, BOB, Shelf::Likes).await, [(10, 1)]);
    library.merge(UserId(8), UserId(9)).await.expect("nobody into nobody");
}

async fn a_merge_with_oneself_changes_nothing(library: Library) {
    put(&library, ANN, Shelf::Likes, 1, 10).await;
    library.merge(ANN, ANN).await.expect("merged");
    assert_eq!(on(&library, ANN, Shelf::Likes).await, [(10, 1)]);
}
