//! Looking at, changing and deleting videos.

use crate::house::{LINK_KEY, house};
use serde_json::json;
use vocab::{Millis, Status, Visibility};

#[tokio::test]
async fn everybody_sees_a_published_video_and_its_playback() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let reply = h.get(&format!("/v1/videos/{id}"), None).await;
    assert_eq!(reply.status, 200);
    let v = reply.json();
    assert_eq!((v["id"].as_str(), v["status"].as_str()), (Some(id.to_string().as_str()), Some("published")));
    assert_eq!(v["owner"]["id"], owner.id.to_string());
    assert_eq!(v["status_text"], "Live");
    assert_eq!(v["playback"]["start_rung"], 360);
    assert_eq!(v["playback"]["retention_ppm"].as_array().map(Vec::len), Some(20));
    let url = v["playback"]["multivariant_url"].as_str().expect("a url");
    assert!(url.starts_with(&format!("/v/{id}/")) && url.ends_with("/main.m3u8"), "{url}");
    assert_eq!(v["link"], format!("http://signal.test/watch/{id}"));
    assert!(v["failure"].is_null() && v["verdict"].is_null());
}

#[tokio::test]
async fn strangers_learn_nothing_of_what_is_not_published() {
    let h = house().await;
    let (owner, stranger) = (h.guest().await, h.guest().await);
    for status in Status::ALL {
        let id = h.video(&owner, status, Visibility::Public).await;
        let path = format!("/v1/videos/{id}");
        let expected = match status {
            Status::Published => 200,
            // Was public, or may have been: whoever could have seen it is told.
            Status::Removed => 410,
            Status::Erased => 410,
            _ => 404,
        };
        for who in [None, Some(&stranger)] {
            assert_eq!(h.get(&path, who).await.status, expected, "{status:?}");
        }
        let own = if matches!(status, Status::Removed | Status::Erased) { 410 } else { 200 };
        assert_eq!(h.get(&path, Some(&owner)).await.status, own, "{status:?}");
    }
}

#[tokio::test]
async fn an_unlisted_video_opens_with_its_key_and_a_private_one_for_its_owner() {
    let h = house().await;
    let (owner, moderator) = (h.guest().await, h.moderator().await);
    let unlisted = h.video(&owner, Status::Published, Visibility::Unlisted).await;
    let private = h.video(&owner, Status::Published, Visibility::Private).await;
    assert_eq!(h.get(&format!("/v1/videos/{unlisted}"), None).await.status, 404);
    assert_eq!(h.get(&format!("/v1/videos/{unlisted}?key=wrong"), None).await.status, 404);
    let opened = h.get(&format!("/v1/videos/{unlisted}?key={LINK_KEY}"), None).await;
    assert_eq!(opened.status, 200);
    assert!(opened.json()["link"].as_str().expect("a link").ends_with(&format!("?key={LINK_KEY}")));
    assert_eq!(h.get(&format!("/v1/videos/{private}?key={LINK_KEY}"), None).await.status, 404);
    assert_eq!(h.get(&format!("/v1/videos/{private}"), Some(&owner)).await.status, 200);
    assert_eq!(h.get(&format!("/v1/videos/{private}"), Some(&moderator)).await.status, 200);
}

#[tokio::test]
async fn only_the_owner_edits() {
    let h = house().await;
    let (owner, other, moderator) = (h.guest().await, h.guest().await, h.moderator().await);
    let id = h.published(&owner).await;
    let path = format!("/v1/videos/{id}");
    let edit = json!({"title": "  A beach  ", "hashtags": ["#Sea"], "visibility": "unlisted"});
    for who in [&other, &moderator] {
        let refused = h.call("PATCH", &path, Some(who), Some(edit.clone())).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (403, "forbidden"));
    }
    let edited = h.call("PATCH", &path, Some(&owner), Some(edit)).await;
    assert_eq!(edited.status, 200);
    let v = edited.json();
    assert_eq!(
        (&v["title"], &v["hashtags"], &v["visibility"]),
        (&json!("A beach"), &json!(["sea"]), &json!("unlisted"))
    );
    assert_eq!(h.get(&path, None).await.status, 404);
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let path = format!("/v1/videos/{id}");
    let refused = h.call("PATCH", &path, Some(&owner), Some(json!({"title": "x".repeat(101)}))).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "invalid-request"));
    assert_eq!(refused.json()["errors"][0]["field"], "title");
    let refused = h.call("PATCH", &path, Some(&owner), Some(json!({"visibility": "friends"}))).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "invalid-json"));
    assert_eq!(refused.json()["errors"][0]["field"], "visibility");
}

#[tokio::test]
async fn a_deleted_video_comes_back_within_ten_seconds() {
    let h = house().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let id = h.published(&owner).await;
    let path = format!("/v1/videos/{id}");
    assert_eq!(h.call("DELETE", &path, Some(&other), None).await.status, 403);
    for _ in 0..2 {
        assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.status, 204);
    }
    assert_eq!(h.get(&path, None).await.problem(), "gone");
    h.clock.advance(Millis(9_000));
    let back = h.call("POST", &format!("{path}/restore"), Some(&owner), None).await;
    assert_eq!((back.status.as_u16(), back.json()["status"].as_str()), (200, Some("published")));
    h.call("DELETE", &path, Some(&owner), None).await;
    h.clock.advance(Millis(11_000));
    let late = h.call("POST", &format!("{path}/restore"), Some(&owner), None).await;
    assert_eq!((late.status.as_u16(), late.problem().as_str()), (410, "gone"));
}

#[tokio::test]
async fn a_rejected_video_is_looked_at_again_once() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.video(&owner, Status::Rejected, Visibility::Public).await;
    let path = format!("/v1/videos/{id}/appeal");
    assert_eq!(h.post(&path, Some(&owner), json!({"message": " "})).await.status, 400);
    let asked = h.post(&path, Some(&owner), json!({"message": "It is a statue."})).await;
    assert_eq!((asked.status.as_u16(), asked.json()["status"].as_str()), (200, Some("in_review")));
    h.advance(id, Status::InReview, Status::Rejected).await;
    let again = h.post(&path, Some(&owner), json!({"message": "Please."})).await;
    assert_eq!((again.status.as_u16(), again.problem().as_str()), (409, "conflict"));
    assert_eq!(again.json()["status_now"], "rejected");
}

#[tokio::test]
async fn a_failed_video_is_tried_again_where_that_can_help() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.video(&owner, Status::Failed, Visibility::Public).await;
    let seen = h.get(&format!("/v1/videos/{id}"), Some(&owner)).await.json();
    assert_eq!(seen["failure"]["code"], "media.timeout");
    let path = format!("/v1/videos/{id}/retry");
    let again = h.call("POST", &path, Some(&owner), None).await;
    assert_eq!((again.status.as_u16(), again.json()["status"].as_str()), (200, Some("uploaded")));
    assert_eq!(h.call("POST", &path, Some(&owner), None).await.status, 409);
}

#[tokio::test]
async fn progress_is_told_to_the_owner_alone() {
    use catalog::StatusListener;
    let h = house().await;
    let (owner, moderator) = (h.guest().await, h.moderator().await);
    let id = h.video(&owner, Status::Encoding, Visibility::Public).await;
    h.hub.progressed(id, owner.id, Status::Encoding, 63).await;
    let path = format!("/v1/videos/{id}");
    let seen = h.get(&path, Some(&owner)).await.json();
    assert_eq!(
        (&seen["progress_percent"], &seen["status_text"]),
        (&json!(63), &json!("Making it play everywhere 63 %"))
    );
    assert_eq!(h.get(&path, Some(&moderator)).await.json()["progress_percent"], 63);
}
