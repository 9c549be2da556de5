//! Every route. Adding an area is one `mod` line and one `merge`.

pub mod auth;
pub mod captions;
pub mod config;
pub mod cover;
pub mod demo;
pub mod events;
pub mod feed;
pub mod health;
pub mod library;
pub mod media;
pub mod moderation;
pub mod ops;
pub mod reactions;
pub mod uploads;
pub mod users;
pub mod videos;
pub mod web;
pub mod ws;

use crate::openapi;
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;

/// All routes that answer JSON.
pub fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(auth::router())
        .merge(captions::router())
        .merge(config::router())
        .merge(cover::router())
        .merge(demo::router())
        .merge(events::router())
        .merge(feed::router())
        .merge(health::router())
        .merge(library::router())
        .merge(moderation::router())
        .merge(ops::router())
        .merge(reactions::router())
        .merge(uploads::router())
        .merge(users::router())
        .merge(videos::router())
        .merge(ws::router())
}
