//! What operators see and steer.

use crate::house::{House, house};
use serde_json::json;
use stdx::Clock;
use telemetry::Indicator;
use vocab::{JobId, Millis};
use work::{Claim, Ending, JobStore, NewJob};

async fn job(h: &House, n: u64, dead: bool) -> JobId {
    h.clock.advance(Millis(1));
    let now = h.clock.now();
    let id = JobId::from_parts(now.get(), n);
    h.jobs.enqueue(id, NewJob::new("transcode.encode", n, now), now).await.expect("enqueued");
    if dead {
        let claim = Claim { kinds: vec!["transcode.encode".into()], now, lease: Millis(1_000), limit: 10 };
        for job in h.jobs.claim(claim).await.expect("claimed") {
            let ending = Ending::Dead { error: "it broke".into() };
            h.jobs.finish(job.id, job.fence, ending, now).await.expect("finished");
        }
    }
    id
}

#[tokio::test]
async fn the_summary_tells_promises_queues_disk_and_rates() {
    let h = house().await;
    let operator = h.operator().await;
    job(&h, 1, false).await;
    let now = h.clock.now().get();
    for _ in 0..100 {
        h.state.indicators.observe(Indicator::FirstFrame, 900, now);
        h.state.indicators.observe(Indicator::FeedPage, 10, now);
    }
    api::ops::sample(&h.state).await;
    h.clock.advance(Millis(5_000));
    for _ in 0..10 {
        h.get("/v1/config", None).await;
    }
    api::ops::sample(&h.state).await;
    let s = h.get("/v1/ops/summary", Some(&operator)).await.json();
    assert_eq!(s["ok"], false);
    let promise = |name: &str| {
        s["promises"].as_array().expect("promises").iter().find(|p| p["name"] == name).expect("it")
    };
    assert_eq!(
        (&promise("first_frame")["state"], &promise("first_frame")["value"]),
        (&json!("red"), &json!(900))
    );
    assert_eq!(
        (&promise("feed_p99")["state"], &promise("feed_p99")["target"]),
        (&json!("green"), &json!(120))
    );
    assert_eq!(
        (&promise("ranker_p99")["state"], &promise("ranker_p99")["value"]),
        (&json!("unknown"), &json!(null))
    );
    assert_eq!(
        s["queues"],
        json!([{"kind": "transcode.encode", "ready": 1, "running": 0, "dead": 0, "oldest_ms": 5_000}])
    );
    assert_eq!(s["disk"], json!({"free_bytes": 1_000, "total_bytes": 4_000, "data_bytes": 10}));
    assert_eq!(s["rates"]["requests_per_min"], 120);
    let requests =
        s["series"].as_array().expect("series").iter().find(|l| l["name"] == "requests").expect("it");
    assert_eq!(requests["points"].as_array().map(Vec::len), Some(2));
    assert_eq!(s["uptime_s"], 5);
}

#[tokio::test]
async fn the_ranker_is_measured_once_somebody_swipes() {
    let h = house().await;
    let operator = h.operator().await;
    let ranker = async || {
        let summary = h.get("/v1/ops/summary", Some(&operator)).await.json();
        let promises = summary["promises"].as_array().expect("promises").clone();
        promises.into_iter().find(|p| p["name"] == "ranker_p99").expect("it")
    };
    assert_eq!(ranker().await["state"], "unknown");
    h.published(&operator).await;
    let viewer = h.guest().await;
    assert_eq!(h.get("/v1/feed", Some(&viewer)).await.status, 200);
    let measured = ranker().await;
    assert_eq!((&measured["state"], &measured["value"]), (&json!("green"), &json!(0)), "the clock stands");
}

#[tokio::test]
async fn jobs_are_listed_replayed_and_cancelled() {
    let h = house().await;
    let operator = h.operator().await;
    let dead = job(&h, 1, true).await;
    let ready = job(&h, 2, false).await;
    let all = h.get("/v1/ops/jobs", Some(&operator)).await.json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(all["items"][0]["id"], ready.to_string());
    let dead_ones = h.get("/v1/ops/jobs?state=dead&kind=transcode.encode", Some(&operator)).await.json();
    assert_eq!(dead_ones["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&dead_ones["items"][0]["error"], &dead_ones["items"][0]["state"]),
        (&json!("it broke"), &json!("dead"))
    );
    let one = h.get("/v1/ops/jobs?limit=1", Some(&operator)).await.json();
    let cursor = one["next_cursor"].as_str().expect("more");
    let next = h.get(&format!("/v1/ops/jobs?limit=1&cursor={cursor}"), Some(&operator)).await.json();
    assert_eq!(next["items"][0]["id"], dead.to_string());
    assert_eq!(
        h.get(&format!("/v1/ops/jobs?state=dead&cursor={cursor}"), Some(&operator)).await.problem(),
        "invalid-cursor"
    );
    let replayed = h.post(&format!("/v1/ops/jobs/{dead}/replay"), Some(&operator), json!({})).await;
    assert_eq!((replayed.status.as_u16(), replayed.json()["state"].as_str()), (200, Some("ready")));
    let cancelled = h.post(&format!("/v1/ops/jobs/{ready}/cancel"), Some(&operator), json!({})).await;
    assert_eq!(cancelled.json()["state"], "cancelled");
    assert_eq!(
        h.post(&format!("/v1/ops/jobs/{ready}/replay"), Some(&operator), json!({})).await.problem(),
        "conflict"
    );
    assert_eq!(h.get("/v1/ops/jobs?state=sleeping", Some(&operator)).await.problem(), "invalid-request");
    assert_eq!(h.get("/v1/ops/jobs/0000000000001", Some(&operator)).await.problem(), "not-found");
}
