//! Captions of one's own videos.

use crate::auth::Caller;
use crate::body::{Json, Path, Raw};
use crate::dto::CaptionsList;
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use transcode::MediaStoreError;
use transcode::captions::{CaptionLimits, CaptionsError};
use transcode::shelf::ShelfError;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::VideoId;

const WEBVTT: &str = "text/vtt";

pub fn router() -> OpenApiRouter<ApiState> {
    let body_max = usize::try_from(CaptionLimits::default().bytes_max.0).unwrap_or(usize::MAX);
    OpenApiRouter::new().routes(routes!(list_captions)).merge(
        OpenApiRouter::new()
            .routes(routes!(get_captions, put_captions, delete_captions))
            .layer(DefaultBodyLimit::max(body_max)),
    )
}

impl From<CaptionsError> for Problem {
    fn from(e: CaptionsError) -> Self {
        match e {
            CaptionsError::Owner(e) => e.into(),
            CaptionsError::Refused(e) => Self::field("captions", "not_taken", e.to_string()),
            CaptionsError::TooMany(_) => Self::conflict(format!("Too many: {e}.")),
            CaptionsError::TooOften { limit, retry_after } => {
                let said = format!("The captions of a video can be changed {limit} times a day.");
                Self::quota("changes of captions a day", (limit, said), retry_after)
            }
            CaptionsError::NoSuch(language) => {
                Self::not_found(format!("This video has no captions in {language}."))
            }
            CaptionsError::Store(
                ShelfError::Fault(fault) | ShelfError::Store(MediaStoreError::Fault(fault)),
            ) => fault.into(),
            CaptionsError::Store(e) => Self::internal(e),
        }
    }
}

/// The captions of a video, for its owner.
#[utoipa::path(get, path = "/v1/videos/{id}/captions", tag = "videos", operation_id = "captions_list",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 200, description = "By language.", body = CaptionsList)))]
async fn list_captions(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<CaptionsList>, Problem> {
    Ok(Json(CaptionsList::of(&state.captions.of(caller.user, id).await?)))
}

/// The captions in one language, as they were understood.
#[utoipa::path(get, path = "/v1/videos/{id}/captions/{language}", tag = "videos", operation_id = "captions_get",
    params(("id" = String, Path, description = "Video id."), ("language" = String, Path, description = "BCP 47.")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A WebVTT file.", content_type = "text/vtt", body = String),
        (status = 404, description = "None in this language."),
    ))]
async fn get_captions(
    State(state): State<ApiState>,
    caller: Caller,
    Path((id, language)): Path<(VideoId, String)>,
) -> Result<Response, Problem> {
    let text = state.captions.get(caller.user, id, &language).await?;
    let headers =
        [(header::CONTENT_TYPE, "text/vtt; charset=utf-8"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, text).into_response())
}

/// Takes a WebVTT file for a language. Viewers see it with the next fetch of the video: before publication it
/// goes into the first package, afterwards into a new one.
#[utoipa::path(put, path = "/v1/videos/{id}/captions/{language}", tag = "videos", operation_id = "captions_put",
    params(("id" = String, Path, description = "Video id."), ("language" = String, Path, description = "BCP 47.")),
    security(("bearer" = [])), request_body(content = String, content_type = "text/vtt"),
    responses(
        (status = 200, description = "All captions as they are now.", body = CaptionsList),
        (status = 400, description = "Not a WebVTT file we take; the sentence names the line."),
        (status = 429, description = "The captions of this video changed too often today."),
    ))]
async fn put_captions(
    State(state): State<ApiState>,
    caller: Caller,
    Path((id, language)): Path<(VideoId, String)>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<CaptionsList>, Problem> {
    state.captions.of(caller.user, id).await?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(WEBVTT) {
        return Err(Problem::new(Slug::UnsupportedMediaType, "Send captions as text/vtt."));
    }
    Ok(Json(CaptionsList::of(&state.captions.put(caller.user, id, &language, &body).await?)))
}

/// Takes the captions of a language away.
#[utoipa::path(delete, path = "/v1/videos/{id}/captions/{language}", tag = "videos", operation_id = "captions_delete",
    params(("id" = String, Path, description = "Video id."), ("language" = String, Path, description = "BCP 47.")),
    security(("bearer" = [])), responses(
        (status = 204, description = "Gone, now or before."),
        (status = 429, description = "The captions of this video changed too often today."),
    ))]
async fn delete_captions(
    State(state): State<ApiState>,
    caller: Caller,
    Path((id, language)): Path<(VideoId, String)>,
) -> Result<StatusCode, Problem> {
    state.captions.remove(caller.user, id, &language).await?;
    Ok(StatusCode::NO_CONTENT)
}
