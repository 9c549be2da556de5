//! Cases of [`RawStore`], with a client that sends parts as its engine wants them sent.

use crate::port::{Begin, PartToSign, RawStore, RawStoreError, ReceivedPart, Signing};
use async_trait::async_trait;
use bytes::Bytes as Octets;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{Bytes, MediaKey, Millis, UploadId, VideoId};

/// Sends the bytes of one part as a client does; `Err` with the store's words when refused.
#[async_trait]
pub trait PartSender: Send + Sync + 'static {
    async fn send(&self, key: &MediaKey, ticket: &str, number: u32, bytes: Octets) -> Result<(), String>;
}

#[derive(Clone)]
pub struct RawBench {
    pub raw: Arc<dyn RawStore>,
    pub sender: Arc<dyn PartSender>,
    /// Now, for signatures.
    pub now: Millis,
    /// Whole parts must be at least this long; the last one need not.
    pub part_min: usize,
}

pub fn raw_store() -> Vec<Case<RawBench>> {
    vec![
        case("parts_become_one_object", parts_become_one_object),
        case("the_part_list_is_the_truth", the_part_list_is_the_truth),
        case("a_part_sent_again_replaces", a_part_sent_again_replaces),
        case("finish_refuses_missing_and_changed_parts", finish_refuses_missing_and_changed_parts),
        case("a_wrong_checksum_leaves_no_object", a_wrong_checksum_leaves_no_object),
        case("a_finished_upload_is_gone_and_its_object_stands", a_finished_upload_is_gone),
        case("racing_finishes_make_one_object", racing_finishes_make_one_object),
        case("abort_drops_the_parts_and_may_be_repeated", abort_drops_the_parts),
        case("no_object_no_head", no_object_no_head),
        case("two_uploads_of_a_key_do_not_mix", two_uploads_of_a_key_do_not_mix),
        case("signed_parts_answer_in_order", signed_parts_answer_in_order),
        case("a_removed_object_is_gone", a_removed_object_is_gone),
        case("what_has_no_room_does_not_begin", what_has_no_room_does_not_begin),
    ]
}

/// For stores that can read parts before they put them together: a wrong file can be mended.
pub fn mending() -> Vec<Case<RawBench>> {
    vec![case("a_wrong_checksum_keeps_the_parts", a_wrong_checksum_keeps_the_parts)]
}

fn key(n: u64) -> MediaKey {
    MediaKey::Raw { video: VideoId(n), upload: UploadId(u128::from(n)) }
}

fn part(b: &RawBench, fill: u8) -> Octets {
    Octets::from(vec![fill; b.part_min])
}

async fn begin(b: &RawBench, key: &MediaKey) -> String {
    let size = Bytes(b.part_min as u64 * 2);
    let begin = Begin { content_type: "video/mp4".into(), size, part_size: Bytes(b.part_min as u64) };
    b.raw.begin(key, begin).await.expect("begins")
}

async fn send(b: &RawBench, key: &MediaKey, ticket: &str, number: u32, bytes: &Octets) {
    b.sender.send(key, ticket, number, bytes.clone()).await.expect("taken");
}

fn numbers(parts: &[ReceivedPart]) -> Vec<u32> {
    parts.iter().map(|p| p.number).collect()
}

async fn parts_become_one_object(b: RawBench) {
    let (key, first, last) = (key(1), part(&b, 1), Octets::from_static(b"tail"));
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 2, &last).await;
    send(&b, &key, &ticket, 1, &first).await;
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    let sha256 = hex::encode(Sha256::digest([first.as_ref(), last.as_ref()].concat()));
    let facts = b.raw.finish(&key, &ticket, &parts, Some(&sha256)).await.expect("finishes");
    assert_eq!(facts.size, Bytes((first.len() + last.len()) as u64));
    let head = b.raw.head(&key).await.expect("reads").expect("stands");
    assert_eq!((head.size, head.etag), (facts.size, facts.etag));
}

async fn the_part_list_is_the_truth(b: RawBench) {
    let (key, bytes) = (key(1), part(&b, 1));
    let ticket = begin(&b, &key).await;
    assert_eq!(b.raw.list_parts(&key, &ticket).await.expect("lists"), []);
    for n in [3, 1] {
        send(&b, &key, &ticket, n, &bytes).await;
    }
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    assert_eq!(numbers(&parts), [1, 3]);
    assert!(parts.iter().all(|p| p.size.0 == bytes.len() as u64 && !p.etag.contains('"')));
    assert_eq!(parts[0].etag, parts[1].etag, "the etag follows from the bytes");
}

async fn a_part_sent_again_replaces(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let before = b.raw.list_parts(&key, &ticket).await.expect("lists");
    send(&b, &key, &ticket, 1, &part(&b, 2)).await;
    let after = b.raw.list_parts(&key, &ticket).await.expect("lists");
    assert_eq!(numbers(&after), [1]);
    assert_ne!(before[0].etag, after[0].etag);
    let whole = hex::encode(Sha256::digest(part(&b, 2)));
    b.raw.finish(&key, &ticket, &after, Some(&whole)).await.expect("the later bytes count");
}

async fn finish_refuses_missing_and_changed_parts(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let mut parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    send(&b, &key, &ticket, 1, &part(&b, 2)).await;
    let absent = ReceivedPart { number: 2, ..parts[0].clone() };
    parts.push(absent);
    match b.raw.finish(&key, &ticket, &parts, None).await {
        Err(RawStoreError::Parts { numbers }) => assert_eq!(numbers, [1, 2]),
        other => panic!("{other:?}"),
    }
    assert!(b.raw.head(&key).await.expect("reads").is_none(), "nothing was committed");
    assert_eq!(numbers(&b.raw.list_parts(&key, &ticket).await.expect("lists")), [1]);
}

async fn a_wrong_checksum_leaves_no_object(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    match b.raw.finish(&key, &ticket, &parts, Some(&"0".repeat(64))).await {
        Err(RawStoreError::ChecksumMismatch { found }) => {
            assert_eq!(found, hex::encode(Sha256::digest(part(&b, 1))));
        }
        other => panic!("{other:?}"),
    }
    assert!(b.raw.head(&key).await.expect("reads").is_none(), "nothing was committed");
    match b.raw.list_parts(&key, &ticket).await {
        Ok(left) => assert_eq!(left, parts),
        Err(RawStoreError::NoSuchUpload) => {}
        Err(e) => panic!("{e}"),
    }
}

async fn a_wrong_checksum_keeps_the_parts(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    let wrong = "0".repeat(64);
    match b.raw.finish(&key, &ticket, &parts, Some(&wrong)).await {
        Err(RawStoreError::ChecksumMismatch { found }) => {
            assert_eq!(found, hex::encode(Sha256::digest(part(&b, 1))));
        }
        other => panic!("{other:?}"),
    }
    assert!(b.raw.head(&key).await.expect("reads").is_none(), "nothing was committed");
    assert_eq!(b.raw.list_parts(&key, &ticket).await.expect("lists"), parts);
    b.raw.finish(&key, &ticket, &parts, None).await.expect("the parts are still good");
}

async fn a_finished_upload_is_gone(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    b.raw.finish(&key, &ticket, &parts, None).await.expect("finishes");
    let again = b.raw.finish(&key, &ticket, &parts, None).await;
    assert!(matches!(again, Err(RawStoreError::NoSuchUpload)), "{again:?}");
    assert!(matches!(b.raw.list_parts(&key, &ticket).await, Err(RawStoreError::NoSuchUpload)));
    assert!(b.sender.send(&key, &ticket, 1, part(&b, 2)).await.is_err(), "no part after the end");
    assert!(b.raw.head(&key).await.expect("reads").is_some());
}

async fn racing_finishes_make_one_object(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    let mut racing = Vec::new();
    for _ in 0..8 {
        let (b, key, ticket, parts) = (b.clone(), key.clone(), ticket.clone(), parts.clone());
        racing.push(tokio::spawn(async move {
            match b.raw.finish(&key, &ticket, &parts, None).await {
                Ok(facts) => Some(facts.etag),
                Err(RawStoreError::NoSuchUpload) => None,
                Err(e) => panic!("{e}"),
            }
        }));
    }
    let mut told = Vec::new();
    for r in racing {
        told.extend(r.await.expect("runs"));
    }
    let head = b.raw.head(&key).await.expect("reads").expect("stands");
    assert!(!told.is_empty() && told.iter().all(|etag| *etag == head.etag), "{told:?}, {head:?}");
}

async fn abort_drops_the_parts(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    b.raw.abort(&key, &ticket).await.expect("aborts");
    b.raw.abort(&key, &ticket).await.expect("again");
    assert!(matches!(b.raw.list_parts(&key, &ticket).await, Err(RawStoreError::NoSuchUpload)));
    assert!(b.sender.send(&key, &ticket, 2, part(&b, 1)).await.is_err());
    assert!(b.raw.head(&key).await.expect("reads").is_none());
}

async fn no_object_no_head(b: RawBench) {
    assert_eq!(b.raw.head(&key(404)).await.expect("reads"), None);
}

async fn two_uploads_of_a_key_do_not_mix(b: RawBench) {
    let key = key(1);
    let (one, two) = (begin(&b, &key).await, begin(&b, &key).await);
    assert_ne!(one, two);
    send(&b, &key, &one, 1, &part(&b, 1)).await;
    assert_eq!(b.raw.list_parts(&key, &two).await.expect("lists"), []);
    b.raw.abort(&key, &two).await.expect("aborts");
    assert_eq!(numbers(&b.raw.list_parts(&key, &one).await.expect("lists")), [1]);
}

async fn signed_parts_answer_in_order(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    let sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let parts = [
        PartToSign { number: 2, size: Bytes(7), sha256: None },
        PartToSign { number: 1, size: Bytes(9), sha256: Some(sha256.into()) },
    ];
    let life = Millis(900_000);
    let signing = Signing { now: b.now, life, endpoint: Some("http://203.0.113.7:8081".into()) };
    let signed = b.raw.sign_parts(&key, &ticket, &parts, &signing).await.expect("signs");
    assert_eq!(signed.iter().map(|s| (s.number, s.size.0)).collect::<Vec<_>>(), [(2, 7), (1, 9)]);
    for s in &signed {
        assert_eq!(s.expires_at, b.now.saturating_add(life));
        assert!(s.url.starts_with("http://203.0.113.7:8081/"), "{}", s.url);
        assert!(s.url.contains(&format!("partNumber={}", s.number)), "{}", s.url);
        assert!(s.url.contains(&ticket), "{}", s.url);
    }
    assert_eq!(signed[0].headers, []);
    assert_eq!(signed[1].headers, [("x-amz-checksum-sha256".to_owned(), sha256.to_owned())]);
}

async fn a_removed_object_is_gone(b: RawBench) {
    let key = key(1);
    let ticket = begin(&b, &key).await;
    send(&b, &key, &ticket, 1, &part(&b, 1)).await;
    let parts = b.raw.list_parts(&key, &ticket).await.expect("lists");
    b.raw.finish(&key, &ticket, &parts, None).await.expect("finishes");
    for _ in 0..2 {
        b.raw.remove(&key).await.expect("removes");
        assert_eq!(b.raw.head(&key).await.expect("reads"), None);
    }
}

async fn what_has_no_room_does_not_begin(b: RawBench) {
    let begin = Begin { content_type: "video/mp4".into(), size: Bytes(u64::MAX >> 2), part_size: Bytes(1) };
    match b.raw.begin(&key(1), begin).await {
        Err(RawStoreError::Fault(fault)) => assert_eq!(fault.kind, stdx::FaultKind::Full),
        other => panic!("{other:?}"),
    }
}
