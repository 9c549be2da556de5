//! Bad input and bad days: always a problem, never a plain text, never 5xx for what the client did.

use crate::house::{House, Reply, house, house_with};
use api::limits::Rate;
use api::{DemoOrder, DemoPort, DemoProgress};
use async_trait::async_trait;
use axum::body::Body;
use http::Request;
use serde_json::json;
use std::sync::Arc;
use stdx::{Fault, FaultKind};
use vocab::Millis;

async fn post_raw(h: &House, path: &str, token: &str, content_type: Option<&str>, body: Vec<u8>) -> Reply {
    let mut request =
        Request::builder().method("POST").uri(path).header("authorization", format!("Bearer {token}"));
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    h.send(request.body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn bodies_that_are_not_the_json_expected() {
    let h = house().await;
    let ann = h.guest().await;
    let json = Some("application/json");
    for (content_type, body, status, slug) in [
        (None, "{}", 415, "unsupported-media-type"),
        (Some("text/html"), "{}", 415, "unsupported-media-type"),
        (Some("application/jsonx"), "{}", 415, "unsupported-media-type"),
        (json, "", 400, "invalid-json"),
        (json, "{", 400, "invalid-json"),
        (json, "nonsense", 400, "invalid-json"),
        (json, "{} trailing", 400, "invalid-json"),
        (json, "[]", 400, "invalid-json"),
        (json, "\"text\"", 400, "invalid-json"),
        (json, "{\"videos\":\"many\"}", 400, "invalid-json"),
        (json, "{\"videos\":-1}", 400, "invalid-json"),
        (json, "{\"videos\":1e400}", 400, "invalid-json"),
        (json, "{\"videos\":1,\"videos\":2}", 400, "invalid-json"),
        (json, "{\"nobody\":1}", 400, "invalid-json"),
        (json, "{\"videos\":0}", 400, "invalid-request"),
        (Some("application/json; charset=utf-8"), "{\"videos\":3}", 202, ""),
    ] {
        let reply = post_raw(&h, "/v1/demo", &ann.token, content_type, body.into()).await;
        assert_eq!(reply.status, status, "{content_type:?} {body}");
        if status != 202 {
            assert_eq!(reply.problem(), slug, "{content_type:?} {body}");
        }
    }
    let bytes = post_raw(&h, "/v1/demo", &ann.token, json, vec![0xff, 0xfe, 0x00]).await;
    assert_eq!(bytes.problem(), "invalid-json");
    let deep = "[".repeat(60_000).into_bytes();
    assert_eq!(post_raw(&h, "/v1/demo", &ann.token, json, deep).await.problem(), "invalid-json");
    let large = vec![b' '; 65 * 1024];
    let reply = post_raw(&h, "/v1/demo", &ann.token, json, large).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (413, "payload-too-large"));
}

#[tokio::test]
async fn ids_that_are_none_name_nothing() {
    let h = house().await;
    let ann = h.guest().await;
    for id in [
        "x",
        "0000000000001",
        "zzzzzzzzzzzzz",
        "%00",
        "..",
        "%2e%2e%2f",
        "0000000000001%0a",
        &"a".repeat(5_000),
    ] {
        let reply = h.get(&format!("/v1/videos/{id}"), Some(&ann)).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{id}");
    }
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let h = house().await;
    for path in
        ["/v1", "/v1/", "/v1/nothing", "/v1/videos", "/v1/me/nothing", "/.well-known/nothing", "/v1//me"]
    {
        let reply = h.get(path, None).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{path}");
    }
    let reply = h.call("PUT", "/v1/config", None, None).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (405, "method-not-allowed"));
    assert!(reply.header("allow").contains("GET"), "{reply:?}");
    let reply = h.call("POST", "/upload", None, None).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (405, "method-not-allowed"));
}

#[tokio::test]
async fn tokens_that_do_not_count() {
    let h = house().await;
    let ann = h.guest().await;
    let header = async |value: &str| h.fetch("/v1/me/videos", &[("authorization", value)]).await;
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic YTpi".to_owned(),
        "Bearer nonsense".to_owned(),
        format!("Token {}", ann.token),
        format!("Bearer {}x", ann.token),
        format!("Bearer {}", "a".repeat(20_000)),
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_owned(),
    ] {
        let reply = header(&value).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (401, "unauthorized"), "{value:.40}");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    // A token that does not count is refused where none is needed, too: the client must learn of it.
    assert_eq!(h.fetch("/v1/users/0000000000001/videos", &[("authorization", "Bearer x")]).await.status, 401);
    h.clock.advance(Millis(16 * 60_000));
    assert_eq!(header(&format!("Bearer {}", ann.token)).await.problem(), "token-expired");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_safe_headers() {
    let h = house().await;
    let reply = h.fetch("/v1/config", &[("x-request-id", "my-request-1")]).await;
    assert_eq!(reply.header("x-request-id"), "my-request-1");
    assert_eq!(
        (reply.header("x-content-type-options"), reply.header("cache-control")),
        ("nosniff", "no-store")
    );
    let refused = h.fetch("/v1/nothing", &[("x-request-id", "my-request-2")]).await;
    assert_eq!(
        (refused.header("x-request-id"), &refused.json()["instance"]),
        ("my-request-2", &json!("my-request-2"))
    );
    let strange = h.fetch("/v1/config", &[("x-request-id", "no spaces please")]).await;
    assert_eq!(strange.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let h = house_with(|deps| deps.config.policy.rates.read = (Rate::new(2, 60), Rate::new(100, 60))).await;
    let (ann, bob) = (h.guest().await, h.guest().await);
    for _ in 0..2 {
        assert_eq!(h.get("/v1/me/videos", Some(&ann)).await.status, 200);
    }
    let refused = h.get("/v1/me/videos", Some(&ann)).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (429, "rate-limited"));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(h.get("/v1/me/videos", Some(&bob)).await.status, 200);
    h.clock.advance(Millis(1_000));
    assert_eq!(h.get("/v1/me/videos", Some(&ann)).await.status, 200);
}

#[tokio::test]
async fn too_many_at_once_are_turned_away() {
    let h = house_with(|deps| deps.config.policy.in_flight_max = 0).await;
    let refused = h.get("/v1/config", None).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "overloaded"));
    assert!(!refused.header("retry-after").is_empty());
}

enum Day {
    Panics,
    Hangs,
    Faults(FaultKind),
}

struct BadDay(Day);

#[async_trait]
impl DemoPort for BadDay {
    async fn start(&self, _: DemoOrder) -> Result<DemoProgress, Fault> {
        match self.0 {
            Day::Panics => panic!("a secret text"),
            Day::Hangs => std::future::pending().await,
            Day::Faults(kind) => Err(Fault::new(kind, "a secret text")),
        }
    }
    async fn progress(&self) -> DemoProgress {
        DemoProgress::default()
    }
}

async fn on_a(day: Day) -> Reply {
    let h = house_with(|deps| deps.demo = Some(Arc::new(BadDay(day)))).await;
    let ann = h.guest().await;
    h.post("/v1/demo", Some(&ann), json!({})).await
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let reply = on_a(Day::Panics).await;
    std::panic::set_hook(hook);
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (500, "internal"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
}

#[tokio::test]
async fn faults_are_told_as_what_a_client_can_do() {
    for (kind, status, slug) in [
        (FaultKind::Full, 507, "insufficient-storage"),
        (FaultKind::Throttled, 503, "overloaded"),
        (FaultKind::TimedOut, 503, "overloaded"),
        (FaultKind::Unavailable, 503, "overloaded"),
        (FaultKind::Internal, 500, "internal"),
        (FaultKind::Corrupt, 500, "internal"),
    ] {
        let reply = on_a(Day::Faults(kind)).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, slug), "{kind:?}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"), "{kind:?}");
        assert_eq!(reply.headers.contains_key("retry-after"), status == 503, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_given_up() {
    let reply = on_a(Day::Hangs).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "overloaded"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_arrives_is_given_up() {
    let h = house().await;
    let ann = h.guest().await;
    let never = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let request = Request::builder()
        .method("POST")
        .uri("/v1/demo")
        .header("authorization", format!("Bearer {}", ann.token))
        .header("content-type", "application/json");
    let reply = h.send(request.body(never).expect("a request")).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (408, "request-timeout"));
}

#[tokio::test]
async fn other_sites_may_call_only_where_they_are_allowed() {
    let h = house_with(|deps| deps.config.allowed_origins = vec!["https://app.example".into()]).await;
    let preflight = |origin: &'static str| {
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/v1/config")
            .header("origin", origin)
            .header("access-control-request-method", "GET");
        h.send(request.body(Body::empty()).expect("a request"))
    };
    assert_eq!(
        preflight("https://app.example").await.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    let reply = h.fetch("/v1/config", &[("origin", "https://evil.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let (captured, guard) = telemetry::capture::Captured::start("trace").expect("a filter");
    let h = house().await;
    let ann = h.guest().await;
    h.get("/v1/me/videos", Some(&ann)).await;
    h.get("/v1/me/videos?cursor=nonsense", Some(&ann)).await;
    h.fetch("/v1/me/videos", &[("authorization", &format!("Bearer {}x", ann.token))]).await;
    h.get("/v1/ws?ticket=00112233445566778899aabbccddeeff", None).await;
    h.get("/v1/videos/0000000000001?key=00112233445566778899aabbccddeeff", None).await;
    drop(guard);
    assert_eq!(telemetry::leaks::leaks(&captured.text()), [], "{}", captured.text());
}
