//! Lists of videos: the caller's own, what they like, saved and saw, and what somebody published.

use crate::auth::{Caller, MaybeCaller};
use crate::body::{Json, Path, Query};
use crate::cursor::{List, Position};
use crate::dto::{Page, PageQuery, Video, hydrate};
use crate::problem::Problem;
use crate::routes::videos::viewer;
use crate::state::ApiState;
use axum::extract::State;
use catalog::{Shelf, Sight, VideoPage, VideoStoreExt, visible};
use identity::IssueError;
use std::collections::HashMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{Millis, UserId, VideoId};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(my_videos))
        .routes(routes!(my_likes))
        .routes(routes!(my_saves))
        .routes(routes!(my_history))
        .routes(routes!(videos_of))
}

type VideosPage = Result<Json<Page<Video>>, Problem>;

/// The caller's videos in every status, newest first.
#[utoipa::path(get, path = "/v1/me/videos", tag = "videos", operation_id = "me_videos",
    params(PageQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page.", body = Page<Video>)))]
async fn my_videos(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> VideosPage {
    let list = List { name: "my_videos", reader: Some(caller.user), about: "" };
    let (before, limit) = (start(&state, list, &query)?, query.limit(&state.config.policy)?);
    let before = before.map(|p| VideoId(p.id));
    let page = state.videos.list_by_owner(caller.user, before, limit).await?;
    answer(&state, Some(&caller), list, page, |_| Sight::Full).await
}

/// What somebody published for everybody, newest first.
#[utoipa::path(get, path = "/v1/users/{id}/videos", tag = "users", operation_id = "user_videos",
    params(("id" = String, Path, description = "User id."), PageQuery), security((), ("bearer" = [])),
    responses((status = 200, description = "A page.", body = Page<Video>)))]
async fn videos_of(
    State(state): State<ApiState>,
    MaybeCaller(caller): MaybeCaller,
    Path(owner): Path<UserId>,
    Query(query): Query<PageQuery>,
) -> VideosPage {
    let about = owner.to_string();
    let list = List { name: "user_videos", reader: caller.as_ref().map(|c| c.user), about: &about };
    let (before, limit) = (start(&state, list, &query)?, query.limit(&state.config.policy)?);
    state.issuer.profile(owner).await.map_err(|e| match e {
        IssueError::Fault(fault) => Problem::from(fault),
        _ => Problem::not_found("There is no such person."),
    })?;
    let before = before.map(|p| VideoId(p.id));
    let page = state.videos.list_public_by_owner(owner, before, limit).await?;
    answer(&state, caller.as_ref(), list, page, |_| Sight::Public).await
}

fn start(state: &ApiState, list: List<'_>, query: &PageQuery) -> Result<Option<Position>, Problem> {
    query.cursor.as_deref().map(|cursor| state.cursors.read(list, cursor)).transpose()
}

async fn answer(
    state: &ApiState,
    caller: Option<&Caller>,
    list: List<'_>,
    page: VideoPage,
    sight: fn(&catalog::Video) -> Sight,
) -> VideosPage {
    let here = |id: VideoId| Position { at: Millis(0), id: id.0 };
    let next_cursor = page.next_before.map(|id| state.cursors.write(list, here(id)));
    let seen: Vec<_> = page.videos.into_iter().map(|v| (sight(&v), v)).map(|(s, v)| (v, s)).collect();
    Ok(Json(Page { items: hydrate::videos(state, caller, &seen).await?, next_cursor }))
}

/// What the caller likes, last liked first.
#[utoipa::path(get, path = "/v1/me/likes", tag = "videos", operation_id = "me_likes",
    params(PageQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page.", body = Page<Video>)))]
async fn my_likes(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> VideosPage {
    shelf(&state, &caller, Shelf::Likes, &query).await
}

/// What the caller saved, last saved first.
#[utoipa::path(get, path = "/v1/me/saves", tag = "videos", operation_id = "me_saves",
    params(PageQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page.", body = Page<Video>)))]
async fn my_saves(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> VideosPage {
    shelf(&state, &caller, Shelf::Saves, &query).await
}

/// What the caller saw, last seen first.
#[utoipa::path(get, path = "/v1/me/history", tag = "videos", operation_id = "me_history",
    params(PageQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page.", body = Page<Video>)))]
async fn my_history(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> VideosPage {
    shelf(&state, &caller, Shelf::History, &query).await
}

/// A page of a shelf. What the caller may no longer see is left out, so that a page may be short;
/// only a missing cursor means the end.
async fn shelf(state: &ApiState, caller: &Caller, shelf: Shelf, query: &PageQuery) -> VideosPage {
    let list = List { name: shelf.word(), reader: Some(caller.user), about: "" };
    let (before, limit) = (start(state, list, query)?, query.limit(&state.config.policy)?);
    let before = before.map(|p| (p.at, VideoId(p.id)));
    let placed = state.library.list(caller.user, shelf, before, limit).await?;
    let next_cursor = placed
        .last()
        .filter(|_| placed.len() == limit)
        .map(|(at, id)| state.cursors.write(list, Position { at: *at, id: id.0 }));
    let ids: Vec<VideoId> = placed.iter().map(|(_, id)| *id).collect();
    let found: HashMap<_, _> = state.videos.get_all(&ids).await?.into_iter().map(|v| (v.id, v)).collect();
    let viewer = viewer(Some(caller));
    let seen: Vec<_> = ids
        .iter()
        .filter_map(|id| found.get(id))
        .map(|video| (video.clone(), visible(video, &viewer)))
        .filter(|(_, sight)| matches!(sight, Sight::Full | Sight::Public))
        .collect();
    Ok(Json(Page { items: hydrate::videos(state, Some(caller), &seen).await?, next_cursor }))
}
