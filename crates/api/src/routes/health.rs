//! Whether the process lives, whether it is ready, and its metrics.

use crate::body::Json;
use crate::problem::Problem;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
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
    let render =
        state.health.metrics.as_ref().ok_or_else(|| Problem::not_found("Metrics are switched off."))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], render()).into_response())
}
