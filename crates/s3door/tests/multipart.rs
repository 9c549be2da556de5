//! Multipart uploads through the protocol.

mod support;

use s3door::DoorPolicy;
use support::{Ask, House, PART_MIN, house, house_with, policy};
use vocab::Bytes;

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
    let h = house_with(DoorPolicy { multipart_life: vocab::Millis(-60_000), ..policy() }).await;
    let id = begun(&h, "k").await;
    part(&h, "k", &id, 1, vec![1; 100]).await;
    assert_eq!(h.objects.sweep().await.expect("sweeps"), 1);
    assert_eq!(part(&h, "k", &id, 1, vec![1]).await.status, 404);
    assert_eq!(h.objects.sweep().await.expect("sweeps"), 0);
}
