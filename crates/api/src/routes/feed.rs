//! What to watch next, and what not to.

use crate::auth::Caller;
use crate::body::{Json, Path, Query};
use crate::dto::feed::{FeedItem, FeedPage, FeedWhy, SeedFeedPage};
use crate::dto::hydrate;
use crate::problem::Problem;
use crate::routes::videos::seen;
use crate::state::ApiState;
use axum::extract::State;
use feed::{FeedError, Page, PageRequest, Refusal};
use http::StatusCode;
use identity::IssueError;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{UserId, VideoId};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(feed_page))
        .routes(routes!(seed_feed_page))
        .routes(routes!(not_interested, interested))
        .routes(routes!(hide, unhide))
        .routes(routes!(why))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// `next_cursor` of the page before; none begins a session.
    pub cursor: Option<String>,
    /// Items wanted, 10–20; fewer than 10 are 10.
    #[param(minimum = 1, maximum = 20)]
    pub limit: Option<usize>,
    /// Begin again from the oldest video, seen or not. Only without a cursor.
    #[serde(default)]
    pub again: bool,
}

impl From<FeedError> for Problem {
    fn from(e: FeedError) -> Self {
        match e {
            FeedError::InvalidCursor(_) => Self::invalid_cursor(),
            FeedError::Fault(fault) => fault.into(),
        }
    }
}

async fn page(state: &ApiState, caller: &Caller, query: FeedQuery) -> Result<Page, Problem> {
    let max = state.feed.policy().page_max;
    if query.limit.is_some_and(|n| n == 0 || n > max) {
        return Err(Problem::field("limit", "out_of_range", format!("A page has 10 to {max} items.")));
    }
    let FeedQuery { cursor, limit, again } = query;
    Ok(state.feed.page(caller.user, PageRequest { cursor, limit, again }).await?)
}

/// The next videos for the caller. The same cursor gives the same page.
#[utoipa::path(get, path = "/v1/feed", tag = "feed", operation_id = "feed_page",
    params(FeedQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page.", body = FeedPage)))]
async fn feed_page(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<FeedQuery>,
) -> Result<Json<FeedPage>, Problem> {
    let page = page(&state, &caller, query).await?;
    let (next_cursor, session) = (page.next_cursor, page.session);
    let (exhausted, degraded) = (page.exhausted, page.degraded);
    let named: Vec<_> = page.items.iter().map(|i| (i.impression, i.reason)).collect();
    let videos = hydrate::feed(&state, &caller, &page.items).await?;
    let item = |(video, (impression_id, reason)): (_, (_, feed::Reason))| FeedItem {
        video,
        impression_id,
        reason: reason.into(),
    };
    let items = videos.into_iter().zip(named).map(item).collect();
    Ok(Json(FeedPage { items, next_cursor, session, exhausted, degraded }))
}

/// The seed's shape of the feed: ids and a cursor.
#[utoipa::path(get, path = "/feed", tag = "feed", operation_id = "seed_feed_page",
    params(FeedQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page of ids.", body = SeedFeedPage)))]
async fn seed_feed_page(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<FeedQuery>,
) -> Result<Json<SeedFeedPage>, Problem> {
    let page = page(&state, &caller, query).await?;
    Ok(Json(SeedFeedPage { items: page.ids(), next_cursor: page.next_cursor }))
}

/// Never again this one; the next pages are thought over.
#[utoipa::path(post, path = "/v1/videos/{id}/not-interested", tag = "feed", operation_id = "video_not_interested",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 204, description = "Noted.")))]
async fn not_interested(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<StatusCode, Problem> {
    seen(&state, Some(&caller), id, None).await?;
    state.feed.dismiss(caller.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes "not interested" back.
#[utoipa::path(delete, path = "/v1/videos/{id}/not-interested", tag = "feed", operation_id = "video_interested",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 204, description = "Taken back.")))]
async fn interested(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<StatusCode, Problem> {
    state.feed.forgive(caller.user, Refusal::Video(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing more of this creator.
#[utoipa::path(post, path = "/v1/users/{id}/hide", tag = "feed", operation_id = "user_hide",
    params(("id" = String, Path, description = "User id.")), security(("bearer" = [])),
    responses((status = 204, description = "Hidden.")))]
async fn hide(
    State(state): State<ApiState>,
    caller: Caller,
    Path(owner): Path<UserId>,
) -> Result<StatusCode, Problem> {
    state.issuer.profile(owner).await.map_err(|e| match e {
        IssueError::Fault(fault) => Problem::from(fault),
        _ => Problem::not_found("There is no such person."),
    })?;
    state.feed.hide(caller.user, owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a hidden creator again.
#[utoipa::path(delete, path = "/v1/users/{id}/hide", tag = "feed", operation_id = "user_unhide",
    params(("id" = String, Path, description = "User id.")), security(("bearer" = [])),
    responses((status = 204, description = "Shown again.")))]
async fn unhide(
    State(state): State<ApiState>,
    caller: Caller,
    Path(owner): Path<UserId>,
) -> Result<StatusCode, Problem> {
    state.feed.forgive(caller.user, Refusal::Owner(owner)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a video is in the caller's feed or is not, by the list last made for them.
#[utoipa::path(get, path = "/v1/videos/{id}/why", tag = "feed", operation_id = "video_why",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 200, description = "The reason.", body = FeedWhy)))]
async fn why(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<FeedWhy>, Problem> {
    seen(&state, Some(&caller), id, None).await?;
    let why = state.feed.why(caller.user, id);
    why.map(|w| Json(w.into()))
        .ok_or_else(|| Problem::not_found("This video was not considered for you lately."))
}
