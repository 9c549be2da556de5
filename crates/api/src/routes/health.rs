//! Whether the process lives, whether it is ready, and its metrics.

use crate::body::Json;
use crate::problem::Problem;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use telemetry::names;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready)).routes(routes!(metrics))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    pub ok: bool,
    pub version: String,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "system", operation_id = "health_live",
    responses((status = 200, description = "It lives.", body = Live)))]
async fn live(State(state): State<ApiState>) -> Json<Live> {
    Json(Live { ok: true, version: state.config.version.clone() })
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    pub ok: bool,
    pub checks: Vec<CheckResult>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CheckResult {
    pub name: String,
    pub ok: bool,
    /// What is wrong, in a sentence.
    pub message: Option<String>,
}

/// Everything this process needs works.
#[utoipa::path(get, path = "/readyz", tag = "system", operation_id = "health_ready", responses(
    (status = 200, description = "Ready.", body = Ready),
    (status = 503, description = "Not ready.", body = Ready),
))]
async fn ready(State(state): State<ApiState>) -> Response {
    let mut checks = Vec::new();
    for check in &state.health.checks {
        let outcome = check.check().await;
        checks.push(CheckResult { name: check.name().into(), ok: outcome.is_ok(), message: outcome.err() });
    }
    let ok = checks.iter().all(|c| c.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ok, checks })).into_response()
}

/// Prometheus text.
#[utoipa::path(get, path = "/metrics", tag = "system", operation_id = "health_metrics",
    responses((status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain")))]
async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    gauge(&state).await;
    let render =
        state.health.metrics.as_ref().ok_or_else(|| Problem::not_found("Metrics are switched off."))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], render()).into_response())
}

/// Brings what is kept elsewhere into the metrics, just before they are read.
async fn gauge(state: &ApiState) {
    let media = state.origin.counts();
    for (outcome, count) in [
        ("hit", media.hit),
        ("miss", media.miss),
        ("partial", media.partial),
        ("unchanged", media.unchanged),
        ("bad_range", media.bad_range),
        ("not_found", media.not_found),
        ("gone", media.gone),
        ("fault", media.fault),
    ] {
        metrics::counter!(names::MEDIA_ANSWERS, "outcome" => outcome).absolute(count);
    }
    metrics::counter!(names::MEDIA_SENT_BYTES).absolute(media.sent_bytes);
    gauge_of(names::MEDIA_HOT_BYTES, media.hot_bytes);
    gauge_of(names::WS_OPEN, state.hub.connections() as u64);
    let uptime = state.clock.now().saturating_sub(state.traffic.started_at);
    gauge_of(names::UPTIME_SECONDS, u64::try_from(uptime.get() / 1000).unwrap_or(0));
    if let Some(disk) = state.machine.disk() {
        gauge_of(names::DISK_FREE_BYTES, disk.free.get());
    }
    for tally in state.jobs.tally().await.unwrap_or_default() {
        for (word, count) in [("ready", tally.ready), ("running", tally.running), ("dead", tally.dead)] {
            metrics::gauge!(names::JOBS, "kind" => tally.kind.clone(), "state" => word).set(count as f64);
        }
    }
}

/// Prometheus knows floating numbers only.
fn gauge_of(name: &'static str, value: u64) {
    metrics::gauge!(name).set(value as f64);
}
