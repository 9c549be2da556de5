//! Multipart uploads through the protocol.

mod support;

use s3door::{DoorPolicy, NewObject, StoreError};
use std::sync::Arc;
use stdx::ManualClock;
use support::{Ask, House, PART_MIN, house, house_with, objects_at, policy};
use vocab::{Bytes, Millis};

async fn begun(h: &House, key: &str) -> String {
    h.send(Ask::of("POST", key).query(&[("uploads", "")])).await.xml("UploadId")
}

async fn part(h: &House, key: &str, id: &str, number: u32, body: Vec<u8>) -> support::Reply {
    let number = number.to_string();
    h.send(Ask::of("PUT", key).query(&[("partNumber", &number), ("uploadId", id)]).body(body)).await
}

async fn complete(h: &House, key: &str, id: &str, parts: &[(u32, &str)]) -> support::Reply {
    let parts: String = parts
        .iter()
        .map(|(n, tag)| format!("<Part><PartNumber>{n}</PartNumber><ETag>\"{tag}\"</ETag></Part>"))
        .collect();
    let xml = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    h.send(Ask::of("POST", key).query(&[("uploadId", id)]).body(xml)).await
}

#[tokio::test]
async fn parts_become_one_object_with_the_etag_of_s3() {
    let h = house().await;
    let id = begun(&h, "raw/k").await;
    let first = vec![b'a'; PART_MIN];
    let one = part(&h, "raw/k", &id, 1, first.clone()).await.etag();
    let two = part(&h, "raw/k", &id, 2, b"tail".to_vec()).await.etag();
    assert!(h.ear.keys().is_empty() && h.get("raw/k").await.status == 404);
    let done = complete(&h, "raw/k", &id, &[(1, &one), (2, &two)]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.xml("ETag"), format!("\"{}-2\"", expected_etag(&one, &two)));
    let got = h.get("raw/k").await;
    assert_eq!(got.body, [first, b"tail".to_vec()].concat());
    assert_eq!(h.ear.keys(), ["raw/k"]);
    assert_eq!(h.temps(), 0);
    assert_eq!(std::fs::read_dir(h.dir.path().join(".uploads")).expect("reads").count(), 0);
    let again = complete(&h, "raw/k", &id, &[(1, &one), (2, &two)]).await;
    assert_eq!(
        (again.status, again.xml("ETag")),
        (200, done.xml("ETag")),
        "a retried completion is answered"
    );
    assert_eq!(part(&h, "raw/k", &id, 1, vec![1]).await.code(), (404, "NoSuchUpload".into()));
}

fn expected_etag(one: &str, two: &str) -> String {
    use s3s::crypto::{Checksum as _, Md5};
    let bytes = [hex::decode(one).expect("hex"), hex::decode(two).expect("hex")].concat();
    hex::encode::<&[u8]>(Md5::checksum(&bytes).as_ref())
}

#[tokio::test]
async fn a_completion_names_what_is_there() {
    let h = house_with(DoorPolicy { part_min: Bytes(10), ..policy() }).await;
    let id = begun(&h, "k").await;
    let one = part(&h, "k", &id, 1, vec![1; 10]).await.etag();
    let two = part(&h, "k", &id, 2, vec![2; 9]).await.etag();
    let three = part(&h, "k", &id, 3, vec![3; 1]).await.etag();
    for (parts, code) in [
        (vec![], "InvalidArgument"),
        (vec![(2, two.as_str()), (1, one.as_str())], "InvalidPartOrder"),
        (vec![(1, one.as_str()), (1, one.as_str())], "InvalidPartOrder"),
        (vec![(1, two.as_str())], "InvalidPart"),
        (vec![(4, one.as_str())], "InvalidPart"),
        (vec![(1, one.as_str()), (2, two.as_str()), (3, three.as_str())], "EntityTooSmall"),
    ] {
        let reply = complete(&h, "k", &id, &parts).await;
        let expected = if parts.is_empty() { reply.xml("Code") } else { code.to_owned() };
        assert_eq!(reply.code(), (400, expected), "{parts:?}");
    }
    assert_eq!(complete(&h, "other", &id, &[(1, &one)]).await.code(), (404, "NoSuchUpload".into()));
    assert_eq!(h.get("k").await.status, 404);
    assert_eq!(complete(&h, "k", &id, &[(1, &one), (3, &three)]).await.status, 200, "gaps are allowed");
    assert_eq!(h.get("k").await.body.len(), 11);
}

#[tokio::test]
async fn parts_are_listed_by_pages_and_the_last_one_sent_counts() {
    let h = house().await;
    let id = begun(&h, "k").await;
    for n in [5, 1, 3, 2, 4] {
        part(&h, "k", &id, n, vec![0; 3]).await;
    }
    part(&h, "k", &id, 3, b"again".to_vec()).await;
    let (mut seen, mut marker) = (Vec::new(), "0".to_owned());
    loop {
        let query = [("uploadId", id.as_str()), ("max-parts", "2"), ("part-number-marker", marker.as_str())];
        let page = h.send(Ask::of("GET", "k").query(&query)).await;
        let text = page.text();
        for entry in text.split("<Part>").skip(1) {
            let field = |name: &str| {
                let value = entry.split(&format!("<{name}>")).nth(1).expect("there");
                value.split('<').next().expect("an end").to_owned()
            };
            seen.push((field("PartNumber"), field("Size")));
        }
        if page.xml("IsTruncated") != "true" {
            break;
        }
        marker = page.xml("NextPartNumberMarker");
    }
    let expected: Vec<_> = [(1, 3), (2, 3), (3, 5), (4, 3), (5, 3)]
        .iter()
        .map(|(n, s)| (n.to_string(), s.to_string()))
        .collect();
    assert_eq!(seen, expected);
    let listed = h.send(Ask::of("GET", "").query(&[("uploads", "")])).await;
    assert_eq!((listed.xml("UploadId"), listed.xml("Key")), (id.clone(), "k".to_owned()));
    assert_eq!(h.send(Ask::of("DELETE", "k").query(&[("uploadId", &id)])).await.status, 204);
    assert_eq!(h.send(Ask::of("DELETE", "k").query(&[("uploadId", &id)])).await.status, 404);
    assert_eq!(h.send(Ask::of("GET", "k").query(&[("uploadId", &id)])).await.status, 404);
}

#[tokio::test]
async fn wrong_numbers_and_ids_are_refused() {
    let h = house().await;
    let id = begun(&h, "k").await;
    assert_eq!(part(&h, "k", &id, 0, vec![1]).await.status, 400);
    assert_eq!(part(&h, "k", &id, 10_001, vec![1]).await.status, 400);
    assert_eq!(part(&h, "k", &id, 10_000, vec![1]).await.status, 200);
    for wrong in ["x", "../../tmp", &id.to_uppercase(), "00000000000000000000000000", ""] {
        assert_eq!(part(&h, "k", wrong, 1, vec![1]).await.status / 100, 4, "{wrong}");
    }
}

#[tokio::test]
async fn abandoned_uploads_are_swept() {
    // A door sweeps by itself when it opens, at any moment of a test: here none does.
    let (dir, clock) = (tempfile::tempdir().expect("a directory"), Arc::new(ManualClock::default()));
    let objects = objects_at(dir.path(), &Arc::default(), policy(), clock.clone());
    let id = objects.begin("k", NewObject::default(), None, None).await.expect("begins").id;
    objects.put_part("k", &id, 1, vec![1; 100].into()).await.expect("arrives");
    clock.advance(policy().multipart_life);
    assert_eq!(objects.sweep().await.expect("sweeps"), 0, "not before its time is over");
    clock.advance(Millis(1));
    assert_eq!(objects.sweep().await.expect("sweeps"), 1);
    assert_eq!(objects.uploads("").await.expect("lists").len(), 0);
    let late = objects.put_part("k", &id, 1, vec![1].into()).await;
    assert!(matches!(late, Err(StoreError::NoSuchUpload)), "{late:?}");
    assert_eq!(std::fs::read_dir(dir.path().join(".uploads")).expect("reads").count(), 0);
    assert_eq!(objects.sweep().await.expect("sweeps"), 0);
}

/// The layout of uploads begun in process: parts stand in place, and everything else is as before.
mod in_place {
    use super::*;
    use s3door::{Completion, Layout, Sums};
    use s3s::crypto::{Checksum as _, Md5};

    const PART: u64 = 1_000;
    const SIZE: u64 = 3_500;

    async fn laid_out(h: &House, key: &str) -> String {
        let layout = Some(Layout { part_size: PART, size: SIZE });
        h.objects.begin(key, NewObject::default(), None, layout).await.expect("begins").id
    }

    fn bytes(number: u32, fill: u8) -> Vec<u8> {
        vec![fill; if number == 4 { 500 } else { 1_000 }]
    }

    async fn house_small() -> House {
        house_with(DoorPolicy { part_min: Bytes(1), ..policy() }).await
    }

    async fn finish(h: &House, key: &str, id: &str, numbers: &[u32], expect: Sums) -> Result<String, String> {
        let there = h.objects.parts(key, id).await.expect("lists");
        let chosen = there.into_iter().filter(|p| numbers.contains(&p.number));
        let parts = chosen.map(|p| (p.number, p.etag, Sums::default())).collect();
        let (key, upload) = (key.to_owned(), id.to_owned());
        let done =
            h.objects.complete(Completion { key, upload, parts, expect, ..Completion::default() }).await;
        done.map(|m| m.etag).map_err(|e| e.to_string())
    }

    fn whole(h: &House, id: &str) -> Option<u64> {
        std::fs::metadata(h.dir.path().join(".uploads").join(id).join("whole")).ok().map(|m| m.len())
    }

    #[tokio::test]
    async fn parts_land_where_they_belong_in_any_order() {
        let h = house_small().await;
        let id = laid_out(&h, "k").await;
        for n in [4, 2, 1, 3] {
            assert_eq!(part(&h, "k", &id, n, bytes(n, n as u8)).await.status, 200);
        }
        assert_eq!(whole(&h, &id), Some(SIZE));
        let listed = h.objects.parts("k", &id).await.expect("lists");
        let hex = |b: &[u8]| hex::encode::<&[u8]>(Md5::checksum(b).as_ref());
        assert_eq!(
            listed.iter().map(|p| p.etag.clone()).collect::<Vec<_>>(),
            (1..5).map(|n| hex(&bytes(n, n as u8))).collect::<Vec<_>>()
        );
        assert!(
            finish(&h, "k", &id, &[1, 2, 3, 4], Sums::default()).await.expect("completes").ends_with("-4")
        );
        let expected: Vec<u8> = (1..5).flat_map(|n| bytes(n, n as u8)).collect();
        assert_eq!(h.get("k").await.body, expected);
        assert_eq!((h.temps(), whole(&h, &id)), (0, None));
    }

    #[tokio::test]
    async fn a_part_sent_again_stands_apart_and_counts() {
        let h = house_small().await;
        let id = laid_out(&h, "k").await;
        for n in 1..5 {
            part(&h, "k", &id, n, bytes(n, 1)).await;
        }
        part(&h, "k", &id, 2, bytes(2, 9)).await;
        let wrong =
            Sums { sha256: Some("AAAAul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".into()), ..Sums::default() };
        assert!(finish(&h, "k", &id, &[1, 2, 3, 4], wrong).await.is_err());
        assert_eq!(h.objects.parts("k", &id).await.expect("lists").len(), 4, "the parts stay");
        finish(&h, "k", &id, &[1, 2, 3, 4], Sums::default()).await.expect("completes");
        let expected = [vec![1; 1_000], vec![9; 1_000], vec![1; 1_500]].concat();
        assert_eq!(h.get("k").await.body, expected);
    }

    #[tokio::test]
    async fn a_broken_part_is_no_part() {
        use tokio::io::AsyncWriteExt;
        let h = house_small().await;
        let id = laid_out(&h, "k").await;
        let query = [("partNumber", "1"), ("uploadId", id.as_str())];
        let url = h.url(&Ask::of("PUT", "k").query(&query));
        let path = url.strip_prefix(&h.endpoint).expect("the path");
        let host = h.endpoint.strip_prefix("http://").expect("the host");
        let mut socket = tokio::net::TcpStream::connect(host).await.expect("connects");
        let head = format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1000\r\n\r\n");
        socket.write_all(head.as_bytes()).await.expect("sends");
        socket.write_all(&[7; 600]).await.expect("sends");
        h.until("bytes are being written", || whole(&h, &id).is_some()).await;
        // Meanwhile another try of the same part: it goes its own way.
        assert_eq!(part(&h, "k", &id, 1, bytes(1, 1)).await.status, 200);
        for n in 2..5 {
            part(&h, "k", &id, n, bytes(n, 1)).await;
        }
        finish(&h, "k", &id, &[1, 2, 3, 4], Sums::default()).await.expect("completes");
        // The slow sender goes on: what it writes is nobody's any more.
        socket.write_all(&[7; 400]).await.expect("sends");
        let mut answer = vec![0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut socket, &mut answer).await.expect("an answer");
        assert_eq!(answer, b"HTTP/1.1 404");
        assert_eq!(h.get("k").await.body, vec![1; SIZE as usize]);
        assert_eq!(h.temps(), 0);
    }

    #[tokio::test]
    async fn what_keeps_to_no_layout_is_copied() {
        let h = house_small().await;
        let id = laid_out(&h, "k").await;
        part(&h, "k", &id, 1, bytes(1, 1)).await;
        part(&h, "k", &id, 2, vec![2; 700]).await;
        part(&h, "k", &id, 9, vec![9; 10]).await;
        finish(&h, "k", &id, &[1, 2, 9], Sums::default()).await.expect("completes");
        assert_eq!(h.get("k").await.body, [vec![1; 1_000], vec![2; 700], vec![9; 10]].concat());
        let id = laid_out(&h, "gap").await;
        for n in 1..5 {
            part(&h, "gap", &id, n, bytes(n, n as u8)).await;
        }
        finish(&h, "gap", &id, &[2, 4], Sums::default()).await.expect("completes");
        assert_eq!(h.get("gap").await.body, [vec![2; 1_000], vec![4; 500]].concat());
    }

    #[tokio::test]
    async fn a_mismatch_leaves_no_record() {
        let h = house_small().await;
        let id = laid_out(&h, "k").await;
        let query = [("partNumber", "1"), ("uploadId", id.as_str())];
        let headers = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
        let wrong = h.send(Ask::of("PUT", "k").query(&query).headers(&headers).body(bytes(1, 5))).await;
        assert_eq!(wrong.code(), (400, "BadDigest".into()));
        assert!(h.objects.parts("k", &id).await.expect("lists").is_empty());
        assert_eq!(part(&h, "k", &id, 1, bytes(1, 1)).await.status, 200, "the place is free again");
    }
}
