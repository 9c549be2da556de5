//! Like, save, share.

use crate::auth::Caller;
use crate::body::{Json, Path, Query};
use crate::dto::hydrate::counting;
use crate::dto::video::link;
use crate::problem::Problem;
use crate::routes::videos::{LinkKey, no_such_video, seen, viewer};
use crate::state::ApiState;
use axum::extract::State;
use catalog::{Sight, visible};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::VideoId;

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(like, unlike)).routes(routes!(save, unsave)).routes(routes!(share))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Liked {
    pub liked: bool,
    /// Viewers who like it now.
    pub likes: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Saved {
    pub saved: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Shared {
    /// The address to hand on.
    pub url: String,
    /// Viewers who shared it.
    pub shares: u64,
}

/// Only what is live can be reacted to.
async fn live(
    state: &ApiState,
    caller: &Caller,
    id: VideoId,
    key: Option<&str>,
) -> Result<catalog::Video, Problem> {
    let (video, _) = seen(state, Some(caller), id, key).await?;
    if video.status.is_readable() {
        return Ok(video);
    }
    Err(Problem::conflict("The video is not live.").with("status_now", video.status.word()))
}

/// A reaction can be taken back from a video that is gone, or no longer for this viewer.
async fn existing(state: &ApiState, caller: &Caller, id: VideoId) -> Result<(), Problem> {
    let video = state.videos.get(id).await?;
    let known = visible(&video, &viewer(Some(caller))) != Sight::Hidden || video.published_at.is_some();
    if known { Ok(()) } else { Err(no_such_video()) }
}

/// Likes a video. Twice is once.
#[utoipa::path(put, path = "/v1/videos/{id}/like", tag = "videos", operation_id = "video_like",
    params(("id" = String, Path, description = "Video id."), LinkKey), security(("bearer" = [])),
    responses((status = 200, description = "Liked.", body = Liked)))]
async fn like(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Query(link): Query<LinkKey>,
) -> Result<Json<Liked>, Problem> {
    live(&state, &caller, id, link.key.as_deref()).await?;
    set_like(&state, &caller, id, true).await
}

/// Takes a like back.
#[utoipa::path(delete, path = "/v1/videos/{id}/like", tag = "videos", operation_id = "video_unlike",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 200, description = "Not liked.", body = Liked)))]
async fn unlike(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<Liked>, Problem> {
    existing(&state, &caller, id).await?;
    set_like(&state, &caller, id, false).await
}

async fn set_like(state: &ApiState, caller: &Caller, id: VideoId, on: bool) -> Result<Json<Liked>, Problem> {
    let now = state.reactions.like(caller.user, id, on).await.map_err(counting)?;
    state.feed.recount(id);
    if on && let Err(fault) = state.feed.react(caller.user).await {
        // The like stands; only the next pages are not thought over.
        tracing::warn!(error = %fault, "the feed cannot react to a like");
    }
    Ok(Json(Liked { liked: now.liked, likes: now.likes }))
}

/// Keeps a video among the caller's saves.
#[utoipa::path(put, path = "/v1/videos/{id}/save", tag = "videos", operation_id = "video_save",
    params(("id" = String, Path, description = "Video id."), LinkKey), security(("bearer" = [])),
    responses((status = 200, description = "Saved.", body = Saved)))]
async fn save(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Query(link): Query<LinkKey>,
) -> Result<Json<Saved>, Problem> {
    live(&state, &caller, id, link.key.as_deref()).await?;
    set_save(&state, &caller, id, true).await
}

/// Takes a video out of the caller's saves.
#[utoipa::path(delete, path = "/v1/videos/{id}/save", tag = "videos", operation_id = "video_unsave",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 200, description = "Not saved.", body = Saved)))]
async fn unsave(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<Saved>, Problem> {
    existing(&state, &caller, id).await?;
    set_save(&state, &caller, id, false).await
}

async fn set_save(state: &ApiState, caller: &Caller, id: VideoId, on: bool) -> Result<Json<Saved>, Problem> {
    let saved = state.reactions.save(caller.user, id, on).await.map_err(counting)?;
    Ok(Json(Saved { saved }))
}

/// Gives the address to hand on, and counts the share.
#[utoipa::path(post, path = "/v1/videos/{id}/share", tag = "videos", operation_id = "video_share",
    params(("id" = String, Path, description = "Video id."), LinkKey), security(("bearer" = [])),
    responses((status = 200, description = "The address.", body = Shared)))]
async fn share(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Query(query): Query<LinkKey>,
) -> Result<Json<Shared>, Problem> {
    let video = live(&state, &caller, id, query.key.as_deref()).await?;
    let shares = state.reactions.share(caller.user, id).await.map_err(counting)?;
    state.feed.recount(id);
    Ok(Json(Shared { url: link(&video, &state.config.public_url), shares }))
}
