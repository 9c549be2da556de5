//! Demo content, on the laptop.

use crate::auth::Caller;
use crate::body::Json;
use crate::problem::Problem;
use crate::state::{ApiState, DemoOrder, DemoPort, DemoProgress};
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(start_demo, demo_progress))
}

const VIDEOS_MAX: u32 = 100;
const VIEWERS_MAX: u32 = 1_000;

fn port(state: &ApiState) -> Result<&dyn DemoPort, Problem> {
    let port = state.demo.as_deref().filter(|_| state.config.demo_enabled);
    port.ok_or_else(|| Problem::not_found("Demo content is not offered here."))
}

/// Makes varied clips and simulated viewers through the public API.
#[utoipa::path(post, path = "/v1/demo", tag = "system", operation_id = "demo_start", security(("bearer" = [])),
    request_body = DemoOrder,
    responses((status = 202, description = "It is under way.", body = DemoProgress)))]
async fn start_demo(
    State(state): State<ApiState>,
    _: Caller,
    Json(order): Json<DemoOrder>,
) -> Result<(StatusCode, Json<DemoProgress>), Problem> {
    let port = port(&state)?;
    if order.videos.is_some_and(|n| n == 0 || n > VIDEOS_MAX) {
        return Err(Problem::field("videos", "out_of_range", format!("Ask for 1 to {VIDEOS_MAX} videos.")));
    }
    if order.viewers.is_some_and(|n| n > VIEWERS_MAX) {
        return Err(Problem::field(
            "viewers",
            "out_of_range",
            format!("Ask for at most {VIEWERS_MAX} viewers."),
        ));
    }
    Ok((StatusCode::ACCEPTED, Json(port.start(order).await?)))
}

/// How far it is.
#[utoipa::path(get, path = "/v1/demo", tag = "system", operation_id = "demo_progress", security(("bearer" = [])),
    responses((status = 200, description = "The progress.", body = DemoProgress)))]
async fn demo_progress(State(state): State<ApiState>, _: Caller) -> Result<Json<DemoProgress>, Problem> {
    Ok(Json(port(&state)?.progress().await))
}
