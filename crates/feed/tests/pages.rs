//! Pages as viewers meet them, on memory stores.

mod world;

use feed::{FeedError, FeedPolicy, PageRequest, Reason, Refusal};
use std::collections::HashSet;
use vocab::{Millis, Status, UserId, VideoId, Visibility};
use world::{World, next, world};

const VIEWER: UserId = UserId(1);

async fn page(w: &World, cursor: Option<String>) -> feed::Page {
    w.feed.page(VIEWER, PageRequest { cursor, ..PageRequest::default() }).await.expect("a page")
}

#[tokio::test]
async fn a_session_of_500_videos_on_two_devices_repeats_nothing() {
    let w = world(500, 40).await;
    let (mut seen, mut devices) = (HashSet::new(), [None::<feed::Page>, None]);
    let mut turn = 0;
    loop {
        let device = &mut devices[turn % 2];
        turn += 1;
        let cursor = device.as_ref().and_then(|p| p.next_cursor.clone());
        if device.is_some() && cursor.is_none() {
            break;
        }
        let got = page(&w, cursor).await;
        for id in got.ids() {
            assert!(seen.insert(id), "{id} came twice after {} videos", seen.len());
        }
        w.clock.advance(Millis(20_000));
        *device = Some(got);
    }
    assert_eq!(seen.len(), 500);
    assert!(page(&w, None).await.exhausted);
}

#[tokio::test]
async fn the_same_cursor_gives_the_same_page_with_the_same_impressions() {
    let w = world(60, 10).await;
    let first = page(&w, None).await;
    let second = page(&w, first.next_cursor.clone()).await;
    page(&w, second.next_cursor.clone()).await;
    w.clock.advance(Millis(3_000));
    let again = page(&w, first.next_cursor.clone()).await;
    assert_eq!(again.ids(), second.ids());
    let impressions = |p: &feed::Page| p.items.iter().map(|i| i.impression).collect::<Vec<_>>();
    assert_eq!(impressions(&again), impressions(&second));
    assert_eq!(impressions(&again).into_iter().collect::<HashSet<_>>().len(), 10);
    // And the page after it is the one that came after it.
    assert!(again.next_cursor.is_some());
}

#[tokio::test]
async fn a_foreign_or_mutated_cursor_is_refused() {
    let w = world(30, 10).await;
    let cursor = page(&w, None).await.next_cursor.expect("more");
    let ask = |viewer, cursor: String| {
        let feed = w.feed.clone();
        async move { feed.page(viewer, PageRequest { cursor: Some(cursor), ..PageRequest::default() }).await }
    };
    let mutated = format!("{}A{}", &cursor[..20], &cursor[21..]);
    for (viewer, cursor) in
        [(UserId(2), cursor.clone()), (VIEWER, mutated), (VIEWER, String::new()), (VIEWER, "é".repeat(9))]
    {
        assert!(matches!(ask(viewer, cursor).await, Err(FeedError::InvalidCursor(_))));
    }
    assert!(ask(VIEWER, cursor).await.is_ok());
}

#[tokio::test]
async fn limits_are_kept_between_ten_and_twenty() {
    let w = world(100, 30).await;
    for (limit, expected) in [(None, 10), (Some(1), 10), (Some(15), 15), (Some(500), 20)] {
        let got = w.feed.page(VIEWER, PageRequest { limit, ..PageRequest::default() }).await.expect("a page");
        assert_eq!(got.items.len(), expected);
    }
}

#[tokio::test]
async fn what_is_taken_down_leaves_pages_that_wait_and_pages_already_given() {
    let w = world(40, 10).await;
    let first = page(&w, None).await;
    let second = page(&w, first.next_cursor.clone()).await;
    let gone = second.ids()[3];
    w.remove(gone).await;
    let again = page(&w, first.next_cursor.clone()).await;
    assert_eq!((again.items.len(), again.ids().contains(&gone)), (9, false));
    // Made private while it waits: it never comes.
    let mut rest = HashSet::new();
    let hidden = w.somebody_waiting(VIEWER).await;
    w.set_visibility(hidden, Visibility::Private).await;
    let mut cursor = second.next_cursor;
    while let Some(c) = cursor {
        let got = page(&w, Some(c)).await;
        rest.extend(got.ids());
        cursor = got.next_cursor;
    }
    assert!(!rest.contains(&hidden) && rest.len() == 19, "{}", rest.len());
}

#[tokio::test]
async fn a_new_publication_ends_the_end() {
    let w = world(5, 5).await;
    let all = page(&w, None).await;
    assert_eq!((all.items.len(), all.exhausted, all.next_cursor.clone()), (5, true, None));
    assert!(page(&w, None).await.items.is_empty());
    let new = w.publish(VideoId(9_000), UserId(77)).await;
    assert_eq!(page(&w, None).await.ids(), [new]);
}

#[tokio::test]
async fn own_hidden_and_dismissed_videos_stay_out() {
    let w = world(40, 8).await;
    w.publish(VideoId(5_000), VIEWER).await;
    let hidden = UserId(100);
    let dismissed = VideoId(1_001);
    page(&w, None).await;
    w.feed.hide(VIEWER, hidden).await.expect("hides");
    w.feed.dismiss(VIEWER, dismissed).await.expect("dismisses");
    let mut cursor = page(&w, None).await.next_cursor;
    let mut got = Vec::new();
    while let Some(c) = cursor {
        let p = page(&w, Some(c)).await;
        got.extend(p.items.iter().map(|i| (i.video.id, i.video.owner)));
        cursor = p.next_cursor;
    }
    assert!(got.iter().all(|(v, o)| *o != hidden && *o != VIEWER && *v != dismissed));
    w.feed.forgive(VIEWER, Refusal::Owner(hidden)).await.expect("forgives");
    let back = page(&w, None).await;
    assert!(back.items.iter().any(|i| i.video.owner == hidden));
}

#[tokio::test]
async fn what_is_refused_in_one_process_is_on_no_next_page_of_another() {
    let w = world(60, 6).await;
    let other = w.elsewhere();
    let first = page(&w, None).await;
    let hidden = first.items[0].video.owner;
    other.hide(VIEWER, hidden).await.expect("hides");
    let mut cursor = first.next_cursor;
    for _ in 0..2 {
        let next = page(&w, cursor).await;
        assert!(!next.items.is_empty() && next.items.iter().all(|i| i.video.owner != hidden));
        cursor = next.next_cursor;
    }
    other.forgive(VIEWER, Refusal::Owner(hidden)).await.expect("forgives");
    assert!(page(&w, cursor).await.items.iter().any(|i| i.video.owner == hidden));
}

#[tokio::test]
async fn what_was_seen_elsewhere_does_not_come() {
    let w = world(30, 10).await;
    page(&w, None).await;
    let waiting = w.somebody_waiting(VIEWER).await;
    w.watch(VIEWER, waiting).await;
    let rest = next(&w, VIEWER, 2).await;
    assert!(!rest.contains(&waiting));
}

#[tokio::test]
async fn a_like_brings_the_creator_within_a_page_or_two() {
    let w = world(300, 100).await;
    let first = page(&w, None).await;
    let liked = first.items[0].video.clone();
    w.like(VIEWER, liked.id).await;
    let mut reasons = Vec::new();
    let mut cursor = first.next_cursor;
    for _ in 0..2 {
        let p = page(&w, cursor).await;
        reasons.extend(p.items.iter().map(|i| (i.video.owner, i.reason)));
        cursor = p.next_cursor;
    }
    assert!(reasons.contains(&(liked.owner, Reason::LikedCreator)), "{reasons:?}");
}

#[tokio::test]
async fn creators_are_spread() {
    let w = world(200, 20).await;
    let mut owners = Vec::new();
    let mut cursor = None;
    for _ in 0..4 {
        let p = page(&w, cursor).await;
        owners.extend(p.items.iter().map(|i| i.video.owner));
        cursor = p.next_cursor;
    }
    assert!(owners.windows(2).all(|w| w[0] != w[1]), "two in a row");
    for window in owners.windows(20) {
        for owner in window {
            assert!(window.iter().filter(|o| *o == owner).count() <= 2);
        }
    }
}

#[tokio::test]
async fn watching_again_walks_everything_from_the_oldest_and_ends() {
    let w = world(25, 5).await;
    next(&w, VIEWER, 3).await;
    assert!(page(&w, None).await.exhausted);
    let mut got = Vec::new();
    let request = PageRequest { again: true, ..PageRequest::default() };
    let mut p = w.feed.page(VIEWER, request).await.expect("a page");
    loop {
        assert!(p.items.iter().all(|i| i.reason == Reason::Again));
        got.extend(p.ids());
        let Some(cursor) = p.next_cursor.clone() else { break };
        let same = page(&w, Some(cursor.clone())).await;
        p = page(&w, Some(cursor)).await;
        assert_eq!(same.ids(), p.ids());
    }
    assert!(p.exhausted);
    assert_eq!(got, (0..25).map(|n| VideoId(1_000 + n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hanging_store_costs_the_ranking_not_the_page() {
    let w = world(60, 20).await;
    w.library_hangs(true);
    let first = page(&w, None).await;
    assert_eq!((first.items.len(), first.degraded), (10, true));
    let second = page(&w, first.next_cursor.clone()).await;
    assert!(second.items.len() == 10 && !second.ids().iter().any(|v| first.ids().contains(v)));
    w.library_hangs(false);
    assert!(!page(&w, None).await.degraded);
}

#[tokio::test]
async fn a_failing_catalog_is_a_fault_at_first_and_forgiven_later() {
    let w = world(60, 20).await;
    w.catalog_fails(true);
    let ask = || w.feed.page(VIEWER, PageRequest::default());
    assert!(matches!(ask().await, Err(FeedError::Fault(_))));
    w.catalog_fails(false);
    let before = ask().await.expect("a page");
    w.catalog_fails(true);
    w.clock.advance(Millis(9_000));
    let after = ask().await.expect("cards are young enough");
    assert!(!after.items.is_empty() && !after.ids().iter().any(|v| before.ids().contains(v)));
}

#[tokio::test]
async fn every_item_can_say_why_and_every_removal_has_a_name() {
    let w = world(40, 8).await;
    w.publish(VideoId(5_000), VIEWER).await;
    let first = page(&w, None).await;
    let why = w.feed.why(VIEWER, first.ids()[0]).expect("known");
    let feed::Fate::Picked { place, score, parts, .. } = why.fate else { panic!("{why:?}") };
    assert_eq!(place, 0);
    assert!((parts.iter().map(|(_, v)| v).sum::<f64>() - score).abs() < 1e-9);
    let own = w.feed.why(VIEWER, VideoId(5_000)).expect("known").fate;
    assert_eq!(own, feed::Fate::Removed { by: "feed.filter.own", reason: "is the viewer's own" });
    assert_eq!(w.feed.why(VIEWER, VideoId(1)), None);
}

#[tokio::test]
async fn a_guest_who_signs_in_is_not_shown_everything_again() {
    let w = world(60, 20).await;
    let as_guest = next(&w, VIEWER, 2).await;
    let account = UserId(500);
    for _ in 0..2 {
        w.feed.merge(VIEWER, account).await.expect("merges");
    }
    let as_account = next(&w, account, 4).await;
    assert_eq!(as_account.len(), 40);
    assert!(as_account.is_disjoint(&as_guest));
}

#[tokio::test]
async fn orders_differ_between_viewers_with_the_same_taste_but_not_much() {
    let w = world(100, 50).await;
    let first = |v| w.feed.page(UserId(v), PageRequest::default());
    let (a, b) = (first(21).await.expect("a page"), first(22).await.expect("a page"));
    assert_ne!(a.ids(), b.ids());
    assert_eq!(w.feed.policy().page_default, FeedPolicy::default().page_default);
    assert!(a.items.iter().all(|i| i.video.status == Status::Published));
}
