//! What is remembered of a judgement.

use crate::port::Loudness;
use catalog::{SourceFacts, SpriteFacts};
use serde::{Deserialize, Serialize};
use vocab::{Finding, Millis, UserId, Verdict, VideoId};

/// Names of what can be done, as they stand in the trail.
pub mod action {
    pub const JUDGE: &str = "judge";
    pub const DECIDE: &str = "decide";
    pub const UNDO: &str = "undo";
    pub const APPEAL: &str = "appeal";
    pub const BLOCK: &str = "block";
    pub const UNBLOCK: &str = "unblock";
    pub const VIEW_SOURCE: &str = "view_source";
}

/// A frame and what was seen in it. Its picture is `MediaKey::ReviewFrame { video, digest, n }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedFrame {
    /// From 1.
    pub n: u16,
    pub at_ms: Millis,
    pub findings: Vec<Finding>,
}

/// One entry of a record's history, oldest first. Never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub at: Millis,
    /// `None` = the machine; see `decided_by`.
    pub by: Option<UserId>,
    /// `classifier`, `block_list`, `moderator` or `owner` (an appeal).
    pub decided_by: String,
    pub verdict: Verdict,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
    /// Takes back the decision at this index.
    pub undoes: Option<usize>,
}

/// Everything known about the judgement of one video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModerationRecord {
    pub video: VideoId,
    /// Grows by one with every save; 0 = not stored yet.
    pub revision: u64,
    /// SHA-256 (hex) of the exact bytes judged.
    pub content_sha256: String,
    pub policy_version: String,
    /// `None` = no classifier looked at it.
    pub classifier: Option<ClassifierId>,
    pub frames: Vec<JudgedFrame>,
    /// Labels of the policy that nobody could judge.
    pub unjudged: Vec<String>,
    pub decisions: Vec<Decision>,
    /// In the review queue since then.
    pub waiting_since: Option<Millis>,
    /// Why it waits, one plain sentence.
    pub waiting_for: Option<String>,
    /// The owner's words, when they asked for another look. Once a video.
    pub appeal: Option<String>,
    pub judged_at: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassifierId {
    pub name: String,
    pub version: String,
}

/// What pass A leaves for pass B, stored as JSON under `MediaKey::DraftFacts`; the poster and the
/// sprite stand under `DraftPoster` and `DraftSprite` of the same digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub content_sha256: String,
    pub source: SourceFacts,
    pub sprite: Option<SpriteFacts>,
    pub blurhash: Option<String>,
    pub loudness: Option<Loudness>,
    pub frame_times_ms: Vec<Millis>,
}

/// The `digest` of [`vocab::MediaKey`]: the first 16 hex digits of a content hash.
pub fn digest_of(content_sha256: &str) -> Option<u64> {
    u64::from_str_radix(content_sha256.get(..16)?, 16).ok()
}
