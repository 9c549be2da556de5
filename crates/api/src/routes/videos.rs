//! Videos: look, change, delete, bring back, try again, ask for another look.

use crate::auth::{Caller, MaybeCaller};
use crate::body::{Json, Path, Query};
use crate::dto::{self, Video};
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::State;
use catalog::{Change, OwnerError, Sight, Viewer, visible};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{VideoId, Visibility};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_video, edit_video, delete_video))
        .routes(routes!(restore_video))
        .routes(routes!(appeal_video))
        .routes(routes!(retry_video))
}

impl From<catalog::InvalidFields> for Problem {
    fn from(invalid: catalog::InvalidFields) -> Self {
        let first = invalid.0.first().map_or_else(String::new, |f| f.message.clone());
        let problem = Self::new(Slug::InvalidRequest, first);
        invalid.0.into_iter().fold(problem, |p, f| p.and_field(&f.field, f.code, f.message))
    }
}

impl From<OwnerError> for Problem {
    fn from(e: OwnerError) -> Self {
        match e {
            OwnerError::NotFound(_) => no_such_video(),
            OwnerError::Gone(_) => gone(),
            OwnerError::NotOwner(_) => Self::forbidden("This is for the owner of the video."),
            OwnerError::Invalid(fields) => fields.into(),
            OwnerError::Conflict { status, why, .. } => {
                Self::conflict(sentence(why)).with("status_now", status.word())
            }
            OwnerError::Fault(fault) => fault.into(),
        }
    }
}

fn sentence(why: &str) -> String {
    let mut chars = why.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).chain(".".chars()).collect()
}

pub(crate) fn no_such_video() -> Problem {
    Problem::not_found("There is no such video.")
}

pub(crate) fn gone() -> Problem {
    Problem::gone("This video was taken down.")
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinkKey {
    /// The key of an unlisted video's link.
    pub key: Option<String>,
}

/// A video and what the caller may see of it. Refuses with 404 or 410 what they may not.
pub(crate) async fn seen(
    state: &ApiState,
    caller: Option<&Caller>,
    id: VideoId,
    key: Option<&str>,
) -> Result<(catalog::Video, Sight), Problem> {
    let video = state.videos.get(id).await?;
    let viewer = viewer(caller).with_key(key);
    match visible(&video, &viewer) {
        Sight::Hidden => Err(no_such_video()),
        Sight::Gone => Err(gone()),
        sight @ (Sight::Full | Sight::Public) => Ok((video, sight)),
    }
}

/// The caller as the catalog's visibility rule knows them.
pub(crate) fn viewer(caller: Option<&Caller>) -> Viewer<'static> {
    Viewer {
        user: caller.map(|c| c.user),
        moderator: caller.is_some_and(Caller::is_moderator),
        link_key: None,
    }
}

/// One video. Its owner and moderators see everything; others see it once it is published for them.
#[utoipa::path(get, path = "/v1/videos/{id}", tag = "videos", operation_id = "video_get",
    params(("id" = String, Path, description = "Video id."), LinkKey), security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The video.", body = Video),
        (status = 404, description = "No such video, or none for this caller."),
        (status = 410, description = "It was taken down."),
    ))]
async fn get_video(
    State(state): State<ApiState>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<VideoId>,
    Query(link): Query<LinkKey>,
) -> Result<Json<Video>, Problem> {
    let (video, sight) = seen(&state, caller.as_ref(), id, link.key.as_deref()).await?;
    Ok(Json(dto::hydrate::video(&state, caller.as_ref(), video, sight).await?))
}

/// What the owner changes; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct VideoEdit {
    pub title: Option<String>,
    pub caption: Option<String>,
    /// Without `#`.
    pub hashtags: Option<Vec<String>>,
    #[schema(value_type = Option<dto::video::VisibilityWord>)]
    pub visibility: Option<Visibility>,
}

/// Changes texts or audience.
#[utoipa::path(patch, path = "/v1/videos/{id}", tag = "videos", operation_id = "video_edit",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    request_body = VideoEdit,
    responses((status = 200, description = "As it is now.", body = Video)))]
async fn edit_video(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Json(edit): Json<VideoEdit>,
) -> Result<Json<Video>, Problem> {
    let VideoEdit { title, caption, hashtags, visibility } = edit;
    let change = Change { title, caption, hashtags, visibility };
    let video = state.owners.edit(caller.user, id, change).await?;
    own(&state, &caller, video).await
}

async fn own(state: &ApiState, caller: &Caller, video: catalog::Video) -> Result<Json<Video>, Problem> {
    Ok(Json(dto::hydrate::video(state, Some(caller), video, Sight::Full).await?))
}

/// Deletes a video: out of sight at once; it can be brought back for ten seconds.
#[utoipa::path(delete, path = "/v1/videos/{id}", tag = "videos", operation_id = "video_delete",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 204, description = "Deleted, now or before.")))]
async fn delete_video(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<StatusCode, Problem> {
    state.owners.remove(caller.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted video back, within ten seconds.
#[utoipa::path(post, path = "/v1/videos/{id}/restore", tag = "videos", operation_id = "video_restore",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses(
        (status = 200, description = "It is back.", body = Video),
        (status = 410, description = "Too late."),
    ))]
async fn restore_video(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<Video>, Problem> {
    let video = state.owners.restore(caller.user, id).await?;
    own(&state, &caller, video).await
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct AppealMessage {
    /// Why it should be published; a moderator reads it.
    pub message: String,
}

/// Asks a person to look again at a rejected video, once.
#[utoipa::path(post, path = "/v1/videos/{id}/appeal", tag = "videos", operation_id = "video_appeal",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    request_body = AppealMessage,
    responses(
        (status = 200, description = "A person will look.", body = Video),
        (status = 409, description = "Not rejected, or appealed before."),
    ))]
async fn appeal_video(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Json(appeal): Json<AppealMessage>,
) -> Result<Json<Video>, Problem> {
    let video = state.owners.appeal(caller.user, id, &appeal.message).await?;
    own(&state, &caller, video).await
}

/// Starts a failed video over, where the same file may succeed.
#[utoipa::path(post, path = "/v1/videos/{id}/retry", tag = "videos", operation_id = "video_retry",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses(
        (status = 200, description = "It starts over.", body = Video),
        (status = 409, description = "Not failed, or the file itself is the problem."),
    ))]
async fn retry_video(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<Video>, Problem> {
    let video = state.owners.retry(caller.user, id).await?;
    own(&state, &caller, video).await
}
