//! The owner's own picture for the cover, as its owner and a moderator see it.

use super::moderation::{ReviewClassifier, ReviewDecision, ReviewLabel};
use catalog::{CoverState, Video};
use moderation::JudgedCover;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CoverStatus {
    /// Viewers are shown, or will be shown, the owner's picture; else one of the video.
    pub own: bool,
    /// The picture that was sent last, until it is approved.
    pub pending: Option<PendingCover>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PendingCover {
    /// `checking`, `in_review` (a person is asked) or `refused`.
    pub state: &'static str,
    /// Of a refusal: a stable code, and what the owner reads.
    pub code: Option<String>,
    pub reason: Option<String>,
    /// Whether the same picture may be taken when it is sent again.
    pub retryable: bool,
}

impl CoverStatus {
    pub fn of(video: &Video) -> Self {
        let pending = video.cover.asked.as_ref().map(|asked| match &asked.state {
            CoverState::Checking => PendingCover::waits("checking"),
            CoverState::InReview => PendingCover::waits("in_review"),
            CoverState::Refused(r) => PendingCover {
                state: "refused",
                code: Some(r.code.clone()),
                reason: Some(r.message.clone()),
                retryable: r.retryable,
            },
        });
        Self { own: video.cover.shown.is_some(), pending }
    }
}

impl PendingCover {
    const fn waits(state: &'static str) -> Self {
        Self { state, code: None, reason: None, retryable: false }
    }
}

/// A picture the owner sent for the cover, and what is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewCover {
    /// Which picture; a decision names it.
    pub n: u64,
    /// It waits for a person.
    pub waiting: bool,
    /// Viewers are shown it.
    pub shown: bool,
    pub url: String,
    /// `null` = no classifier looked at it.
    pub classifier: Option<ReviewClassifier>,
    /// Hottest first.
    pub labels: Vec<ReviewLabel>,
    /// What nobody judged.
    pub unjudged: Vec<String>,
    /// Oldest first.
    pub decisions: Vec<ReviewDecision>,
}

impl ReviewCover {
    pub fn of(cover: JudgedCover, video: &Video, url: String) -> Self {
        Self {
            n: cover.n,
            waiting: cover.waiting_since.is_some(),
            shown: video.cover.shown.as_ref().is_some_and(|s| s.n == cover.n),
            url,
            classifier: cover.classifier.map(|c| ReviewClassifier { name: c.name, version: c.version }),
            labels: cover.labels.into_iter().map(Into::into).collect(),
            unjudged: cover.unjudged,
            decisions: cover.decisions.into_iter().map(Into::into).collect(),
        }
    }
}
