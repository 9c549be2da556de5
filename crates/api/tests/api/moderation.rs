//! The moderators' console as a client meets it.

use crate::house::{House, Person, house_with};
use catalog::{Advance, VideoStore};
use moderation::{
    ClassifierId, Content, Decider, Decision, Desk, JudgedFrame, LabelSummary, MemoryBlockList,
    MemoryModerationStore, MemorySourceFiles, ModerationPolicy, ModerationRecord, ModerationStore, Reviews,
    ReviewsDeps, SourceFiles, record::digest_of,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stdx::Clock;
use vocab::{Finding, MediaKey, Millis, Status, UploadId, Verdict, VideoId, Visibility};
use work::Jobs;

struct Console {
    h: House,
    store: Arc<MemoryModerationStore>,
    files: Arc<MemorySourceFiles>,
    owner: Person,
    moderator: Person,
}

async fn console() -> Console {
    let store = Arc::new(MemoryModerationStore::default());
    let files = Arc::new(MemorySourceFiles::default());
    let (kept, shown) = (store.clone(), files.clone());
    let h = house_with(move |deps| {
        let jobs = Jobs::new(deps.jobs.clone(), deps.clock.clone(), deps.entropy.clone());
        let desk = Desk {
            videos: deps.videos.clone(),
            listener: deps.hub.clone(),
            jobs,
            store: kept,
            clock: deps.clock.clone(),
            policy: Arc::new(ModerationPolicy::default()),
        };
        let blocks = Arc::new(MemoryBlockList::default());
        let entropy = deps.entropy.clone();
        let frame_blocks = Arc::new(moderation::MemoryFrameBlockList::default());
        let files = shown;
        deps.reviews = Arc::new(Reviews::new(ReviewsDeps { desk, blocks, frame_blocks, files, entropy }));
    })
    .await;
    let (owner, moderator) = (h.guest().await, h.moderator().await);
    Console { h, store, files, owner, moderator }
}

/// The original of every video here: an MP4 by its first bytes, 1,000 bytes long.
fn original() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..1_000u32).map(|i| (i % 251) as u8).collect();
    bytes[4..8].copy_from_slice(b"ftyp");
    bytes
}

fn on_disk() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("original-{}.mp4", NEXT.fetch_add(1, Ordering::Relaxed));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, original()).expect("written");
    path
}

impl Console {
    /// A video in review with one hot frame of two.
    async fn waiting(&self) -> VideoId {
        let now = self.h.clock.now();
        let upload = UploadId(5);
        let id = self.h.video(&self.owner, Status::Judging, Visibility::Public).await;
        self.files.put_raw(id, upload, on_disk());
        let mut step = Advance::new(id, Status::Judging, Status::InReview, now);
        step.facts.upload = Some(upload);
        self.h.videos.advance(step).await.expect("in review");
        let content = format!("{:064x}", id.0);
        let mut record = ModerationRecord::begin(id, content.clone(), 1);
        let finding = Finding {
            name: "Explicit".into(),
            parent: String::new(),
            level: 1,
            confidence: 91.0,
            at_ms: 1_000,
        };
        record.frames = vec![
            JudgedFrame { n: 1, at_ms: Millis(0), findings: vec![] },
            JudgedFrame { n: 2, at_ms: Millis(1_000), findings: vec![finding] },
        ];
        record.unjudged = vec!["Violence".into()];
        record.classifier = Some(ClassifierId { name: "toy".into(), version: "1".into() });
        record.labels = vec![LabelSummary {
            name: "Explicit".into(),
            max_confidence: 91.0,
            hot_frames: 1,
            frames: 2,
            reject_at: Some(98),
            review_at: Some(85),
        }];
        record.decide(Decision {
            at: now,
            content_sha256: content.clone(),
            by: None,
            decided_by: Decider::Classifier,
            verdict: Verdict::Escalate,
            reason_code: Some("sexual_content".into()),
            reason: Some("hot".into()),
            undoes: None,
        });
        self.store.save(record).await.expect("saved");
        let digest = digest_of(&content).expect("a digest");
        for n in [1, 2] {
            let key = MediaKey::ReviewFrame { video: id, digest, n };
            self.files
                .put_private(key, Content::Bytes(vec![0xff, 0xd8, n as u8].into()))
                .await
                .expect("kept");
        }
        self.h.clock.advance(Millis(5_000));
        id
    }

    async fn decide(&self, id: VideoId, body: Value) -> crate::house::Reply {
        self.h.post(&format!("/v1/moderation/videos/{id}/decision"), Some(&self.moderator), body).await
    }

    async fn case(&self, id: VideoId) -> Value {
        self.h.get(&format!("/v1/moderation/videos/{id}"), Some(&self.moderator)).await.json()
    }

    async fn status(&self, id: VideoId) -> Status {
        self.h.videos.get(id).await.expect("a video").status
    }
}

#[tokio::test]
async fn the_queue_tells_what_waits_why_and_for_how_long() {
    let c = console().await;
    let (first, second) = (c.waiting().await, c.waiting().await);
    let page = c.h.get("/v1/moderation/queue?limit=1", Some(&c.moderator)).await.json();
    let item = &page["items"][0];
    assert_eq!(item["video_id"], first.to_string());
    assert_eq!(item["owner"]["id"], c.owner.id.to_string());
    assert_eq!((&item["reason"], &item["top_score"]), (&json!("sexual_content"), &json!(91)));
    assert!(item["waiting_ms"].as_i64().is_some_and(|ms| ms >= 10_000));
    // The hottest frame, with a ticket: a picture without a token.
    let poster = item["poster_url"].as_str().expect("a poster");
    assert!(poster.contains("/frames/2?ticket="));
    assert_eq!(c.h.get(poster, None).await.body.as_ref(), [0xff, 0xd8, 2]);
    let cursor = page["next_cursor"].as_str().expect("more");
    let next = format!("/v1/moderation/queue?limit=1&cursor={cursor}");
    let page = c.h.get(&next, Some(&c.moderator)).await.json();
    assert_eq!(page["items"][0]["video_id"], second.to_string());
    assert_eq!(page["handled_today"], 0);
    let other = c.h.moderator().await;
    assert_eq!(c.h.get(&next, Some(&other)).await.problem(), "invalid-cursor");
}

#[tokio::test]
async fn a_case_tells_everything() {
    let c = console().await;
    let id = c.waiting().await;
    let case = c.case(id).await;
    assert_eq!(case["video"]["status"], "in_review");
    assert_eq!(case["frames"][1]["findings"][0]["name"], "Explicit");
    assert_eq!(case["unjudged"], json!(["Violence"]));
    assert_eq!(case["decisions"][0]["by"], "classifier");
    assert_eq!(
        (&case["classifier"], &case["blocked"]),
        (&json!({"name": "toy", "version": "1"}), &json!(false))
    );
    assert_eq!(case["labels"][0]["review_at"], 85);
    let missing = c.h.get("/v1/moderation/videos/0000000000zzz", Some(&c.moderator)).await;
    assert_eq!(missing.problem(), "not-found");
}

#[tokio::test]
async fn frames_open_by_token_or_ticket_and_by_nothing_else() {
    let c = console().await;
    let (id, other) = (c.waiting().await, c.waiting().await);
    let plain = format!("/v1/moderation/videos/{id}/frames/1");
    let reply = c.h.get(&plain, Some(&c.moderator)).await;
    assert_eq!((reply.header("content-type"), reply.body.len()), ("image/jpeg", 3));
    assert!(reply.header("cache-control").starts_with("private"));
    assert_eq!(c.h.get(&plain, None).await.problem(), "unauthorized");
    assert_eq!(c.h.get(&plain, Some(&c.owner)).await.problem(), "forbidden");
    let case = c.case(id).await;
    let url = case["frames"][0]["url"].as_str().expect("an address").to_owned();
    assert_eq!(c.h.get(&url, None).await.status, 200);
    // A viewer's token is not helped by a ticket, nor is another video, nor a changed ticket.
    assert_eq!(c.h.get(&url, Some(&c.owner)).await.problem(), "forbidden");
    let elsewhere = url.replace(&id.to_string(), &other.to_string());
    assert_eq!(c.h.get(&elsewhere, None).await.problem(), "unauthorized");
    assert_eq!(c.h.get(&format!("{url}A"), None).await.problem(), "unauthorized");
    assert_eq!(c.h.get(&format!("{plain}0"), Some(&c.moderator)).await.problem(), "not-found");
    assert_eq!(c.h.get(&format!("{plain}x"), Some(&c.moderator)).await.problem(), "not-found");
    c.h.clock.advance(Millis(16 * 60 * 1000));
    assert_eq!(c.h.get(&url, None).await.problem(), "unauthorized");
}

#[tokio::test]
async fn the_original_plays_by_ranges() {
    let c = console().await;
    let id = c.waiting().await;
    let url = c.case(id).await["source_url"].as_str().expect("an address").to_owned();
    let whole = c.h.get(&url, None).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp4"));
    assert_eq!(whole.body.as_ref(), original());
    assert!(whole.header("content-security-policy").contains("sandbox"));
    let part = c.h.fetch(&url, &[("range", "bytes=100-199")]).await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, "bytes 100-199/1000"));
    assert_eq!(part.body.as_ref(), &original()[100..200]);
    let tail = c.h.fetch(&url, &[("range", "bytes=-10")]).await;
    assert_eq!(tail.body.as_ref(), &original()[990..]);
    let outside = c.h.fetch(&url, &[("range", "bytes=1000-")]).await;
    assert_eq!((outside.header("content-range"), outside.status.as_u16()), ("bytes */1000", 416));
    assert_eq!(outside.problem(), "bad-range");
    let trail = c.h.get("/v1/moderation/trail?action=view_source", Some(&c.moderator)).await.json();
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(trail["items"][0]["by"], c.moderator.id.to_string());
}

#[tokio::test]
async fn a_rejection_with_a_reason_reaches_its_owner_and_can_be_taken_back() {
    let c = console().await;
    let id = c.waiting().await;
    let refused = c.decide(id, json!({"decision": "reject"})).await;
    assert_eq!(refused.problem(), "invalid-request");
    assert_eq!(refused.json()["errors"][0]["field"], "reason_code");
    assert_eq!(c.decide(id, json!({"decision": "burn"})).await.problem(), "invalid-json");
    let body = json!({"decision": "reject", "reason_code": "spam", "reason": "The link is a trap."});
    let reply = c.decide(id, body).await.json();
    assert_eq!(reply["decisions"][1]["verdict"], "reject");
    assert_eq!(reply["undo_until_ms"], c.h.clock.now().get() + 10_000);
    let seen = c.h.get(&format!("/v1/videos/{id}"), Some(&c.owner)).await.json();
    assert_eq!(
        (&seen["status"], &seen["verdict"]["reason"]),
        (&json!("rejected"), &json!("The link is a trap."))
    );
    let undo = format!("/v1/moderation/videos/{id}/undo");
    let other = c.h.moderator().await;
    assert_eq!(c.h.post(&undo, Some(&other), json!({})).await.problem(), "conflict");
    assert_eq!(c.h.post(&undo, Some(&c.moderator), json!({})).await.status, 200);
    assert_eq!(c.status(id).await, Status::InReview);
    c.decide(id, json!({"decision": "reject", "reason_code": "spam"})).await;
    c.h.clock.advance(Millis(10_001));
    assert_eq!(c.h.post(&undo, Some(&c.moderator), json!({})).await.problem(), "conflict");
}

#[tokio::test]
async fn an_approval_is_encoded_and_counted() {
    let c = console().await;
    let id = c.waiting().await;
    assert_eq!(c.decide(id, json!({"decision": "approve"})).await.status, 200);
    assert_eq!(c.status(id).await, Status::Approved);
    assert_eq!(c.decide(id, json!({"decision": "approve"})).await.problem(), "conflict");
    let page = c.h.get("/v1/moderation/queue", Some(&c.moderator)).await.json();
    assert_eq!((&page["items"], &page["handled_today"]), (&json!([]), &json!(1)));
}

#[tokio::test]
async fn the_block_list_is_kept_and_pages() {
    let c = console().await;
    let hash = |n: u8| format!("{n:02x}").repeat(32);
    for n in 1..=3 {
        let body = json!({"content_sha256": hash(n), "reason_code": "hate", "note": "seen elsewhere"});
        let added = c.h.post("/v1/moderation/blocklist", Some(&c.moderator), body.clone()).await;
        assert_eq!(added.status.as_u16(), 201);
        assert_eq!(c.h.post("/v1/moderation/blocklist", Some(&c.moderator), body).await.status.as_u16(), 200);
    }
    let (mut path, mut seen) = ("/v1/moderation/blocklist?limit=2".to_owned(), Vec::new());
    loop {
        let page = c.h.get(&path, Some(&c.moderator)).await.json();
        let items = page["items"].as_array().expect("items");
        seen.extend(items.iter().map(|e| e["content_sha256"].as_str().expect("a hash").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/moderation/blocklist?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [hash(3), hash(2), hash(1)]);
    let gone = format!("/v1/moderation/blocklist/{}", hash(2));
    assert_eq!(c.h.call("DELETE", &gone, Some(&c.moderator), None).await.status.as_u16(), 204);
    assert_eq!(c.h.call("DELETE", &gone, Some(&c.moderator), None).await.problem(), "not-found");
    let bad = json!({"content_sha256": "xyz", "reason_code": "hate"});
    let refused = c.h.post("/v1/moderation/blocklist", Some(&c.moderator), bad).await;
    assert_eq!(refused.json()["errors"][0]["field"], "content_sha256");
}

#[tokio::test]
async fn reasons_are_listed_with_what_owners_read() {
    let c = console().await;
    let reasons = c.h.get("/v1/moderation/reasons", Some(&c.moderator)).await.json();
    let items = reasons["items"].as_array().expect("items");
    assert!(items.iter().any(|r| r["code"] == "other" && r["needs_text"] == true));
    assert!(items.iter().all(|r| r["owner_text"].as_str().is_some_and(|t| !t.is_empty())));
}

#[tokio::test]
async fn a_report_puts_a_playing_video_before_a_person() {
    let c = console().await;
    let id = c.h.published(&c.owner).await;
    c.store.save(ModerationRecord::begin(id, "ab".repeat(32), 1)).await.expect("saved");
    let viewer = c.h.guest().await;
    let path = format!("/v1/videos/{id}/report");
    let body = json!({"reason_code": "spam", "message": "again and again"});
    assert_eq!(c.h.post(&path, None, body.clone()).await.problem(), "unauthorized");
    assert_eq!(
        c.h.post(&path, Some(&viewer), json!({"reason_code": "a b"})).await.problem(),
        "invalid-request"
    );
    assert_eq!(c.h.post(&path, Some(&viewer), body.clone()).await.status.as_u16(), 202);
    assert_eq!(c.h.post(&path, Some(&viewer), body.clone()).await.status.as_u16(), 202);
    let page = c.h.get("/v1/moderation/queue", Some(&c.moderator)).await.json();
    assert_eq!(
        (&page["items"][0]["reason"], page["items"].as_array().map(Vec::len)),
        (&json!("reported"), Some(1))
    );
    assert_eq!(c.case(id).await["reports"][0]["detail"], "spam again and again");
    assert_eq!(c.status(id).await, Status::Published);
    let hidden = c.h.video(&c.owner, Status::Judging, Visibility::Public).await;
    let path = format!("/v1/videos/{hidden}/report");
    assert_eq!(c.h.post(&path, Some(&viewer), body).await.problem(), "not-found");
}
