//! The owner's own picture for the cover of a video.

use crate::auth::Caller;
use crate::body::{Json, Path, Raw};
use crate::dto::CoverStatus;
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::{DefaultBodyLimit, State};
use http::{HeaderMap, StatusCode, header};
use moderation::{CoverLimits, StillKind};
use transcode::MediaStoreError;
use transcode::cover::CoverError;
use transcode::shelf::ShelfError;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::VideoId;

pub fn router() -> OpenApiRouter<ApiState> {
    let body_max = usize::try_from(CoverLimits::default().bytes_max.0).unwrap_or(usize::MAX);
    OpenApiRouter::new()
        .routes(routes!(get_cover, put_cover, delete_cover))
        .layer(DefaultBodyLimit::max(body_max))
}

impl From<CoverError> for Problem {
    fn from(e: CoverError) -> Self {
        match e {
            CoverError::Owner(e) => e.into(),
            CoverError::Refused(reason) => Self::field("cover", &reason.code, reason.message),
            CoverError::OtherKind(kind) => {
                let text = format!("The file is {}. Send it as that.", kind.media_type());
                Self::field("cover", "cover.other_kind", text)
            }
            CoverError::TooOften { limit, retry_after } => {
                let said = format!("{limit} pictures a day can be sent for the cover of a video.");
                Self::quota("pictures for a cover a day", (limit, said), retry_after)
            }
            CoverError::Shelf(
                ShelfError::Fault(fault) | ShelfError::Store(MediaStoreError::Fault(fault)),
            ) => fault.into(),
            CoverError::Shelf(e) => Self::internal(e),
        }
    }
}

/// Where the owner's own picture stands.
#[utoipa::path(get, path = "/v1/videos/{id}/cover", tag = "videos", operation_id = "cover_get",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 200, description = "What is shown and what is being looked at.", body = CoverStatus)))]
async fn get_cover(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<CoverStatus>, Problem> {
    Ok(Json(CoverStatus::of(&state.covers.of(caller.user, id).await?)))
}

/// Takes a picture for the cover, JPEG, PNG or WebP up to 10 MB. It is drawn anew at the size of a poster, without
/// anything a camera wrote into it, and judged like a frame of the video; what viewers are shown stays until
/// it is approved. A second picture takes the place of one that still waits. Before publication it waits for it.
#[utoipa::path(put, path = "/v1/videos/{id}/cover", tag = "videos", operation_id = "cover_put",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    request_body(content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses(
        (status = 202, description = "It is being looked at.", body = CoverStatus),
        (status = 400, description = "No picture we take; the sentence says why."),
        (status = 413, description = "Too large."),
        (status = 415, description = "Another type of file."),
        (status = 429, description = "Too many pictures were sent for this cover today."),
    ))]
async fn put_cover(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<CoverStatus>), Problem> {
    state.covers.of(caller.user, id).await?;
    let said = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim();
    let kind = StillKind::ALL.into_iter().find(|k| k.media_type().eq_ignore_ascii_case(said));
    let Some(kind) = kind else {
        let text = "Send the picture as image/jpeg, image/png or image/webp.";
        return Err(Problem::new(Slug::UnsupportedMediaType, text));
    };
    let video = state.covers.put(caller.user, id, kind, body).await?;
    Ok((StatusCode::ACCEPTED, Json(CoverStatus::of(&video))))
}

/// Goes back to a picture of the video itself.
#[utoipa::path(delete, path = "/v1/videos/{id}/cover", tag = "videos", operation_id = "cover_delete",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 204, description = "Gone, now or before.")))]
async fn delete_cover(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<StatusCode, Problem> {
    state.covers.remove(caller.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
