//! Completions that die in the middle, repeat, and come too late.

use super::{Client, begin, raw_key};
use crate::s3::{Area, BUCKET, PART_MIN};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes as Octets;
use sha2::{Digest, Sha256};
use testkit::{Case, case};
use upload::conformance::PartSender;
use upload::{RawStore, RawStoreError, ReceivedPart};
use vocab::Bytes;

pub fn cases() -> Vec<Case<Area>> {
    vec![
        case("a_finisher_that_died_before_it_verified_is_made_up_for", a_dead_finisher_is_made_up_for),
        case("an_unverified_wrong_object_is_never_seen", an_unverified_wrong_object_is_never_seen),
        case("a_second_upload_of_the_key_comes_too_late", a_second_upload_comes_too_late),
        case("an_old_expectation_does_not_judge_a_later_completion", an_old_expectation_does_not_judge),
        case("a_part_that_is_too_small_is_named", a_part_that_is_too_small_is_named),
        case("a_hundred_parts_are_listed_over_pages_and_put_in_order", many_parts),
        case("an_expectation_that_is_no_sum_is_an_error_of_ours", no_sum),
    ]
}

fn part(fill: u8) -> Octets {
    Octets::from(vec![fill; PART_MIN])
}

fn hex_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An upload with these parts sent, and what the store says of them.
async fn sent(a: &Area, n: u64, parts: &[Octets]) -> (String, Vec<ReceivedPart>) {
    let ticket = a.objects.begin(&raw_key(n), begin(parts.len() as u64)).await.expect("begins");
    for (i, bytes) in parts.iter().enumerate() {
        let number = i as u32 + 1;
        Client(a.calm.clone()).send(&raw_key(n), &ticket, number, bytes.clone()).await.expect("taken");
    }
    let listed = a.objects.list_parts(&raw_key(n), &ticket).await.expect("lists");
    (ticket, listed)
}

/// What a finisher does before it dies: says what it expects, completes.
async fn died(a: &Area, n: u64, expect: &str) {
    let (ticket, parts) = sent(a, n, &[part(1), part(2)]).await;
    let name = format!("{}{}", a.prefix, raw_key(n).object_key());
    let said = ByteStream::from(expect.as_bytes().to_vec());
    let put = a.client.put_object().bucket(BUCKET).key(format!("{name}.expect")).body(said);
    put.send().await.expect("is stored");
    let parts = parts.iter().map(|p| {
        CompletedPart::builder().part_number(p.number as i32).e_tag(format!("\"{}\"", p.etag)).build()
    });
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
    let call = a.client.complete_multipart_upload().bucket(BUCKET).key(&name).upload_id(ticket);
    call.multipart_upload(parts).send().await.expect("completes");
}

async fn names(a: &Area) -> Vec<String> {
    let left = a.client.list_objects_v2().bucket(BUCKET).prefix(&a.prefix).send().await.expect("lists");
    left.contents().iter().filter_map(|o| o.key().map(str::to_owned)).collect()
}

async fn a_dead_finisher_is_made_up_for(a: Area) {
    let right = hex_of(&[part(1), part(2)].concat());
    died(&a, 1, &right).await;
    let facts = a.objects.head(&raw_key(1)).await.expect("looks").expect("stands");
    assert_eq!((facts.size, facts.sha256), (Bytes(2 * PART_MIN as u64), Some(right)));
    assert_eq!(names(&a).await.len(), 1, "nothing is left to be found out");
    assert!(a.objects.head(&raw_key(1)).await.expect("looks").is_some());
}

async fn an_unverified_wrong_object_is_never_seen(a: Area) {
    died(&a, 1, &"0".repeat(64)).await;
    for _ in 0..2 {
        assert_eq!(a.objects.head(&raw_key(1)).await.expect("looks"), None);
    }
    assert_eq!(names(&a).await, Vec::<String>::new());
}

async fn a_second_upload_comes_too_late(a: Area) {
    let (first, parts) = sent(&a, 1, &[part(1)]).await;
    let (second, other) = sent(&a, 1, &[part(2)]).await;
    let facts = a.objects.finish(&raw_key(1), &first, &parts, None).await.expect("finishes");
    let late = a.objects.finish(&raw_key(1), &second, &other, None).await;
    assert!(matches!(late, Err(RawStoreError::NoSuchUpload)), "{late:?}");
    let head = a.objects.head(&raw_key(1)).await.expect("looks").expect("stands");
    assert_eq!(head.etag, facts.etag, "what stands is not replaced");
}

async fn an_old_expectation_does_not_judge(a: Area) {
    let (ticket, parts) = sent(&a, 1, &[part(1)]).await;
    let name = format!("{}{}.expect", a.prefix, raw_key(1).object_key());
    let said = ByteStream::from("0".repeat(64).into_bytes());
    a.client.put_object().bucket(BUCKET).key(name).body(said).send().await.expect("is stored");
    a.objects.finish(&raw_key(1), &ticket, &parts, None).await.expect("finishes");
    assert!(a.objects.head(&raw_key(1)).await.expect("looks").is_some());
}

async fn a_part_that_is_too_small_is_named(a: Area) {
    let (ticket, parts) = sent(&a, 1, &[Octets::from_static(b"small"), part(2)]).await;
    match a.objects.finish(&raw_key(1), &ticket, &parts, None).await {
        Err(RawStoreError::Parts { numbers }) => assert_eq!(numbers, [1]),
        other => panic!("{other:?}"),
    }
    assert_eq!(a.objects.head(&raw_key(1)).await.expect("looks"), None);
}

async fn many_parts(a: Area) {
    let parts: Vec<_> = (0..23).map(part).collect();
    let (ticket, listed) = sent(&a, 1, &parts).await;
    assert_eq!(listed.iter().map(|p| p.number).collect::<Vec<_>>(), (1..=23).collect::<Vec<_>>());
    let whole = hex_of(&parts.concat());
    let facts = a.objects.finish(&raw_key(1), &ticket, &listed, Some(&whole)).await.expect("finishes");
    assert_eq!((facts.size, facts.sha256), (Bytes(23 * PART_MIN as u64), Some(whole)));
}

async fn no_sum(a: Area) {
    let (ticket, parts) = sent(&a, 1, &[part(1)]).await;
    for bad in ["", "abc", &"g".repeat(64)] {
        let refused = a.objects.finish(&raw_key(1), &ticket, &parts, Some(bad)).await;
        assert!(matches!(refused, Err(RawStoreError::Fault(_))), "{refused:?}");
    }
    a.objects.finish(&raw_key(1), &ticket, &parts, None).await.expect("nothing was lost");
}
