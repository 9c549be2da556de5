//! Like, save, share.

use crate::house::{LINK_KEY, house};
use serde_json::json;
use vocab::{Status, Visibility};

#[tokio::test]
async fn a_like_is_counted_once_and_can_be_taken_back() {
    let h = house().await;
    let (owner, ann, bob) = (h.guest().await, h.guest().await, h.guest().await);
    let id = h.published(&owner).await;
    let like = format!("/v1/videos/{id}/like");
    for _ in 0..2 {
        assert_eq!(h.call("PUT", &like, Some(&ann), None).await.json(), json!({"liked": true, "likes": 1}));
    }
    assert_eq!(h.call("PUT", &like, Some(&bob), None).await.json()["likes"], 2);
    let seen = h.get(&format!("/v1/videos/{id}"), Some(&ann)).await.json();
    assert_eq!((&seen["liked"], &seen["counts"]["likes"]), (&json!(true), &json!(2)));
    assert_eq!(h.get(&format!("/v1/videos/{id}"), None).await.json()["liked"], false);
    assert_eq!(h.call("DELETE", &like, Some(&ann), None).await.json(), json!({"liked": false, "likes": 1}));
}

#[tokio::test]
async fn saves_and_shares() {
    let h = house().await;
    let (owner, ann) = (h.guest().await, h.guest().await);
    let id = h.published(&owner).await;
    let save = format!("/v1/videos/{id}/save");
    assert_eq!(h.call("PUT", &save, Some(&ann), None).await.json(), json!({"saved": true}));
    assert_eq!(h.get(&format!("/v1/videos/{id}"), Some(&ann)).await.json()["saved"], true);
    assert_eq!(h.call("DELETE", &save, Some(&ann), None).await.json(), json!({"saved": false}));
    let shared = h.call("POST", &format!("/v1/videos/{id}/share"), Some(&ann), None).await.json();
    assert_eq!(shared, json!({"url": format!("http://signal.test/watch/{id}"), "shares": 1}));
}

#[tokio::test]
async fn only_what_one_may_see_can_be_liked() {
    let h = house().await;
    let (owner, ann) = (h.guest().await, h.guest().await);
    let unlisted = h.video(&owner, Status::Published, Visibility::Unlisted).await;
    let judging = h.video(&owner, Status::Judging, Visibility::Public).await;
    let like = format!("/v1/videos/{unlisted}/like");
    assert_eq!(h.call("PUT", &like, Some(&ann), None).await.status, 404);
    assert_eq!(h.call("PUT", &format!("{like}?key={LINK_KEY}"), Some(&ann), None).await.status, 200);
    assert_eq!(h.call("PUT", &format!("/v1/videos/{judging}/like"), Some(&ann), None).await.status, 404);
    assert_eq!(h.call("PUT", &format!("/v1/videos/{judging}/like"), Some(&owner), None).await.status, 409);
    assert_eq!(h.call("DELETE", &format!("/v1/videos/{judging}/like"), Some(&ann), None).await.status, 404);
}

#[tokio::test]
async fn a_like_can_be_taken_back_from_what_is_gone() {
    let h = house().await;
    let (owner, ann) = (h.guest().await, h.guest().await);
    let id = h.published(&owner).await;
    let like = format!("/v1/videos/{id}/like");
    h.call("PUT", &like, Some(&ann), None).await;
    h.advance(id, Status::Published, Status::Removed).await;
    assert_eq!(h.call("PUT", &like, Some(&ann), None).await.status, 410);
    assert_eq!(h.call("DELETE", &like, Some(&ann), None).await.status, 200);
}
