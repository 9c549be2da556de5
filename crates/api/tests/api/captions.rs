//! Captions of one's own videos.

use crate::house::{House, Person, Reply, house};
use axum::body::Body;
use http::{Request, header};
use transcode::port::{Content, MediaStore};
use vocab::{MediaKey, Status, VideoId, Visibility};

const FILE: &str = "WEBVTT\n\nNOTE mine\n\n00:01.000 --> 00:02.000\n<v Ann>Hello &amp; welcome\n";

async fn put(h: &House, who: Option<&Person>, path: &str, body: impl Into<Body>) -> Reply {
    let mut request = Request::put(path).header(header::CONTENT_TYPE, "text/vtt; charset=utf-8");
    if let Some(who) = who {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", who.token));
    }
    h.send(request.body(body.into()).expect("a request")).await
}

/// A published video whose poster is in the store.
async fn published(h: &House, owner: &Person) -> VideoId {
    let id = h.published(owner).await;
    let package = h.videos.get(id).await.expect("there").package.expect("published").id;
    let poster = Content::Bytes(vec![8u8; 100].into());
    h.media.put(MediaKey::Poster { video: id, package }, poster).await.expect("stored");
    id
}

#[tokio::test]
async fn an_owner_adds_reads_and_takes_away_captions_of_a_published_video() {
    let h = house().await;
    let owner = h.guest().await;
    let id = published(&h, &owner).await;
    let before = h.get(&format!("/v1/videos/{id}"), None).await.json();
    assert!(before["playback"]["captions"].is_null(), "nothing is said of what there is none of");
    let path = format!("/v1/videos/{id}/captions/PT-br");
    let reply = put(&h, Some(&owner), &path, FILE).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let item = &reply.json()["items"][0];
    assert_eq!((item["language"].as_str(), item["name"].as_str()), (Some("pt-BR"), Some("Português (BR)")));
    assert_eq!((item["cues"].as_u64(), item["shown"].as_bool()), (Some(1), Some(true)));

    let after = h.get(&format!("/v1/videos/{id}"), None).await.json();
    assert_ne!(after["playback"]["package_id"], before["playback"]["package_id"]);
    assert_eq!(after["playback"]["rungs"], before["playback"]["rungs"]);
    let url = after["playback"]["captions"][0]["url"].as_str().expect("a url");
    let key = MediaKey::from_public_path(url).expect("a public path");
    assert!(h.media.get(key).await.is_ok(), "{url}");

    let own = h.get(&path, Some(&owner)).await;
    assert_eq!(own.header("content-type"), "text/vtt; charset=utf-8");
    assert_eq!(own.body, "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello &amp; welcome\n");
    let list = h.get(&format!("/v1/videos/{id}/captions"), Some(&owner)).await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));

    for _ in 0..2 {
        assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.status, 204);
    }
    assert_eq!(h.get(&path, Some(&owner)).await.status, 404);
    assert!(h.get(&format!("/v1/videos/{id}"), None).await.json()["playback"]["captions"].is_null());
}

#[tokio::test]
async fn captions_with_a_blocked_word_are_refused_and_named() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.video(&owner, Status::Reserved, Visibility::Public).await;
    let file = FILE.replace("Hello", "Ｆｏｒｂｉｄｄｅｎ");
    let reply = put(&h, Some(&owner), &format!("/v1/videos/{id}/captions/en"), file).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "invalid-request"));
    assert_eq!(reply.json()["errors"][0]["code"], "blocked_words");
}

#[tokio::test]
async fn captions_before_publication_wait() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.video(&owner, Status::Reserved, Visibility::Public).await;
    let reply = put(&h, Some(&owner), &format!("/v1/videos/{id}/captions/en"), FILE).await;
    assert_eq!(reply.json()["items"][0]["shown"], false);
}

#[tokio::test]
async fn captions_are_for_owners_alone() {
    let h = house().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let id = published(&h, &owner).await;
    let path = format!("/v1/videos/{id}/captions/en");
    assert_eq!(put(&h, None, &path, FILE).await.problem(), "unauthorized");
    assert_eq!(put(&h, Some(&other), &path, FILE).await.problem(), "forbidden");
    assert_eq!(h.get(&format!("/v1/videos/{id}/captions"), Some(&other)).await.problem(), "forbidden");
    assert_eq!(h.call("DELETE", &path, Some(&other), None).await.problem(), "forbidden");
    let hidden = h.video(&owner, Status::Judging, Visibility::Public).await;
    let path = format!("/v1/videos/{hidden}/captions/en");
    assert_eq!(put(&h, Some(&other), &path, FILE).await.problem(), "not-found");
    let removed = h.video(&owner, Status::Removed, Visibility::Public).await;
    assert_eq!(
        put(&h, Some(&owner), &format!("/v1/videos/{removed}/captions/en"), FILE).await.problem(),
        "gone"
    );
}

#[tokio::test]
async fn captions_that_change_too_often_are_told_when_to_come_back() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.video(&owner, Status::Reserved, Visibility::Public).await;
    let path = format!("/v1/videos/{id}/captions/en");
    let file = |n: u32| format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{n}\n");
    for n in 0..50 {
        assert_eq!(put(&h, Some(&owner), &path, file(n)).await.status, 200, "{n}");
    }
    let more = put(&h, Some(&owner), &path, file(50)).await;
    assert_eq!((more.status.as_u16(), more.problem().as_str()), (429, "quota-exceeded"));
    assert_eq!(more.json()["limit"], 50);
    let wait: u32 = more.header("retry-after").parse().expect("seconds");
    assert!((86_000..=86_401).contains(&wait), "{wait}");
    assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.problem(), "quota-exceeded");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said() {
    let h = house().await;
    let owner = h.guest().await;
    let id = published(&h, &owner).await;
    let path = format!("/v1/videos/{id}/captions/en");
    let bad =
        put(&h, Some(&owner), &path, "WEBVTT\n\n00:01.000 --> 00:02.000\n<script>alert(1)</script>\n").await;
    assert_eq!((bad.status.as_u16(), bad.problem().as_str()), (400, "invalid-request"));
    assert!(bad.json()["detail"].as_str().expect("text").starts_with("line 4: markup"), "{bad:?}");
    let tag = put(&h, Some(&owner), &format!("/v1/videos/{id}/captions/klingon"), FILE).await;
    assert!(tag.json()["detail"].as_str().expect("text").contains("not a language tag"), "{tag:?}");
    let large = put(&h, Some(&owner), &path, vec![b'x'; (256 << 10) + 1]).await;
    assert_eq!(large.problem(), "payload-too-large");
    let json = h.call("PUT", &path, Some(&owner), Some(serde_json::json!({}))).await;
    assert_eq!(json.problem(), "unsupported-media-type");
}
