//! What a moderator's console is told.

use crate::dto::cover::ReviewCover;
use crate::dto::{Owner, Video};
use moderation::{
    BlockEntry, Decision, JudgedFrame, LabelSummary, ModerationRecord, Reason, Resemblance, Trail,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vocab::{UserId, Verdict, VideoId};

/// The stable word of a verdict.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Reject => "reject",
        Verdict::Escalate => "escalate",
    }
}

/// A video that waits for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueItem {
    #[schema(value_type = String)]
    pub video_id: VideoId,
    pub owner: Owner,
    pub title: String,
    pub created_at_ms: i64,
    pub waiting_ms: i64,
    /// `cover` (only the owner's picture waits), `reported`, `appeal`, `escalated`, `near_threshold`, `no_classifier`, `unjudged` or the code of
    /// the rule that asks.
    pub reason: String,
    /// The hottest rule, 0–100.
    pub top_score: u8,
    /// The hottest frame.
    pub poster_url: Option<String>,
    pub duration_ms: Option<i64>,
    /// The owner's words, where they asked for another look.
    pub appeal: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Queue {
    /// Oldest first.
    pub items: Vec<QueueItem>,
    pub next_cursor: Option<String>,
    /// Decisions by people since midnight UTC.
    pub handled_today: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewFinding {
    pub name: String,
    pub parent: String,
    pub level: u8,
    /// 0–100.
    pub confidence: f32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewFrame {
    pub n: u16,
    pub at_ms: i64,
    pub url: String,
    pub findings: Vec<ReviewFinding>,
}

/// A rule of the policy against what was seen.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewLabel {
    pub name: String,
    /// 0–100; 0 = never seen.
    pub max_confidence: f32,
    /// Frames at or over the threshold.
    pub hot_frames: u32,
    pub frames: u32,
    pub reject_at: Option<u8>,
    pub review_at: Option<u8>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewDecision {
    pub at_ms: i64,
    /// A user id, or `classifier` or `block_list`.
    pub by: String,
    pub verdict: &'static str,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
    /// Takes back the entry at this index.
    pub undoes: Option<usize>,
}

/// Another video of the same bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct SameContent {
    #[schema(value_type = String)]
    pub video_id: VideoId,
    pub verdict: Option<&'static str>,
    pub at_ms: Option<i64>,
    /// Who decided: a user id, or `classifier` or `block_list`.
    pub by: Option<String>,
    pub reason_code: Option<String>,
}

/// A rejected video that this one looks like: other bytes, the same pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lookalike {
    #[schema(value_type = String)]
    pub video_id: VideoId,
    /// Pictures that match, out of …
    pub matched: u32,
    pub pictures: u32,
    /// Why it was rejected.
    pub reason_code: String,
    pub rejected_at_ms: i64,
    /// Its decisions, oldest first.
    pub decisions: Vec<ReviewDecision>,
}

impl Lookalike {
    pub fn of(like: Resemblance, record: Option<ModerationRecord>) -> Self {
        let decisions = record.map(|r| r.decisions).unwrap_or_default();
        Self {
            video_id: like.video,
            matched: like.matched,
            pictures: like.pictures,
            reason_code: like.reason_code,
            rejected_at_ms: like.decided_at.get(),
            decisions: decisions.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewClassifier {
    pub name: String,
    pub version: String,
}

/// Everything known of the judgement of one video.
#[derive(Debug, Serialize, ToSchema)]
pub struct Review {
    pub video: Video,
    pub content_sha256: String,
    pub policy_version: String,
    /// `null` = no classifier looked at it.
    pub classifier: Option<ReviewClassifier>,
    pub frames: Vec<ReviewFrame>,
    /// Hottest first.
    pub labels: Vec<ReviewLabel>,
    /// What nobody judged.
    pub unjudged: Vec<String>,
    /// Oldest first.
    pub decisions: Vec<ReviewDecision>,
    pub same_content: Vec<SameContent>,
    pub lookalike: Option<Lookalike>,
    /// Moments just under a threshold.
    pub near_ms: Vec<i64>,
    /// The file as it was sent, with a ticket for a player.
    pub source_url: String,
    pub appeal: Option<String>,
    /// Whether these bytes are on the block list.
    pub blocked: bool,
    /// Complaints of viewers, newest first.
    pub reports: Vec<TrailEntry>,
    /// The owner's own picture for the cover, where one was looked at.
    pub cover: Option<ReviewCover>,
}

/// What is said back after a decision or an undo.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewRecord {
    #[schema(value_type = String)]
    pub video_id: VideoId,
    pub content_sha256: String,
    pub decisions: Vec<ReviewDecision>,
    /// The decision can be taken back until then.
    pub undo_until_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    Approve,
    Reject,
    Escalate,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct ReviewAsk {
    pub decision: Choice,
    /// From `GET /v1/moderation/reasons`; needed to reject.
    pub reason_code: Option<String>,
    /// What the owner reads of a rejection; the reason's own text where it is left out.
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct CoverReviewAsk {
    /// The picture that was looked at.
    pub n: u64,
    /// `approve` or `reject`.
    pub decision: Choice,
    /// From `GET /v1/moderation/reasons`; needed to reject.
    pub reason_code: Option<String>,
    /// What the owner reads of a rejection; the reason's own text where it is left out.
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewReason {
    pub code: String,
    pub title: String,
    pub owner_text: String,
    /// A rejection for this reason puts the bytes on the block list.
    pub blocks_bytes: bool,
    /// The moderator must say more.
    pub needs_text: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewReasons {
    pub items: Vec<ReviewReason>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BlockedContent {
    pub content_sha256: String,
    pub reason_code: String,
    pub note: String,
    pub added_at_ms: i64,
    /// A user id.
    pub added_by: String,
    /// The video whose rejection put it here.
    #[schema(value_type = Option<String>)]
    pub video_id: Option<VideoId>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct BlockAsk {
    /// 64 hexadecimal digits.
    pub content_sha256: String,
    pub reason_code: String,
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TrailEntry {
    pub at_ms: i64,
    pub by: String,
    pub action: String,
    #[schema(value_type = Option<String>)]
    pub video_id: Option<VideoId>,
    pub detail: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TrailList {
    /// Newest first.
    pub items: Vec<TrailEntry>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Report {
    /// E.g. `spam`; what the client offers.
    #[schema(max_length = 64)]
    pub reason_code: String,
    #[schema(max_length = 500)]
    pub message: Option<String>,
}

impl From<Choice> for Verdict {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Approve => Self::Approve,
            Choice::Reject => Self::Reject,
            Choice::Escalate => Self::Escalate,
        }
    }
}

impl ReviewFrame {
    pub fn of(frame: JudgedFrame, url: String) -> Self {
        let finding = |f: vocab::Finding| ReviewFinding {
            name: f.name,
            parent: f.parent,
            level: f.level,
            confidence: f.confidence,
        };
        let findings = frame.findings.into_iter().map(finding).collect();
        Self { n: frame.n, at_ms: frame.at_ms.get(), url, findings }
    }
}

impl From<LabelSummary> for ReviewLabel {
    fn from(l: LabelSummary) -> Self {
        let LabelSummary { name, max_confidence, hot_frames, frames, reject_at, review_at } = l;
        Self { name, max_confidence, hot_frames, frames, reject_at, review_at }
    }
}

impl From<Decision> for ReviewDecision {
    fn from(d: Decision) -> Self {
        Self {
            at_ms: d.at.get(),
            by: d.by.map_or_else(|| d.decided_by.word().to_owned(), |u: UserId| u.to_string()),
            verdict: word(d.verdict),
            reason_code: d.reason_code,
            reason: d.reason,
            undoes: d.undoes,
        }
    }
}

impl From<&ModerationRecord> for SameContent {
    fn from(r: &ModerationRecord) -> Self {
        let standing = r.standing();
        Self {
            video_id: r.video,
            verdict: standing.map(|d| word(d.verdict)),
            at_ms: standing.map(|d| d.at.get()),
            by: standing.cloned().map(|d| ReviewDecision::from(d).by),
            reason_code: standing.and_then(|d| d.reason_code.clone()),
        }
    }
}

impl From<&Reason> for ReviewReason {
    fn from(r: &Reason) -> Self {
        Self {
            code: r.code.clone(),
            title: r.title.clone(),
            owner_text: r.owner_text.clone(),
            blocks_bytes: r.blocks_bytes,
            needs_text: r.needs_text,
        }
    }
}

impl From<BlockEntry> for BlockedContent {
    fn from(b: BlockEntry) -> Self {
        Self {
            content_sha256: b.content_sha256,
            reason_code: b.reason_code,
            note: b.note,
            added_at_ms: b.added_at.get(),
            added_by: b.added_by,
            video_id: b.video,
        }
    }
}

impl From<Trail> for TrailEntry {
    fn from(t: Trail) -> Self {
        Self { at_ms: t.at.get(), by: t.by, action: t.action, video_id: t.video, detail: t.detail }
    }
}
