//! Uploads as their owner sees them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use vocab::{Millis, Status, UploadId, VideoId, Visibility};

/// A file about to be sent, and what its video is to be.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewUpload {
    /// Ends in one of the accepted extensions, in any case.
    pub filename: String,
    #[serde(alias = "sizeBytes")]
    pub size_bytes: u64,
    #[serde(alias = "contentType")]
    pub content_type: Option<String>,
    /// SHA-256 of the whole file in hex: compared when the upload is completed.
    pub sha256: Option<String>,
    pub title: String,
    pub caption: String,
    /// Without `#`.
    pub hashtags: Vec<String>,
    #[schema(value_type = super::video::VisibilityWord)]
    pub visibility: Visibility,
    pub transform: TransformWish,
}

/// What is done to the picture and sound before publication.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, Serialize)]
#[serde(default)]
pub struct TransformWish {
    pub trim_start_ms: Option<i64>,
    pub trim_end_ms: Option<i64>,
    pub mute: bool,
    /// In the published video.
    pub cover_at_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadTicket {
    #[schema(value_type = String)]
    pub upload_id: UploadId,
    #[schema(value_type = String)]
    pub video_id: VideoId,
    /// Every part has this length but the last.
    pub part_size_bytes: u64,
    pub part_count: u32,
    pub expires_at_ms: i64,
}

/// Which parts to sign: with `parts`, or with `numbers` where nothing is to be said about them.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct SignOrder {
    pub parts: Vec<PartOrder>,
    pub numbers: Vec<u32>,
}

#[derive(Debug, Clone, Deserialize, ToSchema, Serialize)]
pub struct PartOrder {
    /// From 1.
    pub number: u32,
    /// When given, must be the planned length.
    pub size_bytes: Option<u64>,
    /// SHA-256 of the part in base64: bound into the URL.
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedParts {
    pub parts: Vec<SignedPart>,
}

/// Where and how to `PUT` one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedPart {
    pub number: u32,
    pub url: String,
    /// To be sent as they are.
    pub headers: BTreeMap<String, String>,
    /// Exactly this many bytes are taken.
    pub size_bytes: u64,
    pub expires_at_ms: i64,
}

/// What the object store says has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadState {
    #[serde(flatten)]
    pub ticket: UploadTicket,
    #[schema(value_type = UploadStatus)]
    pub status: &'static str,
    pub filename: String,
    pub size_bytes: u64,
    pub received: Vec<ReceivedPart>,
    pub received_bytes: u64,
    pub missing: Vec<u32>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum UploadStatus {
    Open,
    Completing,
    Completed,
    Aborted,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceivedPart {
    pub number: u32,
    pub size_bytes: u64,
    pub etag: String,
}

/// The caller's live uploads, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadList {
    pub items: Vec<UploadState>,
    /// Always `null`: the quota keeps the list short.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct CompleteOrder {
    /// When given, each must be what the store has.
    pub parts: Vec<SentPart>,
    /// SHA-256 of the whole file in hex.
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema, Serialize)]
pub struct SentPart {
    #[serde(alias = "partNumber")]
    pub number: u32,
    #[serde(alias = "ETag")]
    pub etag: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Completed {
    #[schema(value_type = String)]
    pub video_id: VideoId,
    #[schema(value_type = super::video::StatusWord)]
    pub status: Status,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadLimits {
    pub max_bytes: u64,
    pub max_duration_ms: i64,
    pub min_part_bytes: u64,
    pub max_part_bytes: u64,
    /// Parts signed in one request.
    pub sign_batch: usize,
    /// Extensions, without case.
    pub accepted: Vec<String>,
    /// How long an unfinished upload waits.
    pub expires_after_ms: i64,
    pub quota: UploadQuota,
}

/// What the caller may use; what is left stands where the caller is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadQuota {
    pub open_uploads: u32,
    pub uploads_per_day: u32,
    pub bytes_per_day: u64,
    pub open_left: Option<u32>,
    pub videos_left: Option<u32>,
    pub bytes_left: Option<u64>,
}

/// The seed's reply to `POST /upload/presign`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresignReply {
    #[schema(value_type = String)]
    pub upload_id: UploadId,
    #[schema(value_type = String)]
    pub video_id: VideoId,
    pub part_size: u64,
    pub parts: Vec<PresignedPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresignedPart {
    pub part_number: u32,
    pub url: String,
    pub size_bytes: u64,
}

impl From<NewUpload> for upload::StartUpload {
    fn from(new: NewUpload) -> Self {
        let TransformWish { trim_start_ms, trim_end_ms, mute, cover_at_ms } = new.transform;
        Self {
            filename: new.filename,
            size_bytes: vocab::Bytes(new.size_bytes),
            content_type: new.content_type.filter(|t| !t.is_empty()),
            sha256: new.sha256,
            meta: catalog::Metadata {
                title: new.title,
                caption: new.caption,
                hashtags: new.hashtags,
                visibility: new.visibility,
            },
            transform: catalog::Transform {
                trim_start_ms: trim_start_ms.map(Millis),
                trim_end_ms: trim_end_ms.map(Millis),
                mute,
                cover_at_ms: cover_at_ms.map(Millis),
            },
        }
    }
}

impl From<&upload::Upload> for UploadTicket {
    fn from(u: &upload::Upload) -> Self {
        Self {
            upload_id: u.id,
            video_id: u.video,
            part_size_bytes: u.part_size_bytes.0,
            part_count: u.part_count,
            expires_at_ms: u.expires_at.0,
        }
    }
}

impl From<upload::Progress> for UploadState {
    fn from(p: upload::Progress) -> Self {
        let part =
            |r: upload::ReceivedPart| ReceivedPart { number: r.number, size_bytes: r.size.0, etag: r.etag };
        Self {
            ticket: UploadTicket::from(&p.upload),
            status: p.upload.state.word(),
            filename: p.upload.filename,
            size_bytes: p.upload.size_bytes.0,
            received: p.received.into_iter().map(part).collect(),
            received_bytes: p.received_bytes.0,
            missing: p.missing,
        }
    }
}

impl From<upload::SignedPart> for SignedPart {
    fn from(p: upload::SignedPart) -> Self {
        Self {
            number: p.number,
            url: p.url,
            headers: p.headers.into_iter().collect(),
            size_bytes: p.size.0,
            expires_at_ms: p.expires_at.0,
        }
    }
}
