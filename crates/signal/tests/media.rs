//! Media as outside clients ask for it: caches, ranges, forms, and paths that mean no good.

mod house;

use house::curl::{curl, has_curl};
use house::{House, absolute, clip, has_ffmpeg, publish, running};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_is_served_by_the_book_and_path_tricks_lead_nowhere() {
    if !has_ffmpeg() || !has_curl() {
        return;
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let video = publish(&operator, &clip(data.path(), 3), "once").await.expect("published");
    let of = |url: &Value| absolute(&operator, url).expect("an address");
    let playlist = of(&video["playback"]["multivariant_url"]);
    let rung = &video["playback"]["rungs"][0];
    let segment = of(&rung["media_url"]).replace("media.m3u8", "0.m4s");
    revalidates(&playlist, &segment);
    zipped(&playlist);
    ranges(&segment);
    tricks(&house, &playlist, &segment);
    for method in ["PUT", "POST", "DELETE", "PATCH"] {
        curl(&segment, &["-X", method]).refused(method, &[405]);
    }
}

fn revalidates(playlist: &str, segment: &str) {
    for url in [playlist, segment] {
        let whole = curl(url, &[]);
        assert_eq!(whole.status, 200);
        assert!(whole.header("cache-control").contains("immutable"), "{:?}", whole.headers);
        let head = curl(url, &["--head"]);
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
        let etag = whole.header("etag").to_owned();
        assert!(etag.starts_with('"'), "a strong tag: {etag}");
        assert_eq!(head.header("etag"), etag);
        for tags in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".into()] {
            let unchanged = curl(url, &["-H", &format!("if-none-match: {tags}")]);
            assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{tags}");
        }
        assert_eq!(curl(url, &["-H", "if-none-match: \"other\""]).status, 200);
    }
}

fn zipped(playlist: &str) {
    let plain = curl(playlist, &[]);
    let zipped = curl(playlist, &["-H", "accept-encoding: gzip"]);
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.header("vary").to_ascii_lowercase().contains("accept-encoding"));
    assert_ne!(zipped.header("etag"), plain.header("etag"), "two forms, two tags");
    let opened = curl(playlist, &["--compressed"]);
    assert_eq!(opened.body, plain.body);
    assert!(plain.body.starts_with(b"#EXTM3U"));
    for refused in ["gzip;q=0", "identity", "br"] {
        let seen = curl(playlist, &["-H", &format!("accept-encoding: {refused}")]);
        assert_eq!((seen.status, seen.header("content-encoding")), (200, ""), "{refused}");
    }
}

fn ranges(segment: &str) {
    let whole = curl(segment, &[]).body;
    let n = whole.len();
    let good = [("0-0", 0..1), ("5-14", 5..15), ("-7", n - 7..n), ("3-", 3..n), ("0-99999999999", 0..n)];
    for (range, expected) in good {
        let seen = curl(segment, &["-H", &format!("range: bytes={range}")]);
        assert_eq!(seen.status, 206, "{range}");
        assert_eq!(
            seen.header("content-range"),
            format!("bytes {}-{}/{n}", expected.start, expected.end - 1)
        );
        assert!(seen.body == whole[expected], "{range}");
    }
    for range in [format!("{n}-"), "999999999-".into(), "-0".into(), "99999999999999999999999-".into()] {
        let seen = curl(segment, &["-H", &format!("range: bytes={range}")]);
        // RFC 9110: what is no range at all may be ignored; what cannot be satisfied is 416.
        if seen.status == 416 {
            assert_eq!(seen.header("content-range"), format!("bytes */{n}"), "{range}");
        } else {
            assert_eq!((seen.status, seen.body.len()), (200, n), "{range}");
        }
    }
    assert_eq!(curl(segment, &["-H", &format!("range: bytes={n}-")]).status, 416);
    for range in
        ["bytes=5-3", "bytes=a-b", "bytes=", "lines=1-2", "bytes=0-1,4-5", "bytes=--1", "0-1", "bytes=1-2-3"]
    {
        let seen = curl(segment, &["-H", &format!("range: {range}")]);
        assert!([200, 206, 400, 416].contains(&seen.status), "{range}: {}", seen.status);
        assert!(seen.status != 200 || seen.body == whole, "{range}");
    }
}

fn tricks(house: &House, playlist: &str, segment: &str) {
    let known = segment.strip_prefix(&house.url).expect("ours");
    let secret = "secrets/s3-secret-key";
    let base = known.rsplit_once('/').expect("a path").0;
    let mut paths: Vec<String> = [
        "/v/..%2f..%2f..%2fsecrets%2fs3-secret-key",
        "/v/%2e%2e/%2e%2e/secrets/s3-secret-key",
        "/v/../../secrets/s3-secret-key",
        "/v//etc/passwd",
        "/v/%00",
        "/v/a/b/c%00.m4s",
        "/p/..%2f..%2fsignal.db",
        "/v/..\\..\\signal.db",
        "/v/%c0%ae%c0%ae/",
        "/v/",
        "/p/",
        "/v",
        "/v/%ff",
    ]
    .map(str::to_owned)
    .into();
    paths.extend(
        [
            "../0.m4s",
            "..%2f0.m4s",
            "0.m4s/",
            "0.m4s%00",
            "00.m4s",
            "-1.m4s",
            "99999999999999999999.m4s",
            "0.M4S",
            "./0.m4s",
            "999999.m4s",
            "0.m4s,meta",
            "init.mp4..",
        ]
        .map(|name| format!("{base}/{name}")),
    );
    paths.push(format!("{base}/{}.m4s", "0".repeat(9_000)));
    paths.push(known.to_uppercase());
    paths.push(format!("{}/", known.replace("/v/", "//v/")));
    for path in paths {
        let seen = curl(&format!("{}{path}", house.url), &[]);
        let page = seen.status == 200 && seen.header("content-type").starts_with("text/html");
        assert!(page || (400..500).contains(&seen.status), "{path:.80}: {}", seen.status);
        if !page {
            seen.refused(&path, &[400, 404, 410, 414]);
        }
    }
    let text = std::fs::read_to_string(house.data.join(secret)).expect("a secret");
    for path in [
        "/../secrets/s3-secret-key",
        "/assets/..%2f..%2fsecrets/s3-secret-key",
        "/%2e%2e/secrets/s3-secret-key",
    ] {
        let seen = curl(&format!("{}{path}", house.url), &[]);
        assert!(seen.status < 500 && !String::from_utf8_lossy(&seen.body).contains(text.trim()), "{path}");
    }
    // The query is no part of what is served or remembered.
    assert_eq!(curl(&format!("{playlist}?x=../../etc"), &[]).body, curl(playlist, &[]).body);
}
