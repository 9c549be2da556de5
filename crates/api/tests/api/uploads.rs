//! Uploads as a client goes through them.

use crate::house::{House, Person, house_with};
use axum::body::Body;
use bytes::Bytes as Octets;
use catalog::policy::MetadataPolicy;
use http::Request;
use serde_json::{Value, json};
use std::sync::Arc;
use upload::{MemoryRawStore, MemoryUploadStore, RawStore, UploadPolicy, Uploads, UploadsDeps};
use vocab::{Bytes, MediaKey, Status, UploadId, VideoId};
use work::{JobFilter, JobStore, Jobs};

const MIB: u64 = 1024 * 1024;

async fn house_and_raw() -> (House, Arc<MemoryRawStore>) {
    let raw = Arc::new(MemoryRawStore::with_room(Bytes(400_000_000)));
    let store = Arc::clone(&raw);
    let house = house_with(move |deps| {
        let parts = UploadsDeps {
            store: Arc::new(MemoryUploadStore::default()),
            raw: store,
            videos: deps.videos.clone(),
            jobs: Jobs::new(deps.jobs.clone(), deps.clock.clone(), deps.entropy.clone()),
            clock: deps.clock.clone(),
            entropy: deps.entropy.clone(),
        };
        deps.uploads = Arc::new(Uploads::new(parts, UploadPolicy::default(), MetadataPolicy::default()));
    })
    .await;
    (house, raw)
}

fn clip() -> Value {
    json!({"filename": "IMG_0001.MOV", "size_bytes": 5 * MIB + 3, "content_type": "video/quicktime", "title": "Sea"})
}

async fn started(h: &House, who: &Person) -> Value {
    let reply = h.call("POST", "/v1/uploads", Some(who), Some(clip())).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

fn id_of(ticket: &Value) -> (UploadId, VideoId, String) {
    let text = |name: &str| ticket[name].as_str().expect("a text").to_owned();
    let upload = text("upload_id");
    (
        upload.parse().expect("an id"),
        text("video_id").parse().expect("an id"),
        format!("/v1/uploads/{upload}"),
    )
}

/// What the client's PUT to the signed URL does.
fn put(raw: &MemoryRawStore, ticket: &Value, number: u32, length: u64) {
    let (upload, video, _) = id_of(ticket);
    let bytes = Octets::from(vec![number as u8; length as usize]);
    // The memory store names its tickets in the order they were begun.
    let landed = (1..50).any(|n| {
        let key = MediaKey::Raw { video, upload };
        raw.put_part(&key, &format!("ticket-{n}"), number, bytes.clone()).is_ok()
    });
    assert!(landed);
}

#[tokio::test]
async fn a_file_goes_from_parts_to_the_pipeline() {
    let (h, raw) = house_and_raw().await;
    let owner = h.guest().await;
    let ticket = started(&h, &owner).await;
    let (upload, video, path) = id_of(&ticket);
    assert_eq!((&ticket["part_count"], &ticket["part_size_bytes"]), (&json!(2), &json!(5 * MIB)));
    let wants = json!({"parts": [{"number": 2, "size_bytes": 3}, {"number": 1}]});
    let signed = h.call("POST", &format!("{path}/parts"), Some(&owner), Some(wants)).await.json();
    assert_eq!((&signed["parts"][0]["number"], &signed["parts"][0]["size_bytes"]), (&json!(2), &json!(3)));
    let url = signed["parts"][1]["url"].as_str().expect("a url");
    assert!(url.starts_with("http://localhost:8081/"), "{url}");
    put(&raw, &ticket, 2, 3);
    let state = h.get(&path, Some(&owner)).await.json();
    assert_eq!(
        (&state["status"], &state["received_bytes"], &state["missing"]),
        (&json!("open"), &json!(3), &json!([1]))
    );
    assert_eq!(state["received"][0]["number"], 2);
    let early = h.call("POST", &format!("{path}/complete"), Some(&owner), Some(json!({}))).await;
    assert_eq!((early.problem().as_str(), &early.json()["missing"]), ("upload-incomplete", &json!([1])));
    put(&raw, &ticket, 1, 5 * MIB);
    for _ in 0..2 {
        let done = h.call("POST", &format!("{path}/complete"), Some(&owner), Some(json!({}))).await;
        assert_eq!(
            (done.status.as_u16(), done.json()),
            (200, json!({"video_id": video, "status": "uploaded"}))
        );
    }
    let record = h.videos.get(video).await.expect("stands");
    assert_eq!(
        (record.status, record.upload, record.meta.title.as_str()),
        (Status::Uploaded, Some(upload), "Sea")
    );
    let jobs = h.jobs.list(JobFilter { limit: 10, ..JobFilter::default() }).await.expect("lists");
    assert_eq!(
        jobs.iter().map(|j| (j.kind.as_str(), j.key.clone())).collect::<Vec<_>>(),
        [("moderation.judge", video.to_string())]
    );
    let after = h.get(&path, Some(&owner)).await.json();
    assert_eq!((&after["status"], &after["missing"]), (&json!("completed"), &json!([])));
    assert_eq!(h.get("/v1/uploads", Some(&owner)).await.json()["items"], json!([]));
    assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.problem(), "conflict");
    let more = h.call("POST", &format!("{path}/parts"), Some(&owner), Some(json!({"numbers": [1]}))).await;
    assert_eq!(more.problem(), "conflict");
}

#[tokio::test]
async fn nobody_elses_upload_exists() {
    let (h, _) = house_and_raw().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let (_, _, path) = id_of(&started(&h, &owner).await);
    for (method, path, body) in [
        ("GET", path.clone(), None),
        ("DELETE", path.clone(), None),
        ("POST", format!("{path}/parts"), Some(json!({"numbers": [1]}))),
        ("POST", format!("{path}/complete"), Some(json!({}))),
    ] {
        assert_eq!(
            h.call(method, &path, Some(&other), body.clone()).await.problem(),
            "not-found",
            "{method}"
        );
        assert_eq!(h.call(method, &path, None, body).await.problem(), "unauthorized", "{method}");
    }
    assert_eq!(h.get("/v1/uploads", Some(&other)).await.json()["items"], json!([]));
    assert_eq!(h.get("/v1/uploads", Some(&owner)).await.json()["items"][0]["filename"], "IMG_0001.MOV");
    assert_eq!(h.get("/v1/uploads/nonsense", Some(&owner)).await.problem(), "not-found");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let (h, _) = house_and_raw().await;
    let owner = h.guest().await;
    let ask = async |body: Value| h.call("POST", "/v1/uploads", Some(&owner), Some(body)).await;
    let wrong =
        ask(json!({"filename": "notes.txt", "size_bytes": 0, "transform": {"trim_start_ms": -1}})).await;
    assert_eq!(wrong.problem(), "invalid-request");
    let errors = wrong.json();
    let fields: Vec<_> =
        errors["errors"].as_array().expect("a list").iter().map(|e| e["field"].as_str()).collect();
    assert_eq!(fields, [Some("filename"), Some("size_bytes"), Some("transform.trim_start_ms")]);
    let huge = ask(json!({"filename": "a.mp4", "size_bytes": 500_000_001u64})).await;
    assert_eq!((huge.status.as_u16(), huge.problem().as_str()), (413, "payload-too-large"));
    let full = ask(json!({"filename": "a.mp4", "size_bytes": 450_000_000u64})).await;
    assert_eq!((full.status.as_u16(), full.problem().as_str()), (507, "insufficient-storage"));
    for body in [json!([]), json!({"size_bytes": -1}), json!({"size_bytes": "1"}), json!({"hashtags": "a"})] {
        assert_eq!(ask(body.clone()).await.problem(), "invalid-json", "{body}");
    }
    let path = id_of(&started(&h, &owner).await).2;
    for parts in [
        json!({}),
        json!({"numbers": [0]}),
        json!({"numbers": [3]}),
        json!({"numbers": vec![1; 51]}),
        json!({"parts": [{"number": 1, "size_bytes": 4}]}),
        json!({"parts": [{"number": 1, "sha256": "x"}]}),
    ] {
        let reply = h.call("POST", &format!("{path}/parts"), Some(&owner), Some(parts.clone())).await;
        assert_eq!(reply.problem(), "invalid-request", "{parts}");
    }
}

#[tokio::test]
async fn a_key_makes_a_repeated_start_the_same_upload() {
    let (h, raw) = house_and_raw().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let ask = async |who: &Person, body: Value| {
        let request = Request::post("/v1/uploads")
            .header("authorization", format!("Bearer {}", who.token))
            .header("content-type", "application/json")
            .header("idempotency-key", "k-1");
        h.send(request.body(Body::from(body.to_string())).expect("a request")).await
    };
    let first = ask(&owner, clip()).await.json();
    assert_eq!(ask(&owner, clip()).await.json(), first);
    assert_eq!(raw.open_count(), 1);
    let changed = ask(&owner, json!({"filename": "b.mp4", "size_bytes": 9})).await;
    assert_eq!((changed.status.as_u16(), changed.problem().as_str()), (422, "idempotency-mismatch"));
    assert_ne!(ask(&other, clip()).await.json()["upload_id"], first["upload_id"]);
}

#[tokio::test]
async fn quotas_are_told_and_kept() {
    let (h, _) = house_and_raw().await;
    let owner = h.guest().await;
    for _ in 0..5 {
        started(&h, &owner).await;
    }
    let sixth = h.call("POST", "/v1/uploads", Some(&owner), Some(clip())).await;
    assert_eq!((sixth.status.as_u16(), sixth.problem().as_str()), (429, "quota-exceeded"));
    assert_eq!(sixth.header("retry-after"), "", "an open upload does not end by waiting");
    let limits = h.get("/v1/uploads/limits", Some(&owner)).await.json();
    assert_eq!((&limits["quota"]["open_left"], &limits["quota"]["videos_left"]), (&json!(0), &json!(45)));
    assert_eq!((&limits["max_bytes"], &limits["min_part_bytes"]), (&json!(500_000_000), &json!(5 * MIB)));
    assert!(limits["accepted"].as_array().expect("a list").contains(&json!("mov")));
    let stranger = h.get("/v1/uploads/limits", None).await.json();
    assert!(stranger["quota"]["bytes_left"].is_null());
    let path = h.get("/v1/uploads", Some(&owner)).await.json()["items"][0]["upload_id"].clone();
    let path = format!("/v1/uploads/{}", path.as_str().expect("an id"));
    for _ in 0..2 {
        assert_eq!(h.call("DELETE", &path, Some(&owner), None).await.status, 204);
    }
    assert_eq!(h.get(&path, Some(&owner)).await.json()["status"], "aborted");
    started(&h, &owner).await;
}

#[tokio::test]
async fn a_file_that_is_another_one_is_not_taken() {
    let (h, raw) = house_and_raw().await;
    let owner = h.guest().await;
    let ticket = started(&h, &owner).await;
    let (upload, video, path) = id_of(&ticket);
    put(&raw, &ticket, 1, 5 * MIB);
    put(&raw, &ticket, 2, 3);
    let complete =
        async |body: Value| h.call("POST", &format!("{path}/complete"), Some(&owner), Some(body)).await;
    let wrong = complete(json!({"sha256": "0".repeat(64)})).await;
    assert_eq!((wrong.status.as_u16(), wrong.problem().as_str()), (422, "checksum-mismatch"));
    let other_part = complete(json!({"parts": [{"number": 1, "etag": "\"other\""}]})).await;
    assert_eq!(
        (other_part.problem().as_str(), &other_part.json()["missing"]),
        ("upload-incomplete", &json!([1]))
    );
    assert_eq!(h.get(&path, Some(&owner)).await.json()["status"], "open", "the owner may send again");
    assert!(raw.head(&MediaKey::Raw { video, upload }).await.expect("reads").is_none());
    assert_eq!(complete(json!({})).await.status, 200);
}

#[tokio::test]
async fn the_seeds_address_answers() {
    let (h, _) = house_and_raw().await;
    let owner = h.guest().await;
    let ask = json!({"filename": "a.mp4", "sizeBytes": 12 * MIB});
    let reply = h.call("POST", "/upload/presign", Some(&owner), Some(ask)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    assert!(json["uploadId"].is_string() && json["videoId"].is_string());
    assert_eq!(json["parts"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        (&json["parts"][2]["partNumber"], &json["parts"][2]["sizeBytes"]),
        (&json!(3), &json!(2 * MIB))
    );
    assert!(json["parts"][0]["url"].as_str().expect("a url").contains("partNumber=1"));
}
