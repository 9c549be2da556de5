//! Objects through the protocol: write, read, conditions, listings, events, a full disk.

mod support;

use s3door::DoorPolicy;
use std::sync::atomic::Ordering;
use support::{Ask, house, house_with, policy};
use vocab::{Bytes, Millis};

#[tokio::test]
async fn what_is_put_is_got() {
    let h = house().await;
    let put = h.put("a/b c/ü+%&.txt", b"hello").await;
    assert_eq!((put.status, put.etag().as_str()), (200, "5d41402abc4b2a76b9719d911017c592"));
    let got = h.get("a/b c/ü+%&.txt").await;
    assert_eq!((got.status, got.text().as_str(), got.header("content-length")), (200, "hello", "5"));
    assert_eq!(got.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    let head = h.send(Ask::of("HEAD", "a/b c/ü+%&.txt")).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "5", 0));
    assert_eq!(h.get("a/b").await.code(), (404, "NoSuchKey".into()));
    assert_eq!(h.send(Ask::of("HEAD", "nothing")).await.status, 404);
    assert_eq!(h.temps(), 0);
}

#[tokio::test]
async fn an_overwrite_is_whole_and_leaves_nothing() {
    let h = house().await;
    for n in 0..5u8 {
        h.put("k", &vec![n; 1000 + usize::from(n)]).await;
    }
    assert_eq!(h.get("k").await.body, vec![4; 1004]);
    let files = std::fs::read_dir(h.dir.path().join("signal-media")).expect("reads").count();
    assert_eq!((files, h.temps()), (2, 0), "one data file, one metadata file");
    assert_eq!(h.send(Ask::of("DELETE", "k")).await.status, 204);
    assert_eq!(h.send(Ask::of("DELETE", "k")).await.status, 204);
    assert_eq!(h.get("k").await.status, 404);
    assert_eq!(std::fs::read_dir(h.dir.path().join("signal-media")).expect("reads").count(), 0);
}

#[tokio::test]
async fn a_reader_keeps_the_object_it_opened() {
    let h = house().await;
    h.put("k", &vec![1; 3_000_000]).await;
    let standing = h.objects.standing("k").await.expect("reads").expect("stands");
    h.put("k", b"other").await;
    let mut file = standing.file;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes).expect("reads");
    assert_eq!(bytes, vec![1; 3_000_000]);
}

#[tokio::test]
async fn ranges_are_served_and_wrong_ones_refused() {
    let h = house().await;
    h.put("k", b"0123456789").await;
    for (range, status, body, shown) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=-2", 206, "89", "bytes 8-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
    ] {
        let got = h.send(Ask::of("GET", "k").headers(&[("range", range)])).await;
        assert_eq!((got.status, got.text().as_str()), (status, body), "{range}");
        assert_eq!(got.header("content-range"), shown);
    }
    let beyond = h.send(Ask::of("GET", "k").headers(&[("range", "bytes=10-")])).await;
    assert_eq!(beyond.code(), (416, "InvalidRange".into()));
    assert_eq!(beyond.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn conditions_hold() {
    let h = house().await;
    let tag = h.put("k", b"one").await.etag();
    let quoted = format!("\"{tag}\"");
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        h.send(Ask { method, key: "k", query: &[], headers, body: b"two".to_vec() }).await
    };
    assert_eq!(ask("GET", &[("if-none-match", quoted.as_str())]).await.status, 304);
    assert_eq!(ask("GET", &[("if-none-match", "\"other\"")]).await.status, 200);
    assert_eq!(ask("GET", &[("if-match", "\"other\"")]).await.status, 412);
    assert_eq!(ask("GET", &[("if-match", quoted.as_str())]).await.status, 200);
    assert_eq!(ask("PUT", &[("if-none-match", "*")]).await.code(), (412, "PreconditionFailed".into()));
    assert_eq!(ask("PUT", &[("if-match", "\"other\"")]).await.status, 412);
    assert_eq!(h.get("k").await.text(), "one");
    assert_eq!(ask("PUT", &[("if-match", quoted.as_str())]).await.status, 200);
    assert_eq!(h.get("k").await.text(), "two");
    let fresh = h.send(Ask::of("PUT", "new").headers(&[("if-none-match", "*")]).body(b"x")).await;
    assert_eq!(fresh.status, 200);
}

#[tokio::test]
async fn of_racing_first_writers_one_wins() {
    let h = std::sync::Arc::new(house().await);
    let mut racing = Vec::new();
    for n in 0..12u8 {
        let h = std::sync::Arc::clone(&h);
        racing.push(tokio::spawn(async move {
            h.send(Ask::of("PUT", "k").headers(&[("if-none-match", "*")]).body(vec![n; 10])).await.status
        }));
    }
    let mut won = 0;
    for r in racing {
        won += u32::from(r.await.expect("runs") == 200);
    }
    assert_eq!((won, h.temps()), (1, 0));
}

#[tokio::test]
async fn listings_come_in_key_order_by_pages_and_folders() {
    let h = house().await;
    let keys = ["a", "a-b", "a/b", "a/c/d", "a/c/e", "a0", "b/x", "ü", "z z"];
    for key in keys {
        h.put(key, b"x").await;
    }
    let list = async |query: &[(&str, &str)]| {
        let mut query = query.to_vec();
        query.push(("list-type", "2"));
        h.send(Ask::of("GET", "").query(&query)).await
    };
    let names = |text: &str, tag: &str| -> Vec<String> {
        let open = format!("<{tag}>");
        let parts = text.split(&open).skip(1);
        parts.map(|p| p.split("</").next().expect("an end").to_owned()).collect()
    };
    let all = list(&[]).await.text();
    assert_eq!(names(&all, "Key"), ["a", "a-b", "a/b", "a/c/d", "a/c/e", "a0", "b/x", "z z", "ü"]);
    let (mut seen, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("max-keys", "2")];
        query.extend(token.as_deref().map(|t| ("continuation-token", t)));
        let page = list(&query).await;
        seen.extend(names(&page.text(), "Key"));
        token = Some(page.xml("NextContinuationToken")).filter(|t| !t.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, names(&all, "Key"), "pages lose and repeat nothing");
    let folders = list(&[("delimiter", "/"), ("prefix", "a")]).await.text();
    assert_eq!(names(&folders, "Key"), ["a", "a-b", "a0"]);
    assert_eq!(names(&folders, "CommonPrefixes"), ["<Prefix>a/"]);
    let deeper = list(&[("delimiter", "/"), ("prefix", "a/")]).await.text();
    assert_eq!(names(&deeper, "Key"), ["a/b"]);
    assert_eq!(list(&[("prefix", "a/c"), ("start-after", "a/c/d")]).await.xml("Key"), "a/c/e");
    assert_eq!(list(&[("prefix", "nothing/")]).await.xml("KeyCount"), "0");
    assert_eq!(list(&[("continuation-token", "!!")]).await.status, 400);
    assert_eq!(h.objects.delete_prefix("a/").await.expect("deletes"), 3);
    assert_eq!(names(&list(&[]).await.text(), "Key"), ["a", "a-b", "a0", "b/x", "z z", "ü"]);
}

#[tokio::test]
async fn folder_pages_lose_and_repeat_nothing() {
    let h = house().await;
    for n in 0..7 {
        for m in 0..2 {
            h.put(&format!("d{n}/f{m}"), b"x").await;
        }
        h.put(&format!("d{n}-file"), b"x").await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let query = s3door::ListQuery { delimiter: Some("/".into()), after, limit: 3, ..Default::default() };
        let page = h.objects.list(query).await.expect("lists");
        seen.extend(page.objects.iter().map(|m| m.key.clone()));
        seen.extend(page.common_prefixes);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    seen.sort();
    let mut expected: Vec<_> = (0..7).flat_map(|n| [format!("d{n}-file"), format!("d{n}/")]).collect();
    expected.sort();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn checksums_are_compared() {
    let h = house().await;
    let right = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    for (headers, status, code) in [
        (&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")][..], 200, ""),
        (&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")][..], 400, "BadDigest"),
        (&[("content-md5", "nonsense")][..], 400, "InvalidArgument"),
        (&[("x-amz-checksum-sha256", right)][..], 200, ""),
        (&[("x-amz-checksum-sha256", "AAAAul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")][..], 400, "BadDigest"),
        (&[("x-amz-checksum-crc32", "NhCmhg==")][..], 200, ""),
        (&[("x-amz-checksum-crc32", "AAAAAA==")][..], 400, "BadDigest"),
        (&[("x-amz-checksum-crc32c", "mnG7TA==")][..], 200, ""),
        (&[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")][..], 400, "BadDigest"),
    ] {
        let put = h.send(Ask::of("PUT", "k").headers(headers).body(b"hello")).await;
        assert_eq!(put.code(), (status, code.into()), "{headers:?}: {}", put.text());
    }
    h.send(Ask::of("PUT", "sum").headers(&[("x-amz-checksum-sha256", right)]).body(b"hello")).await;
    let got = h.send(Ask::of("GET", "sum").headers(&[("x-amz-checksum-mode", "ENABLED")])).await;
    assert_eq!(got.header("x-amz-checksum-sha256"), right);
    assert_eq!(h.temps(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    use tokio::io::AsyncWriteExt;
    let h = house_with(DoorPolicy { body_idle: Millis(200), ..policy() }).await;
    let url = h.url(&Ask::of("PUT", "k"));
    let path = url.strip_prefix(&h.endpoint).expect("the path");
    let host = h.endpoint.strip_prefix("http://").expect("the host");
    for silent in [false, true] {
        let mut socket = tokio::net::TcpStream::connect(host).await.expect("connects");
        let head = format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1000000\r\n\r\n");
        socket.write_all(head.as_bytes()).await.expect("sends");
        socket.write_all(&[7; 100_000]).await.expect("sends");
        h.until("the body is being taken", || h.temps() == 1).await;
        if !silent {
            drop(socket);
        }
        h.until("nothing is left", || h.temps() == 0).await;
    }
    assert_eq!(h.get("k").await.status, 404);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_serves_reads() {
    let h = house().await;
    h.put("k", b"kept").await;
    let full = s3door::DoorPolicy { reserve: Bytes(u64::MAX >> 2), ..policy() };
    let config =
        s3door::DoorConfig { policy: full.clone(), ..s3door::DoorConfig::new(support::credentials()) };
    let objects = support::objects(h.dir.path(), &h.ear, full);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(s3door::Door::new(objects, &config).serve(listener, std::future::pending()));
    let h = support::House { endpoint, ..h };
    assert_eq!(h.put("new", &vec![0; 3_000_000]).await.code(), (507, "InsufficientStorage".into()));
    assert_eq!(h.put("k", b"other").await.status, 507);
    let begun = h.send(Ask::of("POST", "m").query(&[("uploads", "")])).await;
    assert_eq!(begun.status, 507);
    assert_eq!(h.get("k").await.text(), "kept");
    assert_eq!(h.send(Ask::of("DELETE", "k")).await.status, 204, "room can be made");
    assert_eq!(h.temps(), 0);
}

#[tokio::test]
async fn a_created_object_is_told_about_once_it_stands() {
    let h = house().await;
    h.put("raw/1", b"x").await;
    h.put("other/1", b"x").await;
    assert_eq!(h.ear.keys(), ["raw/1"]);
    h.ear.deaf.store(true, Ordering::SeqCst);
    assert_eq!(h.put("raw/2", b"yy").await.status, 200, "the writer is not made to wait for the listener");
    assert_eq!(h.ear.keys().len(), 1);
    h.ear.deaf.store(false, Ordering::SeqCst);
    h.until("the event is offered again", || h.ear.keys() == ["raw/1", "raw/2"]).await;
    let event = h.ear.heard.lock().expect("no panic")[1].clone();
    assert_eq!((event.bucket.as_str(), event.size), ("signal-media", 2));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(h.ear.keys().len(), 2, "what was taken is not told again");
}
