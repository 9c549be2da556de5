//! Media over HTTP: every status, header and form.

use crate::house::{House, house};
use axum::body::Body;
use http::{Method, Request};
use vocab::{MediaKey, Millis, Status, Visibility};

async fn segment() -> (House, String) {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let package = h.stock(id).await;
    let key = MediaKey::Segment { video: id, rendition: package.renditions[0].id, n: 0 };
    (h, key.public_path().expect("public"))
}

async fn playlist() -> (House, String) {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let package = h.stock(id).await;
    (h, MediaKey::Multivariant { video: id, package: package.id }.public_path().expect("public"))
}

#[tokio::test]
async fn a_segment_is_immutable_for_everybody() {
    let (h, path) = segment().await;
    let reply = h.get(&path, None).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 1_000));
    for (name, value) in [
        ("content-type", "video/iso.segment"),
        ("content-length", "1000"),
        ("cache-control", "public, max-age=2592000, immutable"),
        ("accept-ranges", "bytes"),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        ("vary", ""),
        ("set-cookie", ""),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    assert!(reply.header("etag").starts_with('"'));
    assert!(reply.header("cache-status").contains("miss"));
    assert!(h.get(&path, None).await.header("cache-status").contains("hit"));
}

#[tokio::test]
async fn ranges() {
    let (h, path) = segment().await;
    let part = h.fetch(&path, &[("range", "bytes=10-19")]).await;
    assert_eq!((part.status.as_u16(), part.body.len()), (206, 10));
    assert_eq!(part.header("content-range"), "bytes 10-19/1000");
    let several = h.fetch(&path, &[("range", "bytes=0-1,5-6")]).await;
    assert_eq!((several.status.as_u16(), several.body.len()), (200, 1_000));
    for bad in ["bytes=1000-", "bytes=9-3", "bytes=-0", "bytes=zz", "bytes=99999999999999999999-"] {
        let refused = h.fetch(&path, &[("range", bad)]).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (416, "bad-range"), "{bad}");
        assert_eq!(refused.header("content-range"), "bytes */1000");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn conditions_and_heads() {
    let (h, path) = segment().await;
    let etag = h.get(&path, None).await.header("etag").to_owned();
    let unchanged = h.fetch(&path, &[("if-none-match", &etag)]).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), etag);
    assert!(unchanged.header("cache-control").contains("immutable"));
    let head = h.call("HEAD", &path, None, None).await;
    assert_eq!((head.status.as_u16(), head.body.len(), head.header("content-length")), (200, 0, "1000"));
}

#[tokio::test]
async fn playlists_travel_compressed_where_that_is_welcome() {
    let (h, path) = playlist().await;
    let plain = h.get(&path, None).await;
    assert_eq!(plain.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let zipped = h.fetch(&path, &[("accept-encoding", "gzip, br")]).await;
    assert_eq!((zipped.header("content-encoding"), zipped.header("vary")), ("gzip", "accept-encoding"));
    assert!(zipped.body.len() < plain.body.len());
    assert_ne!(zipped.header("etag"), plain.header("etag"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&zipped.body[..]), &mut text)
        .expect("gzip");
    assert_eq!(text.as_bytes(), &plain.body[..]);
    let unchanged =
        h.fetch(&path, &[("accept-encoding", "gzip"), ("if-none-match", zipped.header("etag"))]).await;
    assert_eq!(unchanged.status, 304);
}

#[tokio::test]
async fn what_is_not_there_and_what_was_taken_down() {
    let h = house().await;
    let owner = h.guest().await;
    for status in Status::ALL {
        let id = h.video(&owner, status, Visibility::Public).await;
        let key = MediaKey::Segment { video: id, rendition: vocab::RenditionId(1), n: 0 };
        h.objects.put(key.clone(), "bytes");
        let reply = h.get(&key.public_path().expect("public"), None).await;
        let expected = match status {
            Status::Published | Status::Unlisted => (200, "public, max-age=2592000, immutable"),
            Status::Removed | Status::Erased => (410, "public, max-age=60"),
            _ => (404, "public, max-age=5"),
        };
        assert_eq!((reply.status.as_u16(), reply.header("cache-control")), expected, "{status:?}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        if expected.0 != 200 {
            assert_eq!(reply.problem(), if expected.0 == 410 { "gone" } else { "not-found" });
        }
    }
}

#[tokio::test]
async fn a_takedown_through_the_api_stops_media_at_once() {
    let h = house().await;
    let owner = h.guest().await;
    let id = h.published(&owner).await;
    let package = h.stock(id).await;
    let path = MediaKey::Poster { video: id, package: package.id }.public_path().expect("public");
    assert_eq!(h.get(&path, None).await.status, 200);
    h.call("DELETE", &format!("/v1/videos/{id}"), Some(&owner), None).await;
    assert_eq!(h.get(&path, None).await.status, 410);
    h.clock.advance(Millis(5_000));
    h.call("POST", &format!("/v1/videos/{id}/restore"), Some(&owner), None).await;
    assert_eq!(h.get(&path, None).await.status, 200);
}

#[tokio::test]
async fn path_tricks_name_nothing() {
    let (h, good) = segment().await;
    let upper = good.to_uppercase().replace("/V/", "/v/").replace(".M4S", ".m4s");
    for path in [
        "/v/",
        "/p/",
        "/v/x",
        "/v/..%2f..%2fetc%2fpasswd/a/b",
        "/v/%2e%2e/%2e%2e/secret",
        "/v/0000000000001/00000000000000000000000001/..%2f..%2f1.m4s",
        "/v/0000000000001/00000000000000000000000001/1.m4s%00.mp4",
        "/v/0000000000001/00000000000000000000000001/01.m4s",
        "/p/0000000000001/00000000000000000000000001/raw",
        &format!("{good}/"),
        &format!("/v{good}"),
        &good.replace("0.m4s", "%30.m4s"),
        &upper,
        &format!("/v/{}", "a".repeat(8_000)),
    ] {
        let reply = h.get(path, None).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn only_the_path_decides() {
    let (h, path) = segment().await;
    let clean = h.get(&path, None).await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-original-url", "/v1/me"),
        ("x-forwarded-for", "1.2.3.4"),
        ("cookie", "a=b"),
        ("authorization", "Bearer x"),
        ("accept", "text/html"),
        ("origin", "http://evil.example"),
    ] {
        let reply = h.fetch(&path, &[(name, value)]).await;
        assert_eq!((reply.status, &reply.body), (clean.status, &clean.body), "{name}");
        for kept in ["content-type", "cache-control", "etag", "vary", "access-control-allow-origin"] {
            assert_eq!(reply.header(kept), clean.header(kept), "{name}: {kept}");
        }
    }
    assert_eq!(h.get(&format!("{path}?x=1"), None).await.body, clean.body);
}

#[tokio::test]
async fn media_can_only_be_read() {
    let (h, path) = segment().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let reply = h.call(method.as_str(), &path, None, None).await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem().as_str()),
            (405, "method-not-allowed"),
            "{method}"
        );
        assert!(reply.header("allow").contains("GET"));
    }
    let asked = Request::builder().method("OPTIONS").uri(&path).header("origin", "http://a.example");
    let preflight = h.send(asked.body(Body::empty()).expect("a request")).await;
    assert_eq!(
        (preflight.status.as_u16(), preflight.header("access-control-allow-headers").contains("range")),
        (204, true)
    );
}
