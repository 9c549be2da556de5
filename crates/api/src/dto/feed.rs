//! What the feed and the event routes answer with.

use crate::dto::Video;
use feed::{Fate, Why};
use serde::Serialize;
use utoipa::ToSchema;
use vocab::{ImpressionId, VideoId};

/// A video in the feed: its card, the name of this showing, and why it is here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FeedItem {
    #[serde(flatten)]
    pub video: Video,
    /// Send it along with every event about this showing.
    #[schema(value_type = String)]
    pub impression_id: ImpressionId,
    pub reason: FeedReason,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FeedReason {
    /// `liked_creator`, `trending`, `fresh`, `explore` or `again`.
    pub code: String,
    /// One plain sentence for the viewer.
    pub text: String,
}

impl From<feed::Reason> for FeedReason {
    fn from(reason: feed::Reason) -> Self {
        Self { code: reason.code().into(), text: reason.text().into() }
    }
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FeedPage {
    pub items: Vec<FeedItem>,
    /// The next page of this session; `null` = everything was shown.
    pub next_cursor: Option<String>,
    pub session: String,
    /// Nothing is left but watching again: ask with `again=true`.
    pub exhausted: bool,
    /// A step was late or failed; the page was made without it.
    pub degraded: bool,
}

/// The seed's shape (§11).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeedFeedPage {
    #[schema(value_type = Vec<String>)]
    pub items: Vec<VideoId>,
    pub next_cursor: Option<String>,
}

/// Why a video is in the caller's feed, or is not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FeedWhy {
    pub at_ms: i64,
    pub policy_version: String,
    /// Its place in the list made then; `null` = it was taken out.
    pub place: Option<u32>,
    pub reason: FeedReason,
    /// Parts of the score, in thousandths. They add up to it.
    pub parts: Vec<ScorePart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScorePart {
    pub name: String,
    pub milli: i64,
}

impl From<Why> for FeedWhy {
    fn from(why: Why) -> Self {
        let (place, reason, parts) = match why.fate {
            Fate::Picked { place, reason, parts, .. } => {
                let part = |(name, value): (&str, f64)| ScorePart {
                    name: name.into(),
                    milli: (value * 1_000.0).round() as i64,
                };
                (u32::try_from(place).ok(), reason.into(), parts.into_iter().map(part).collect())
            }
            Fate::Removed { by, reason } => {
                let text = format!("Taken out because it {reason}.");
                (None, FeedReason { code: by.into(), text }, Vec::new())
            }
        };
        Self { at_ms: why.at.get(), policy_version: why.policy_version.into(), place, reason, parts }
    }
}

/// The answer to a batch; only what is not OK is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventsTaken {
    pub accepted: usize,
    pub duplicate: usize,
    pub rejected: Vec<RejectedEvent>,
    /// Everything below this number needs no resending.
    pub next_seq: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectedEvent {
    /// Its place in the batch, from 0.
    pub i: usize,
    /// Stable, e.g. `unknown_type`, `implausible`, `too_old`.
    pub code: String,
}

impl From<events::Reply> for EventsTaken {
    fn from(r: events::Reply) -> Self {
        let rejected =
            r.rejected.into_iter().map(|(i, code)| RejectedEvent { i, code: code.into() }).collect();
        Self { accepted: r.accepted, duplicate: r.duplicate, rejected, next_seq: r.next_seq }
    }
}
