//! Every route. Adding an area is one `mod` line and one `merge`.

pub mod health;

use crate::openapi;
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;

/// All routes that answer JSON.
pub fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::base()).merge(health::router())
}
