//! Lists, pages and cursors.

use crate::house::{House, Person, house};
use catalog::Shelf;
use serde_json::Value;
use vocab::{Millis, Status, Visibility};

fn ids(page: &Value) -> Vec<String> {
    page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|v| v["id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn walk(h: &House, path: &str, who: Option<&Person>, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..50 {
        let next = cursor.as_ref().map(|c| format!("&cursor={c}")).unwrap_or_default();
        let reply = h.get(&format!("{path}?limit={limit}{next}"), who).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let page = reply.json();
        all.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
    panic!("the list has no end");
}

#[tokio::test]
async fn owners_see_all_of_theirs_and_others_what_is_public() {
    let h = house().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let mut mine = Vec::new();
    let mut public = Vec::new();
    for status in [Status::Published, Status::Judging, Status::Rejected, Status::Published, Status::Published]
    {
        let id = h.video(&owner, status, Visibility::Public).await;
        mine.insert(0, id.to_string());
        if status == Status::Published {
            public.insert(0, id.to_string());
        }
    }
    mine.insert(0, h.video(&owner, Status::Published, Visibility::Private).await.to_string());
    h.published(&other).await;
    for limit in [1, 2, 3, 100] {
        assert_eq!(walk(&h, "/v1/me/videos", Some(&owner), limit).await, mine, "limit {limit}");
        let theirs = format!("/v1/users/{}/videos", owner.id);
        assert_eq!(walk(&h, &theirs, Some(&other), limit).await, public, "limit {limit}");
        assert_eq!(walk(&h, &theirs, None, limit).await, public, "limit {limit}");
    }
}

#[tokio::test]
async fn shelves_are_newest_first_and_leave_out_what_is_no_longer_for_the_viewer() {
    let h = house().await;
    let (owner, ann) = (h.guest().await, h.guest().await);
    let mut liked = Vec::new();
    for _ in 0..5 {
        let id = h.published(&owner).await;
        h.clock.advance(Millis(10));
        assert_eq!(h.call("PUT", &format!("/v1/videos/{id}/like"), Some(&ann), None).await.status, 200);
        liked.insert(0, id);
    }
    h.advance(liked[1], Status::Published, Status::Removed).await;
    let expected: Vec<_> = liked.iter().filter(|id| **id != liked[1]).map(ToString::to_string).collect();
    for limit in [1, 2, 5] {
        assert_eq!(walk(&h, "/v1/me/likes", Some(&ann), limit).await, expected, "limit {limit}");
    }
    assert!(walk(&h, "/v1/me/saves", Some(&ann), 5).await.is_empty());
    assert!(walk(&h, "/v1/me/history", Some(&ann), 5).await.is_empty());
}

#[tokio::test]
async fn history_is_what_was_seen_last() {
    let h = house().await;
    let (owner, ann) = (h.guest().await, h.guest().await);
    let (first, second) = (h.published(&owner).await, h.published(&owner).await);
    for (id, at) in [(first, 1), (second, 2), (first, 3)] {
        h.library.put(ann.id, Shelf::History, id, Millis(at)).await.expect("noted");
    }
    assert_eq!(walk(&h, "/v1/me/history", Some(&ann), 1).await, [first.to_string(), second.to_string()]);
}

#[tokio::test]
async fn a_cursor_serves_its_own_list_and_reader_only() {
    let h = house().await;
    let (ann, bob) = (h.guest().await, h.guest().await);
    for _ in 0..3 {
        h.published(&ann).await;
    }
    let page = h.get("/v1/me/videos?limit=1", Some(&ann)).await.json();
    let cursor = page["next_cursor"].as_str().expect("more");
    assert_eq!(h.get(&format!("/v1/me/videos?limit=1&cursor={cursor}"), Some(&ann)).await.status, 200);
    for (path, who) in [
        ("/v1/me/videos".to_owned(), &bob),
        ("/v1/me/likes".to_owned(), &ann),
        (format!("/v1/users/{}/videos", ann.id), &ann),
    ] {
        let refused = h.get(&format!("{path}?cursor={cursor}"), Some(who)).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "invalid-cursor"), "{path}");
    }
}

#[tokio::test]
async fn limits_of_a_page_are_kept() {
    let h = house().await;
    let ann = h.guest().await;
    for bad in ["0", "101", "-1", "x", "99999999999", "1e2"] {
        let refused = h.get(&format!("/v1/me/videos?limit={bad}"), Some(&ann)).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "invalid-request"), "{bad}");
    }
    for bad in ["x", "%00", "AAAA", &"A".repeat(5_000)] {
        let refused = h.get(&format!("/v1/me/videos?cursor={bad}"), Some(&ann)).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "invalid-cursor"), "{bad}");
    }
    assert_eq!(h.get("/v1/users/0000000000001/videos", None).await.status, 404);
}
