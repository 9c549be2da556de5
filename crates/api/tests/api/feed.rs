//! The feed, and what viewers say about it.

use crate::house::{House, Person, Reply, house};
use serde_json::Value;
use std::collections::HashSet;
use vocab::{Millis, Status};

async fn with_videos(n: usize) -> (House, Vec<String>) {
    let h = house().await;
    let mut ids = Vec::new();
    for _ in 0..n {
        let owner = h.guest().await;
        ids.push(h.published(&owner).await.to_string());
    }
    h.clock.advance(Millis(2_000));
    (h, ids)
}

async fn page(h: &House, who: &Person, query: &str) -> Reply {
    h.get(&format!("/v1/feed{query}"), Some(who)).await
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|i| i["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_page_has_all_a_player_needs_and_says_why() {
    let (h, _) = with_videos(12).await;
    let ann = h.guest().await;
    let reply = page(&h, &ann, "").await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"));
    let json = reply.json();
    assert_eq!(json["items"].as_array().expect("items").len(), 10);
    let item = &json["items"][0];
    for field in ["id", "owner", "counts", "liked", "saved", "playback", "link"] {
        assert!(!item[field].is_null(), "{field}: {item}");
    }
    assert_eq!(item["impression_id"].as_str().expect("a text").len(), 26);
    assert_eq!(item["playback"]["retention_ppm"].as_array().expect("a curve").len(), 20);
    assert!(item["reason"]["text"].as_str().expect("a sentence").ends_with('.'));
    assert_eq!((json["exhausted"].as_bool(), json["degraded"].as_bool()), (Some(false), Some(false)));
}

#[tokio::test]
async fn pages_follow_each_other_and_end_kindly() {
    let (h, all) = with_videos(25).await;
    let ann = h.guest().await;
    let (mut got, mut query) = (Vec::new(), String::from("?limit=12"));
    loop {
        let json = page(&h, &ann, &query).await.json();
        got.extend(ids(&json));
        let Some(cursor) = json["next_cursor"].as_str() else {
            assert_eq!(json["exhausted"], true);
            break;
        };
        let again = page(&h, &ann, &format!("?cursor={cursor}")).await.json();
        assert_eq!(ids(&again), ids(&page(&h, &ann, &format!("?cursor={cursor}")).await.json()));
        query = format!("?cursor={cursor}");
    }
    assert_eq!(got.iter().collect::<HashSet<_>>(), all.iter().collect::<HashSet<_>>());
    assert_eq!(got.len(), all.len());
    let again = page(&h, &ann, "?again=true").await.json();
    assert_eq!(ids(&again), all[..10]);
    assert_eq!(again["items"][0]["reason"]["code"], "again");
}

#[tokio::test]
async fn bad_cursors_and_limits_are_problems() {
    let (h, _) = with_videos(15).await;
    let (ann, bob) = (h.guest().await, h.guest().await);
    let cursor = page(&h, &ann, "").await.json()["next_cursor"].as_str().expect("more").to_owned();
    for query in [format!("?cursor={cursor}x"), "?cursor=".into(), "?cursor=%F0%9F%8E%A5".into()] {
        assert_eq!(page(&h, &ann, &query).await.problem(), "invalid-cursor", "{query}");
    }
    assert_eq!(page(&h, &bob, &format!("?cursor={cursor}")).await.problem(), "invalid-cursor");
    for query in ["?limit=0", "?limit=21", "?limit=-1", "?limit=x", "?again=perhaps"] {
        assert_eq!(page(&h, &ann, query).await.problem(), "invalid-request", "{query}");
    }
    assert_eq!(h.get("/v1/feed", None).await.problem(), "unauthorized");
}

#[tokio::test]
async fn the_seeds_feed_answers_ids() {
    let (h, _) = with_videos(12).await;
    let ann = h.guest().await;
    let json = h.get("/feed", Some(&ann)).await.json();
    assert_eq!(json["items"].as_array().expect("items").len(), 10);
    assert!(json["items"][0].is_string() && json["nextCursor"].is_string());
}

#[tokio::test]
async fn a_takedown_is_seen_at_once() {
    let (h, _) = with_videos(11).await;
    let ann = h.guest().await;
    let first = page(&h, &ann, "").await.json();
    let cursor = first["next_cursor"].as_str().expect("one more").to_owned();
    let shown = ids(&first);
    let gone = shown[4].parse().expect("an id");
    h.advance(gone, Status::Published, Status::Removed).await;
    // This house does not tell its feed; what another process did is seen after this.
    h.clock.advance(h.state.feed.policy().cache.video_age_page);
    let bob = h.guest().await;
    assert!(!ids(&page(&h, &bob, "?limit=20").await.json()).contains(&shown[4]));
    assert_eq!(ids(&page(&h, &ann, &format!("?cursor={cursor}")).await.json()).len(), 1);
}

#[tokio::test]
async fn what_is_refused_stays_away_until_it_is_forgiven() {
    let (h, _) = with_videos(30).await;
    let ann = h.guest().await;
    let first = page(&h, &ann, "").await.json();
    let second = page(&h, &ann, "").await.json();
    let (video, owner) = (&ids(&first)[0], second["items"][0]["owner"]["id"].as_str().expect("an id"));
    let not_interested = format!("/v1/videos/{video}/not-interested");
    let hide = format!("/v1/users/{owner}/hide");
    for path in [&not_interested, &hide] {
        assert_eq!(h.call("POST", path, Some(&ann), None).await.status, 204);
    }
    let again = page(&h, &ann, "?again=true&limit=20").await.json();
    let rest =
        page(&h, &ann, &format!("?limit=20&cursor={}", again["next_cursor"].as_str().expect("more"))).await;
    let all = [ids(&again), ids(&rest.json())].concat();
    assert_eq!(all.len(), 28);
    for path in [&not_interested, &hide] {
        assert_eq!(h.call("DELETE", path, Some(&ann), None).await.status, 204);
    }
    let again = page(&h, &ann, "?again=true&limit=20").await.json();
    let rest =
        page(&h, &ann, &format!("?limit=20&cursor={}", again["next_cursor"].as_str().expect("more"))).await;
    assert_eq!(ids(&again).len() + ids(&rest.json()).len(), 30);
    for path in ["/v1/videos/0000000000001/not-interested", "/v1/users/0000000000001/hide"] {
        assert_eq!(h.call("POST", path, Some(&ann), None).await.problem(), "not-found");
    }
}

#[tokio::test]
async fn a_viewer_may_ask_why() {
    let (h, _) = with_videos(12).await;
    let ann = h.guest().await;
    let id = ids(&page(&h, &ann, "").await.json())[0].clone();
    let why = h.get(&format!("/v1/videos/{id}/why"), Some(&ann)).await.json();
    assert_eq!(why["place"], 0);
    assert!(why["parts"].as_array().expect("parts").iter().any(|p| p["name"] == "fresh"));
    let bob = h.guest().await;
    assert_eq!(h.get(&format!("/v1/videos/{id}/why"), Some(&bob)).await.problem(), "not-found");
}

#[tokio::test]
async fn a_like_shows_in_the_next_answer() {
    let (h, _) = with_videos(12).await;
    let ann = h.guest().await;
    let id = ids(&page(&h, &ann, "").await.json())[0].clone();
    h.call("PUT", &format!("/v1/videos/{id}/like"), Some(&ann), None).await;
    let again = page(&h, &ann, "?again=true&limit=20").await.json();
    let item = again["items"].as_array().expect("items").iter().find(|i| i["id"] == *id).expect("there");
    assert_eq!((&item["liked"], &item["counts"]["likes"]), (&Value::Bool(true), &Value::from(1)));
}
