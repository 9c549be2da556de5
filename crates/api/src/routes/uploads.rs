//! Uploads: begin, sign parts just in time, ask what has arrived, complete, give up.

use crate::auth::{Caller, MaybeCaller};
use crate::body::{Json, Path};
use crate::dto::upload::{
    CompleteOrder, Completed, NewUpload, PresignReply, PresignedPart, SignOrder, SignedParts, UploadLimits,
    UploadList, UploadQuota, UploadState, UploadTicket,
};
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use upload::{CompleteUpload, PartClaim, PartWant, Upload, UploadError, Usage};
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{Bytes, UploadId};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(start_upload, list_uploads))
        .routes(routes!(upload_limits))
        .routes(routes!(upload_state, abort_upload))
        .routes(routes!(sign_parts))
        .routes(routes!(complete_upload))
        .routes(routes!(presign_alias))
}

impl From<UploadError> for Problem {
    fn from(e: UploadError) -> Self {
        match e {
            UploadError::Invalid(fields) => catalog::InvalidFields(fields).into(),
            UploadError::TooLarge { max } => {
                Self::new(Slug::PayloadTooLarge, format!("A file has at most {} bytes.", max.0))
                    .with("max_bytes", max.0)
                    .and_field("size_bytes", "too_large", format!("At most {} bytes.", max.0))
            }
            UploadError::NotFound => Self::not_found("There is no such upload."),
            UploadError::Ended => Self::gone("This upload has ended. Start a new one."),
            UploadError::NotOpen(state) => {
                Self::conflict("This upload takes no more parts.").with("status_now", state.word())
            }
            UploadError::Quota { what, limit, retry_after } => {
                Self::quota(what, (limit, format!("At most {limit} {what}.")), retry_after)
            }
            UploadError::IdempotencyMismatch => Self::new(
                Slug::IdempotencyMismatch,
                "This Idempotency-Key was used for another request. Take a new one.",
            ),
            UploadError::Incomplete { missing } => {
                let said =
                    format!("{} parts are missing or differ. Send them and complete again.", missing.len());
                Self::new(Slug::UploadIncomplete, said).with("missing", missing)
            }
            UploadError::ChecksumMismatch { found } => Self::new(
                Slug::ChecksumMismatch,
                "The file that arrived is not the one that was announced. Send the parts again.",
            )
            .with("sha256", found),
            UploadError::Fault(fault) => fault.into(),
        }
    }
}

/// The key, if the client sent one. Its form is the slice's to judge.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let wrong = || Problem::field("idempotency_key", "malformed", "An Idempotency-Key is plain text.");
    headers.get(IDEMPOTENCY_KEY).map(|v| v.to_str().map_err(|_| wrong())).transpose()
}

/// Begins an upload. With an `Idempotency-Key`, a repeated request is the same upload.
#[utoipa::path(post, path = "/v1/uploads", tag = "uploads", operation_id = "upload_start",
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 128 visible characters.")),
    security(("bearer" = [])), request_body = NewUpload,
    responses(
        (status = 201, description = "Sign the parts and send them.", body = UploadTicket),
        (status = 413, description = "The file is too large."),
        (status = 422, description = "The key was used for another request."),
        (status = 429, description = "A quota is used up."),
        (status = 507, description = "There is no room for it."),
    ))]
async fn start_upload(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Json(new): Json<NewUpload>,
) -> Result<(StatusCode, Json<UploadTicket>), Problem> {
    let key = idempotency_key(&headers)?;
    let upload = state.uploads.start(caller.user, new.into(), key).await?;
    Ok((StatusCode::CREATED, Json(UploadTicket::from(&upload))))
}

/// The caller's unfinished uploads, newest first.
#[utoipa::path(get, path = "/v1/uploads", tag = "uploads", operation_id = "upload_list",
    security(("bearer" = [])),
    responses((status = 200, description = "What can be resumed.", body = UploadList)))]
async fn list_uploads(State(state): State<ApiState>, caller: Caller) -> Result<Json<UploadList>, Problem> {
    let live = state.uploads.live(caller.user).await?;
    Ok(Json(UploadList { items: live.into_iter().map(UploadState::from).collect(), next_cursor: None }))
}

/// What may be uploaded; with a session also what is left of the quota.
#[utoipa::path(get, path = "/v1/uploads/limits", tag = "uploads", operation_id = "upload_limits",
    security((), ("bearer" = [])),
    responses((status = 200, description = "The limits.", body = UploadLimits)))]
async fn upload_limits(
    State(state): State<ApiState>,
    MaybeCaller(caller): MaybeCaller,
) -> Result<Json<UploadLimits>, Problem> {
    let used = match &caller {
        Some(caller) => Some(state.uploads.usage(caller.user).await?),
        None => None,
    };
    let policy = state.uploads.policy();
    let left = |of: fn(&Usage) -> u32, max: u32| used.as_ref().map(|u| max.saturating_sub(of(u)));
    Ok(Json(UploadLimits {
        max_bytes: policy.file_max.0,
        max_duration_ms: policy.duration_max.0,
        min_part_bytes: policy.part_min.0,
        max_part_bytes: policy.part_max.0,
        sign_batch: policy.sign_batch_max,
        accepted: policy.extensions.clone(),
        expires_after_ms: policy.expiry.0,
        quota: UploadQuota {
            open_uploads: policy.open_uploads_max,
            uploads_per_day: policy.uploads_per_day_max,
            bytes_per_day: policy.bytes_per_day_max.0,
            open_left: left(|u| u.open, policy.open_uploads_max),
            videos_left: left(|u| u.day_uploads, policy.uploads_per_day_max),
            bytes_left: used.as_ref().map(|u| policy.bytes_per_day_max.saturating_sub(u.day_bytes).0),
        },
    }))
}

/// What the object store says has arrived: the truth to resume from.
#[utoipa::path(get, path = "/v1/uploads/{id}", tag = "uploads", operation_id = "upload_state",
    params(("id" = String, Path, description = "Upload id.")), security(("bearer" = [])),
    responses(
        (status = 200, description = "As it stands.", body = UploadState),
        (status = 404, description = "No such upload of the caller."),
    ))]
async fn upload_state(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
) -> Result<Json<UploadState>, Problem> {
    Ok(Json(state.uploads.state(caller.user, id).await?.into()))
}

/// Gives an upload up. May be repeated.
#[utoipa::path(delete, path = "/v1/uploads/{id}", tag = "uploads", operation_id = "upload_abort",
    params(("id" = String, Path, description = "Upload id.")), security(("bearer" = [])),
    responses(
        (status = 204, description = "Given up, now or before."),
        (status = 409, description = "It is complete: delete the video instead."),
    ))]
async fn abort_upload(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
) -> Result<StatusCode, Problem> {
    state.uploads.abort(caller.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs parts just in time: each URL takes one part of one length for 15 minutes.
#[utoipa::path(post, path = "/v1/uploads/{id}/parts", tag = "uploads", operation_id = "upload_sign",
    params(("id" = String, Path, description = "Upload id.")), security(("bearer" = [])),
    request_body = SignOrder,
    responses(
        (status = 200, description = "In the order asked.", body = SignedParts),
        (status = 409, description = "It takes no more parts."),
        (status = 410, description = "It has ended."),
    ))]
async fn sign_parts(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
    Json(order): Json<SignOrder>,
) -> Result<Json<SignedParts>, Problem> {
    let parts = order.parts.into_iter().map(|p| PartWant {
        number: p.number,
        size: p.size_bytes.map(Bytes),
        sha256: p.sha256,
    });
    let numbers = order.numbers.into_iter().map(|number| PartWant { number, ..PartWant::default() });
    let wants: Vec<_> = parts.chain(numbers).collect();
    let signed = sign(&state, &caller, id, &wants).await?;
    Ok(Json(SignedParts { parts: signed.into_iter().map(Into::into).collect() }))
}

async fn sign(
    state: &ApiState,
    caller: &Caller,
    id: UploadId,
    wants: &[PartWant],
) -> Result<Vec<upload::SignedPart>, UploadError> {
    state.uploads.sign(caller.user, id, wants, state.config.signs_for.as_deref()).await
}

/// Completes an upload: every part there, the length and the checksum right. May be repeated.
#[utoipa::path(post, path = "/v1/uploads/{id}/complete", tag = "uploads", operation_id = "upload_complete",
    params(("id" = String, Path, description = "Upload id.")), security(("bearer" = [])),
    request_body = CompleteOrder,
    responses(
        (status = 200, description = "The video goes its way.", body = Completed),
        (status = 409, description = "Parts are missing: `missing`."),
        (status = 410, description = "It has ended."),
        (status = 422, description = "The checksum is another one."),
    ))]
async fn complete_upload(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
    Json(order): Json<CompleteOrder>,
) -> Result<Json<Completed>, Problem> {
    let claim = |p: crate::dto::upload::SentPart| PartClaim { number: p.number, etag: p.etag };
    let ask = CompleteUpload { parts: order.parts.into_iter().map(claim).collect(), sha256: order.sha256 };
    let video = state.uploads.complete(caller.user, id, ask).await?;
    Ok(Json(Completed { video_id: video.id, status: video.status }))
}

/// The seed's address: begins an upload and signs its parts in one step.
#[utoipa::path(post, path = "/upload/presign", tag = "uploads", operation_id = "upload_presign",
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 128 visible characters.")),
    security(("bearer" = [])), request_body = NewUpload,
    responses((status = 200, description = "`PUT` each part to its URL.", body = PresignReply)))]
async fn presign_alias(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Json(new): Json<NewUpload>,
) -> Result<Json<PresignReply>, Problem> {
    let key = idempotency_key(&headers)?;
    let upload: Upload = state.uploads.start(caller.user, new.into(), key).await?;
    let wants: Vec<_> =
        upload.plan().numbers().map(|number| PartWant { number, ..PartWant::default() }).collect();
    let mut parts = Vec::with_capacity(wants.len());
    for batch in wants.chunks(state.uploads.policy().sign_batch_max.max(1)) {
        parts.extend(sign(&state, &caller, upload.id, batch).await?);
    }
    let part =
        |p: upload::SignedPart| PresignedPart { part_number: p.number, url: p.url, size_bytes: p.size.0 };
    Ok(Json(PresignReply {
        upload_id: upload.id,
        video_id: upload.video,
        part_size: upload.part_size_bytes.0,
        parts: parts.into_iter().map(part).collect(),
    }))
}
