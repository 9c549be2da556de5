//! How parts sent to presigned URLs compare with one plain PUT of the same file.
//!
//! `cargo test --release -p s3door --test speed -- --ignored --nocapture`

mod support;

use s3door::{Completion, Layout, NewObject, Sums};
use std::sync::Arc;
use std::time::Instant;
use support::{Ask, House, house};

const MIB: usize = 1024 * 1024;
const SIZE: usize = 300 * MIB;
const PART: usize = 15 * MIB;
const ROUNDS: usize = 3;
/// As many as the web client sends at once.
const PARALLEL: usize = 3;

async fn put(h: &House, key: &str, query: &[(&str, &str)], body: bytes::Bytes) {
    let length = body.len().to_string();
    let url = h.url(&Ask::of("PUT", key).query(query).headers(&[("content-length", &length)]));
    let reply = h.http.put(url).body(body).send().await.expect("an answer");
    assert_eq!(reply.status(), 200);
}

async fn by_parts(h: &Arc<House>, body: &bytes::Bytes, round: usize) {
    let key = format!("parts-{round}");
    let layout = Some(Layout { part_size: PART as u64, size: SIZE as u64 });
    let id = h.objects.begin(&key, NewObject::default(), None, layout).await.expect("begins").id;
    let places = Arc::new(tokio::sync::Semaphore::new(PARALLEL));
    let mut sending = Vec::new();
    for n in 0..SIZE / PART {
        let (h, key, id) = (Arc::clone(h), key.clone(), id.clone());
        let (places, bytes) = (Arc::clone(&places), body.slice(n * PART..(n + 1) * PART));
        sending.push(tokio::spawn(async move {
            let _place = places.acquire().await.expect("open");
            let number = (n + 1).to_string();
            put(&h, &key, &[("partNumber", &number), ("uploadId", &id)], bytes).await;
        }));
    }
    for part in sending {
        part.await.expect("sent");
    }
    let there = h.objects.parts(&key, &id).await.expect("lists");
    let parts = there.into_iter().map(|p| (p.number, p.etag, Sums::default())).collect();
    h.objects
        .complete(Completion { key, upload: id, parts, ..Completion::default() })
        .await
        .expect("completes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn parts_against_a_plain_put() {
    let h = Arc::new(house().await);
    let body = bytes::Bytes::from((0..SIZE).map(|n| ((n * 31) >> 3) as u8).collect::<Vec<_>>());
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let started = Instant::now();
        put(&h, &format!("plain-{round}"), &[], body.clone()).await;
        let plain = started.elapsed();
        let started = Instant::now();
        by_parts(&h, &body, round).await;
        let parts = started.elapsed();
        let rate = |t: std::time::Duration| SIZE as f64 / t.as_secs_f64() / 1e6;
        let ratio = plain.as_secs_f64() / parts.as_secs_f64();
        println!("plain {:.0} MB/s, parts {:.0} MB/s, ratio {ratio:.2}", rate(plain), rate(parts));
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}, wanted 0.70", ratios[ROUNDS / 2]);
}
