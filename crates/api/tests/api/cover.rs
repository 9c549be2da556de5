//! The owner's own picture for the cover of a video.

use crate::house::{House, Person, Reply, house};
use axum::body::Body;
use catalog::jobs::COVER;
use catalog::{AskedCover, Cover, CoverState, Edit, OwnCover};
use http::{Request, header};
use transcode::port::{Content, MediaStore};
use vocab::{FailureReason, MediaKey, Status, VideoId, Visibility};
use work::{JobFilter, JobStore};

/// As far as its tables go.
fn picture(n: u8) -> Vec<u8> {
    vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 4, 0, 3, 0, 1, 1, 0x11, 0, n, 0xff, 0xd9]
}

async fn put(h: &House, who: Option<&Person>, id: VideoId, kind: &str, body: impl Into<Body>) -> Reply {
    let mut request = Request::put(format!("/v1/videos/{id}/cover")).header(header::CONTENT_TYPE, kind);
    if let Some(who) = who {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", who.token));
    }
    h.send(request.body(body.into()).expect("a request")).await
}

async fn orders(h: &House) -> usize {
    let filter = JobFilter { kind: Some(COVER.into()), limit: 99, ..JobFilter::default() };
    h.jobs.list(filter).await.expect("a list").len()
}

#[tokio::test]
async fn a_picture_is_taken_ordered_once_and_shown_to_nobody() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let before = h.get(&format!("/v1/videos/{id}"), None).await.json();
    for _ in 0..2 {
        let reply = put(&h, Some(&owner), id, "image/jpeg", picture(1)).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        assert_eq!(reply.json()["own"], false);
        assert_eq!(reply.json()["pending"]["state"], "checking");
    }
    assert_eq!(orders(&h).await, 1, "the same again orders nothing");
    let after = h.get(&format!("/v1/videos/{id}"), None).await.json();
    assert_eq!(after["playback"], before["playback"]);
    put(&h, Some(&owner), id, "IMAGE/JPEG; q=1", picture(2)).await;
    assert_eq!(orders(&h).await, 2);
    let path = format!("/v1/videos/{id}/cover");
    for _ in 0..2 {
        assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.status, 204);
    }
    assert!(h.get(&path, Some(&owner)).await.json()["pending"].is_null());
}

#[tokio::test]
async fn so_many_pictures_a_day_are_taken_for_one_cover() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    for n in 0..20 {
        assert_eq!(put(&h, Some(&owner), id, "image/jpeg", picture(n)).await.status, 202, "{n}");
    }
    let more = put(&h, Some(&owner), id, "image/jpeg", picture(20)).await;
    assert_eq!((more.status.as_u16(), more.problem().as_str()), (429, "quota-exceeded"));
    assert_eq!(more.json()["limit"], 20);
    assert_eq!(orders(&h).await, 20, "nothing was ordered for it");
    let same = put(&h, Some(&owner), id, "image/jpeg", picture(19)).await;
    assert_eq!(same.status, 202, "what is there already costs nothing");
    let path = format!("/v1/videos/{id}/cover");
    assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.status, 204, "back is always possible");
}

#[tokio::test]
async fn what_is_no_picture_is_refused_with_a_sentence() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.video(&owner, Status::Reserved, Visibility::Public).await;
    let svg = put(&h, Some(&owner), id, "image/svg+xml", "<svg/>").await;
    assert_eq!((svg.status.as_u16(), svg.problem().as_str()), (415, "unsupported-media-type"));
    for (body, code) in [
        (b"<svg/>".to_vec(), "cover.not_a_picture"),
        (b"#EXTM3U\nfile:///etc/passwd\n".to_vec(), "cover.not_a_picture"),
        (vec![], "cover.not_a_picture"),
        (picture(1)[..14].to_vec(), "cover.unreadable"),
    ] {
        let reply = put(&h, Some(&owner), id, "image/jpeg", body).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.json()["errors"][0]["code"], code);
    }
    let other = put(&h, Some(&owner), id, "image/webp", picture(1)).await;
    assert_eq!(other.json()["errors"][0]["code"], "cover.other_kind");
    let large = put(&h, Some(&owner), id, "image/jpeg", vec![0xff; (10 << 20) + 1]).await;
    assert_eq!((large.status.as_u16(), large.problem().as_str()), (413, "payload-too-large"));
    assert_eq!(orders(&h).await, 0);
}

#[tokio::test]
async fn covers_are_for_owners_alone() {
    let h = house().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let id = h.published(&owner).await;
    let path = format!("/v1/videos/{id}/cover");
    assert_eq!(put(&h, None, id, "image/jpeg", picture(1)).await.problem(), "unauthorized");
    assert_eq!(put(&h, Some(&other), id, "image/jpeg", picture(1)).await.problem(), "forbidden");
    assert_eq!(h.get(&path, Some(&other)).await.problem(), "forbidden");
    assert_eq!(h.call("DELETE", &path, Some(&other), None).await.problem(), "forbidden");
    let removed = h.video(&owner, Status::Removed, Visibility::Public).await;
    assert_eq!(put(&h, Some(&owner), removed, "image/jpeg", picture(1)).await.problem(), "gone");
}

#[tokio::test]
async fn an_owner_reads_where_a_picture_stands() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let path = format!("/v1/videos/{id}/cover");
    let none = h.get(&path, Some(&owner)).await.json();
    assert_eq!((none["own"].as_bool(), none["pending"].is_null()), (Some(false), true));
    let refused = CoverState::Refused(FailureReason::new("hate", "Not like this.", false));
    for (state, word) in [(CoverState::InReview, "in_review"), (refused, "refused")] {
        let asked = Some(AskedCover { n: 1, sha256: "ab".repeat(32), state });
        let (sent_sha256, sha256) = ("cd".repeat(32), "ef".repeat(32));
        let shown = Some(OwnCover { n: 0, sent_sha256, sha256, blurhash: None });
        let revision = h.videos.get(id).await.expect("there").revision;
        let edit = Edit { cover: Some(Cover { asked, shown }), ..Edit::default() };
        h.videos.edit(id, revision, edit).await.expect("edited");
        let said = h.get(&path, Some(&owner)).await.json();
        assert_eq!((said["own"].as_bool(), said["pending"]["state"].as_str()), (Some(true), Some(word)));
    }
    let said = h.get(&path, Some(&owner)).await.json();
    assert_eq!(said["pending"]["reason"], "Not like this.");
}

#[tokio::test]
async fn a_moderator_sees_and_decides_a_picture() {
    let h = house().await;
    let (owner, moderator) = (h.guest().await, h.moderator().await);
    let id = h.published(&owner).await;
    let missing = h.get(&format!("/v1/moderation/videos/{id}/covers/1"), Some(&moderator)).await;
    assert_eq!(missing.status, 404);
    let path = format!("/v1/moderation/videos/{id}/cover/decision");
    let none = h.post(&path, Some(&moderator), serde_json::json!({"n": 1, "decision": "approve"})).await;
    assert_eq!(none.status, 404, "nothing was looked at: {none:?}");
    let bytes = Content::Bytes(vec![8u8; 10].into());
    h.media.put(MediaKey::SentCover { video: id, digest: 1 }, bytes).await.expect("stored");
    let leak = h.get(&format!("/p/{id}/cover"), Some(&moderator)).await;
    assert_eq!(leak.status, 404, "no private object has an address");
}
