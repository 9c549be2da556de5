//! What a client must know before anything else.

use crate::body::Json;
use crate::state::ApiState;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(client_config))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ClientConfig {
    pub version: String,
    pub api_version: String,
    pub demo_enabled: bool,
    pub moderation: ModerationMode,
    /// Where sockets are opened, without the ticket.
    pub ws_url: String,
    /// Where upload parts go.
    pub s3_url: Option<String>,
    /// How long a deleted video can be brought back.
    pub undo_ms: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ModerationMode {
    /// `classifier` or `people`.
    pub mode: String,
    /// Labels of the policy that nobody looks for before a video is published.
    pub unseen: Vec<String>,
}

/// Public configuration.
#[utoipa::path(get, path = "/v1/config", tag = "system", operation_id = "config_get",
    responses((status = 200, description = "The configuration.", body = ClientConfig)))]
async fn client_config(State(state): State<ApiState>) -> Json<ClientConfig> {
    let config = &state.config;
    let ws_url = config.public_url.replacen("http", "ws", 1) + "/v1/ws";
    Json(ClientConfig {
        version: config.version.clone(),
        api_version: "v1".into(),
        demo_enabled: config.demo_enabled && state.demo.is_some(),
        moderation: ModerationMode {
            mode: config.moderation_mode.clone(),
            unseen: config.moderation_unseen.clone(),
        },
        ws_url,
        s3_url: config.s3_url.clone(),
        undo_ms: config.policy.undo_window.get(),
    })
}
