//! What a signed URL does not allow. The refusals are the endpoint's: it checks signatures for real.

use super::{begin, raw_key, send, signed, signing};
use crate::s3::{Area, PART_MIN, Weather, area_with};
use aws::objects::PartSums;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes as Octets;
use sha2::{Digest, Sha256};
use testkit::{Case, case};
use upload::{PartToSign, RawStore, RawStoreError, SignedPart, Signing};
use vocab::{Bytes, Millis};

pub fn cases() -> Vec<Case<Area>> {
    vec![
        case("a_url_ends", a_url_ends),
        case("another_length_is_refused", another_length_is_refused),
        case("other_bytes_than_the_bound_checksum_are_refused", other_bytes_are_refused),
        case("another_checksum_or_none_is_refused", another_checksum_is_refused),
        case("a_url_is_of_one_part_of_one_upload_of_one_key", a_url_is_of_one_part),
        case("refused_parts_are_missing_parts", refused_parts_are_missing_parts),
        case("where_sums_are_required_parts_without_are_not_signed", required_sums),
        case("urls_begin_with_the_public_endpoint", urls_begin_with_the_public_endpoint),
    ]
}

fn bytes(fill: u8) -> Octets {
    Octets::from(vec![fill; PART_MIN])
}

fn sum(bytes: &[u8]) -> String {
    BASE64.encode(Sha256::digest(bytes))
}

fn plain(number: u32) -> PartToSign {
    PartToSign { number, size: Bytes(PART_MIN as u64), sha256: None }
}

fn with_sum(number: u32, of: &[u8]) -> PartToSign {
    PartToSign { sha256: Some(sum(of)), ..plain(number) }
}

async fn started(a: &Area, n: u64) -> String {
    a.objects.begin(&raw_key(n), begin(2)).await.expect("begins")
}

fn refused(answer: Result<(), (u16, String)>, status: u16, code: &str) {
    let (got, said) = answer.expect_err("is refused");
    assert!(got == status && said.contains(&format!("<Code>{code}</Code>")), "{got}: {said}");
}

async fn a_url_ends(a: Area) {
    let ticket = started(&a, 1).await;
    let early = Signing { now: signing().now.saturating_sub(Millis(120_000)), ..signing() };
    let parts = a.objects.sign_parts(&raw_key(1), &ticket, &[plain(1)], &early).await.expect("signs");
    refused(send(&parts[0], bytes(1)).await, 403, "AccessDenied");
}

async fn another_length_is_refused(a: Area) {
    let ticket = started(&a, 1).await;
    let part = signed(&a.objects, &raw_key(1), &ticket, plain(1)).await;
    for length in [0, PART_MIN - 1, PART_MIN + 1] {
        refused(send(&part, Octets::from(vec![1; length])).await, 403, "SignatureDoesNotMatch");
    }
    send(&part, bytes(1)).await.expect("the right length");
}

async fn other_bytes_are_refused(a: Area) {
    let ticket = started(&a, 1).await;
    let part = signed(&a.objects, &raw_key(1), &ticket, with_sum(1, &bytes(1))).await;
    refused(send(&part, bytes(2)).await, 400, "BadDigest");
    send(&part, bytes(1)).await.expect("the right bytes");
}

async fn another_checksum_is_refused(a: Area) {
    let ticket = started(&a, 1).await;
    let part = signed(&a.objects, &raw_key(1), &ticket, with_sum(1, &bytes(1))).await;
    let other = SignedPart { headers: vec![(part.headers[0].0.clone(), sum(&bytes(2)))], ..part.clone() };
    refused(send(&other, bytes(2)).await, 403, "SignatureDoesNotMatch");
    let none = SignedPart { headers: vec![], ..part.clone() };
    let (status, _) = send(&none, bytes(1)).await.expect_err("is refused");
    assert_eq!(status, 403);
    let bare = signed(&a.objects, &raw_key(1), &ticket, plain(1)).await;
    let added = SignedPart { headers: part.headers.clone(), ..bare };
    let (status, _) = send(&added, bytes(1)).await.expect_err("a header outside the signature");
    assert_eq!(status, 403);
}

async fn a_url_is_of_one_part(a: Area) {
    let (mine, other) = (started(&a, 1).await, started(&a, 2).await);
    let part = signed(&a.objects, &raw_key(1), &mine, plain(1)).await;
    let changed = |from: &str, to: &str| {
        let url = part.url.replace(from, to);
        assert_ne!(url, part.url, "{from}");
        SignedPart { url, ..part.clone() }
    };
    let key = |n| raw_key(n).object_key();
    for foreign in [
        changed("partNumber=1", "partNumber=2"),
        changed(&mine, &other),
        changed(&key(1), &key(2)),
        changed("X-Amz-Expires=60", "X-Amz-Expires=600"),
    ] {
        refused(send(&foreign, bytes(1)).await, 403, "SignatureDoesNotMatch");
    }
    // A right signature for an upload that is not of this key.
    let crossed = signed(&a.objects, &raw_key(2), &mine, plain(1)).await;
    refused(send(&crossed, bytes(1)).await, 404, "NoSuchUpload");
    assert_eq!(a.objects.list_parts(&raw_key(1), &mine).await.expect("lists"), []);
}

async fn refused_parts_are_missing_parts(a: Area) {
    let ticket = started(&a, 1).await;
    let part = signed(&a.objects, &raw_key(1), &ticket, plain(1)).await;
    send(&part, bytes(1)).await.expect("taken");
    let mut parts = a.objects.list_parts(&raw_key(1), &ticket).await.expect("lists");
    let second = signed(&a.objects, &raw_key(1), &ticket, with_sum(2, &bytes(1))).await;
    refused(send(&second, bytes(2)).await, 400, "BadDigest");
    parts.push(upload::ReceivedPart { number: 2, ..parts[0].clone() });
    match a.objects.finish(&raw_key(1), &ticket, &parts, None).await {
        Err(RawStoreError::Parts { numbers }) => assert_eq!(numbers, [2]),
        other => panic!("{other:?}"),
    }
}

async fn required_sums(_: Area) {
    // Areas are made on a runtime of their own.
    let make = || area_with(Weather::Calm, |s| s.part_sums = PartSums::Required);
    let a = tokio::task::spawn_blocking(make).await.expect("is made");
    let ticket = started(&a, 1).await;
    let wants = [with_sum(1, &bytes(1)), plain(2)];
    match a.objects.sign_parts(&raw_key(1), &ticket, &wants, &signing()).await {
        Err(RawStoreError::Parts { numbers }) => assert_eq!(numbers, [2]),
        other => panic!("{other:?}"),
    }
    for fill in [1, 2] {
        let part = with_sum(u32::from(fill), &bytes(fill));
        let part = signed(&a.objects, &raw_key(1), &ticket, part).await;
        send(&part, bytes(fill)).await.expect("taken");
    }
    let parts = a.objects.list_parts(&raw_key(1), &ticket).await.expect("lists");
    let facts = a.objects.finish(&raw_key(1), &ticket, &parts, None).await.expect("finishes");
    assert_eq!(facts.size, Bytes(2 * PART_MIN as u64));
}

async fn urls_begin_with_the_public_endpoint(_: Area) {
    let make = || area_with(Weather::Calm, |s| s.public_endpoint = Some("https://media.example".into()));
    let a = tokio::task::spawn_blocking(make).await.expect("is made");
    let ticket = started(&a, 1).await;
    let part = signed(&a.objects, &raw_key(1), &ticket, plain(1)).await;
    assert!(part.url.starts_with("https://media.example/signal-media/t"), "{}", part.url);
    assert!(part.url.contains("X-Amz-SignedHeaders=content-length%3Bhost"), "{}", part.url);
}
