//! Batches of events as clients send them, good and bad.

use crate::house::{House, Person, Reply, house};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use std::io::Write;

struct Sent<'a> {
    content_type: &'a str,
    encoding: Option<&'a str>,
    token: Option<&'a str>,
    body: Vec<u8>,
}

async fn send(h: &House, sent: Sent<'_>) -> Reply {
    let mut request =
        Request::builder().method("POST").uri("/v1/events").header("content-type", sent.content_type);
    if let Some(encoding) = sent.encoding {
        request = request.header("content-encoding", encoding);
    }
    if let Some(token) = sent.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    h.send(request.body(Body::from(sent.body)).expect("a request")).await
}

async fn batch(h: &House, who: &Person, events: Value) -> Reply {
    h.post("/v1/events", Some(who), json!({"epoch": 1, "sent_at": 1_000, "events": events})).await
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn one(seq: u64) -> Value {
    json!({"seq": seq, "type": "view_end", "video_id": "0000000000001", "dwell_ms": 2_500, "ts": 900})
}

#[tokio::test]
async fn a_batch_is_taken_once() {
    let h = house().await;
    let ann = h.guest().await;
    let events = json!([one(1), one(2), {"seq": 3, "type": "nonsense"}]);
    let expected = |accepted: u64, duplicate: u64| {
        let rejected = json!([{"i": 2, "code": "unknown_type"}]);
        json!({"accepted": accepted, "duplicate": duplicate, "rejected": rejected, "next_seq": 4})
    };
    let first = batch(&h, &ann, events.clone()).await;
    assert_eq!((first.status.as_u16(), first.json()), (202, expected(2, 0)));
    assert_eq!(batch(&h, &ann, events).await.json(), expected(0, 2));
}

#[tokio::test]
async fn beacons_lines_and_gzip_are_understood() {
    let h = house().await;
    let ann = h.guest().await;
    let whole = |epoch: u64, token: Option<&str>| {
        json!({"epoch": epoch, "token": token, "events": [one(1)]}).to_string().into_bytes()
    };
    let beacon = Sent {
        content_type: "text/plain;charset=UTF-8",
        encoding: None,
        token: None,
        body: whole(1, Some(&ann.token)),
    };
    assert_eq!(send(&h, beacon).await.json()["accepted"], 1);
    let lines = format!("{}\n{}\n{}\n", json!({"epoch": 2}), one(1), one(2)).into_bytes();
    let lines =
        Sent { content_type: "application/x-ndjson", encoding: None, token: Some(&ann.token), body: lines };
    assert_eq!(send(&h, lines).await.json()["accepted"], 2);
    let small = Sent {
        content_type: "application/json",
        encoding: Some("gzip"),
        token: Some(&ann.token),
        body: gzip(&whole(3, None)),
    };
    assert_eq!(send(&h, small).await.json()["accepted"], 1);
}

#[tokio::test]
async fn unreadable_batches_are_problems_and_never_faults() {
    let h = house().await;
    let ann = h.guest().await;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let many = json!({"epoch": 1, "events": vec![one(1); 501]}).to_string();
    for (content_type, encoding, body, problem) in [
        ("application/json", None, b"{".to_vec(), "invalid-json"),
        ("application/json", None, b"[]".to_vec(), "invalid-json"),
        ("application/json", None, b"\xff\xfe".to_vec(), "invalid-json"),
        ("application/json", None, b"{\"events\":[]}".to_vec(), "invalid-json"),
        ("application/json", None, b"{\"epoch\":\"x\",\"events\":[]}".to_vec(), "invalid-json"),
        ("application/json", None, b"{\"epoch\":-1,\"events\":[]}".to_vec(), "invalid-json"),
        ("application/json", None, deep.into_bytes(), "invalid-json"),
        ("application/json", None, many.into_bytes(), "payload-too-large"),
        ("application/json", None, vec![b' '; 600_000], "payload-too-large"),
        ("application/json", Some("gzip"), gzip(&vec![b' '; 1_000_000]), "payload-too-large"),
        ("application/json", Some("gzip"), b"not gzip".to_vec(), "invalid-request"),
        ("application/json", Some("br"), b"x".to_vec(), "unsupported-media-type"),
        ("image/png", None, b"x".to_vec(), "unsupported-media-type"),
    ] {
        let said = format!("{content_type} {encoding:?} {:?}", &body[..body.len().min(30)]);
        let reply = send(&h, Sent { content_type, encoding, token: Some(&ann.token), body }).await;
        assert_eq!(reply.problem(), problem, "{said}");
    }
    let nobody =
        Sent { content_type: "text/plain", encoding: None, token: None, body: b"{\"epoch\":1}".to_vec() };
    assert_eq!(send(&h, nobody).await.problem(), "unauthorized");
    let forged = json!({"epoch": 1, "token": "a.b.c", "events": []}).to_string().into_bytes();
    let forged = Sent { content_type: "text/plain", encoding: None, token: None, body: forged };
    assert_eq!(send(&h, forged).await.problem(), "unauthorized");
}

#[tokio::test]
async fn too_many_events_are_told_when_to_come_back() {
    let h = house().await;
    let ann = h.guest().await;
    for epoch in 1..=10 {
        let events: Vec<Value> = (1..=500).map(one).collect();
        let reply = h.post("/v1/events", Some(&ann), json!({"epoch": epoch, "events": events})).await;
        assert_eq!(reply.status, 202);
    }
    let reply = batch(&h, &ann, json!([one(1)])).await;
    assert_eq!(reply.problem(), "rate-limited");
    assert!(reply.header("retry-after").parse::<u32>().expect("seconds") >= 1);
}

#[tokio::test]
async fn the_seeds_event_sets_a_like_and_takes_a_view() {
    let h = house().await;
    let (owner, ann) = (h.guest().await, h.guest().await);
    let id = h.published(&owner).await;
    for (body, status) in [
        (json!({"type": "like", "video_id": id, "dwell_ms": 100, "something": "else"}), 202),
        (json!({"type": "view", "video_id": id, "dwell_ms": 2_500}), 202),
        (json!({"type": "view", "video_id": id, "dwell_ms": -1}), 400),
        (json!({"type": "view"}), 400),
        (json!({"type": "explode", "video_id": id}), 400),
        (json!({"type": "view", "video_id": "0000000000009"}), 404),
        (json!({"type": "view", "video_id": 7}), 400),
    ] {
        let reply = h.post("/event", Some(&ann), body.clone()).await;
        assert_eq!(reply.status, status, "{body}");
    }
    let seen = h.get(&format!("/v1/videos/{id}"), Some(&ann)).await.json();
    assert_eq!((&seen["liked"], &seen["counts"]["likes"]), (&json!(true), &json!(1)));
}
