//! The app's files, the documentation, and health.

use crate::house::{check, house, house_with};
use api::Site;
use std::sync::Arc;

#[tokio::test]
async fn every_address_of_the_app_is_its_first_page() {
    let h = house().await;
    for path in ["/", "/watch/abc", "/me", "/upload", "/ops", "/moderation/x"] {
        let reply = h.get(path, None).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert_eq!(reply.header("cache-control"), "no-cache");
        let policy = reply.header("content-security-policy");
        for part in [
            "default-src 'self'",
            "media-src 'self' blob:",
            "img-src 'self' blob: data:",
            "worker-src 'self' blob:",
            "connect-src 'self' ws://signal.test http://localhost:8081",
            "style-src 'self' 'unsafe-inline'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert!(!policy.contains("script-src 'self' 'unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn files_are_cached_by_what_they_are() {
    let h = house().await;
    let script = h.get("/assets/a-1.js", None).await;
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let again = h.fetch("/", &[("if-none-match", h.get("/", None).await.header("etag"))]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    for missing in ["/assets/a-0.js", "/favicon.ico", "/.env", "/index.php"] {
        assert_eq!(h.get(missing, None).await.problem(), "not-found", "{missing}");
    }
    assert_eq!(h.call("HEAD", "/", None, None).await.status, 200);
    assert_eq!(h.call("POST", "/", None, None).await.problem(), "method-not-allowed");
}

#[tokio::test]
async fn without_an_app_the_first_page_says_how_to_build_it() {
    let h = house_with(|deps| deps.web = Arc::new(Site::unbuilt())).await;
    let reply = h.get("/", None).await;
    assert_eq!(reply.status, 200);
    assert!(String::from_utf8_lossy(&reply.body).contains("make up"));
}

#[tokio::test]
async fn the_documentation_loads_nothing_from_elsewhere() {
    let h = house().await;
    for path in ["/docs", "/docs/docs.js", "/docs/docs.css"] {
        let reply = h.get(path, None).await;
        assert_eq!(reply.status, 200, "{path}");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(!text.contains("https://") && !text.contains("http://"), "{path}");
        assert!(reply.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
    let document = h.get("/openapi.json", None).await;
    assert_eq!(document.json()["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
}

#[tokio::test]
async fn health() {
    let h = house().await;
    assert_eq!(h.get("/healthz", None).await.json()["ok"], true);
    let ready = h.get("/readyz", None).await;
    assert_eq!((ready.status.as_u16(), ready.json()["checks"][0]["name"].as_str()), (200, Some("always")));
    assert_eq!(h.get("/metrics", None).await.body, "up 1\n");
    let h = house_with(|deps| {
        deps.health.checks = vec![check(Ok(())), check(Err("the disk is full"))];
        deps.health.metrics = None;
    })
    .await;
    let ready = h.get("/readyz", None).await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()["checks"][1]["message"].as_str()),
        (503, Some("the disk is full"))
    );
    assert_eq!(h.get("/healthz", None).await.status, 200);
    assert_eq!(h.get("/metrics", None).await.problem(), "not-found");
}

#[tokio::test]
async fn configuration_and_demo() {
    let h = house().await;
    let config = h.get("/v1/config", None).await.json();
    assert_eq!(
        (&config["demo_enabled"], &config["ws_url"]),
        (&true.into(), &"ws://signal.test/v1/ws".into())
    );
    let h = house_with(|deps| deps.config.demo_enabled = false).await;
    let ann = h.guest().await;
    assert_eq!(h.get("/v1/config", None).await.json()["demo_enabled"], false);
    assert_eq!(h.get("/v1/demo", Some(&ann)).await.problem(), "not-found");
}

#[tokio::test]
async fn long_answers_travel_compressed_where_that_is_welcome() {
    let h = house().await;
    let zipped = h.fetch("/openapi.json", &[("accept-encoding", "gzip")]).await;
    let plain = h.get("/openapi.json", None).await;
    assert_eq!((zipped.header("content-encoding"), plain.header("content-encoding")), ("gzip", ""));
    assert!(zipped.body.len() * 4 < plain.body.len());
    let short = h.fetch("/healthz", &[("accept-encoding", "gzip")]).await;
    assert_eq!(short.header("content-encoding"), "");
    let problem = h.fetch("/v1/nothing", &[("accept-encoding", "gzip")]).await;
    assert_eq!(problem.problem(), "not-found");
}
