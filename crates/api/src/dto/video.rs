//! A video as its owner, a viewer or a moderator sees it.

use crate::dto::{Owner, Playback};
use catalog::{Sight, words};
use serde::Serialize;
use utoipa::ToSchema;
use vocab::{Status, VideoId, Visibility};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Video {
    #[schema(value_type = String, example = "04bq7c2d8e9fg")]
    pub id: VideoId,
    pub owner: Owner,
    #[schema(value_type = StatusWord)]
    pub status: Status,
    #[schema(value_type = VisibilityWord)]
    pub visibility: Visibility,
    pub title: String,
    pub caption: String,
    pub hashtags: Vec<String>,
    pub created_at_ms: i64,
    pub published_at_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Inside the step it is in.
    pub progress_percent: Option<u8>,
    /// The status as a sentence for the owner.
    pub status_text: String,
    /// Why it could not be published. The owner and moderators only.
    pub failure: Option<Failure>,
    /// The owner and moderators only.
    pub verdict: Option<VerdictNote>,
    pub counts: Counts,
    /// Whether the caller likes it.
    pub liked: bool,
    pub saved: bool,
    /// Once published.
    pub playback: Option<Playback>,
    /// The address to share; with its key where the video is unlisted.
    pub link: String,
    pub revision: u64,
}

/// Where a video stands.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "snake_case")]
pub enum StatusWord {
    Reserved,
    Uploaded,
    Judging,
    InReview,
    Approved,
    Rejected,
    Encoding,
    Verifying,
    Published,
    Unlisted,
    Failed,
    Removed,
    Erased,
}

/// Who may see a published video.
#[derive(ToSchema)]
#[schema(as = Visibility, rename_all = "snake_case")]
pub enum VisibilityWord {
    Public,
    Unlisted,
    Private,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    pub code: String,
    pub message: String,
    /// Whether the same file may succeed when tried again.
    pub retryable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VerdictNote {
    /// `approve`, `reject` or `escalate`.
    pub verdict: String,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
    pub decided_at_ms: i64,
    /// `classifier`, `block_list` or `moderator`.
    pub decided_by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Counts {
    pub views: u64,
    pub likes: u64,
    pub shares: u64,
    pub avg_dwell_ms: u64,
}

/// What other slices know of one video, for one viewer.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub owner: Owner,
    pub counts: Counts,
    pub liked: bool,
    pub saved: bool,
    pub progress_percent: Option<u8>,
    pub retention_ppm: Vec<u32>,
}

impl Video {
    /// The video as seen with `sight`; `public_url` begins its link.
    pub fn of(video: &catalog::Video, sight: Sight, around: Surroundings, public_url: &str) -> Self {
        let full = sight == Sight::Full;
        let Surroundings { owner, counts, liked, saved, progress_percent, retention_ppm } = around;
        let package = video.package.as_ref();
        let source = video.source.as_ref();
        let playable = video.status.is_readable();
        Self {
            id: video.id,
            owner,
            status: video.status,
            visibility: video.meta.visibility,
            title: video.meta.title.clone(),
            caption: video.meta.caption.clone(),
            hashtags: video.meta.hashtags.clone(),
            created_at_ms: video.created_at.get(),
            published_at_ms: video.published_at.map(|m| m.get()),
            duration_ms: package.map(|p| p.duration_ms).or(source.map(|s| s.duration_ms)).map(|m| m.get()),
            width: package.map(|p| p.width).or(source.map(|s| s.width)),
            height: package.map(|p| p.height).or(source.map(|s| s.height)),
            progress_percent: progress_percent.filter(|_| full),
            status_text: words::status_text(video, progress_percent.filter(|_| full)),
            failure: video.failure.as_ref().filter(|_| full).map(Failure::of),
            verdict: video.verdict.as_ref().filter(|_| full).map(VerdictNote::of),
            counts,
            liked,
            saved,
            playback: package.filter(|_| playable).map(|p| Playback::of(video.id, p, retention_ppm)),
            link: link(video, public_url),
            revision: video.revision,
        }
    }
}

/// The address to share. Its key is told to everybody who sees the video: they hold it already.
pub fn link(video: &catalog::Video, public_url: &str) -> String {
    let id = video.id;
    let keyed = video.meta.visibility == Visibility::Unlisted || video.status == Status::Unlisted;
    if keyed {
        format!("{public_url}/watch/{id}?key={}", video.link_key)
    } else {
        format!("{public_url}/watch/{id}")
    }
}

impl Failure {
    fn of(f: &vocab::FailureReason) -> Self {
        Self { code: f.code.clone(), message: f.message.clone(), retryable: f.retryable }
    }
}

impl VerdictNote {
    fn of(v: &catalog::VerdictFacts) -> Self {
        let verdict = match v.verdict {
            vocab::Verdict::Approve => "approve",
            vocab::Verdict::Reject => "reject",
            vocab::Verdict::Escalate => "escalate",
        };
        Self {
            verdict: verdict.into(),
            reason_code: v.reason_code.clone(),
            reason: v.reason.clone(),
            decided_at_ms: v.decided_at.get(),
            decided_by: v.decided_by.clone(),
        }
    }
}
