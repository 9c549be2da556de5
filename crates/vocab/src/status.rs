//! Where a video stands, why it failed, and who may see it.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The state machine of a video. Changed only through `catalog`'s `advance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
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

impl Status {
    pub const ALL: [Status; 13] = [
        Self::Reserved,
        Self::Uploaded,
        Self::Judging,
        Self::InReview,
        Self::Approved,
        Self::Rejected,
        Self::Encoding,
        Self::Verifying,
        Self::Published,
        Self::Unlisted,
        Self::Failed,
        Self::Removed,
        Self::Erased,
    ];

    /// The stable word of this status in JSON, URLs and rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Uploaded => "uploaded",
            Self::Judging => "judging",
            Self::InReview => "in_review",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Encoding => "encoding",
            Self::Verifying => "verifying",
            Self::Published => "published",
            Self::Unlisted => "unlisted",
            Self::Failed => "failed",
            Self::Removed => "removed",
            Self::Erased => "erased",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// Whether `to` is a legal next status.
    pub const fn may_become(self, to: Status) -> bool {
        use Status::*;
        match self {
            Reserved => matches!(to, Uploaded | Failed | Removed),
            Uploaded => matches!(to, Judging | Failed | Removed),
            Judging => matches!(to, Approved | Rejected | InReview | Failed | Removed),
            InReview => matches!(to, Approved | Rejected | Removed),
            // A moderator may take a verdict back (an approval only until the encode starts);
            // an owner may ask for another look.
            Approved => matches!(to, Encoding | InReview | Failed | Removed),
            Rejected => matches!(to, InReview | Removed),
            Encoding => matches!(to, Verifying | Failed | Removed),
            Verifying => matches!(to, Published | Encoding | Failed | Removed),
            Published => matches!(to, Unlisted | InReview | Removed),
            Unlisted => matches!(to, Published | InReview | Removed),
            // A retry starts over at the verdict: nothing unjudged is ever encoded.
            Failed => matches!(to, Uploaded | Removed),
            Removed => matches!(to, Erased),
            Erased => false,
        }
    }

    /// Whether media of a video in this status may be read by the public.
    pub const fn is_readable(self) -> bool {
        matches!(self, Self::Published | Self::Unlisted)
    }

    /// Whether the pipeline still owes this video a step of its own.
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Uploaded | Self::Judging | Self::Approved | Self::Encoding | Self::Verifying)
    }
}

/// Who may see a published video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody, and the feed may show it.
    #[default]
    Public,
    /// Whoever holds the link with its 128-bit key; never in a feed.
    Unlisted,
    /// The owner alone.
    Private,
}

/// Why a video cannot be published, in a stable code and a sentence for its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// Stable, lowercase, dotted: `media.no_video`, `media.too_long`, `media.unreadable` …
    pub code: String,
    /// One or two plain sentences for the owner.
    pub message: String,
    /// Whether the same file may succeed when tried again.
    pub retryable: bool,
}

impl FailureReason {
    pub fn new(code: &str, message: impl Into<String>, retryable: bool) -> Self {
        Self { code: code.into(), message: message.into(), retryable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unjudged_can_reach_encoding() {
        for s in Status::ALL {
            if s.may_become(Status::Encoding) {
                assert!(matches!(s, Status::Approved | Status::Verifying), "{s:?}");
            }
        }
    }

    #[test]
    fn removed_and_erased_are_absorbing() {
        for to in Status::ALL {
            assert_eq!(Status::Removed.may_become(to), to == Status::Erased);
            assert!(!Status::Erased.may_become(to));
        }
    }

    #[test]
    fn words_round_trip() {
        for s in Status::ALL {
            assert_eq!(Status::from_word(s.word()), Some(s));
        }
    }
}
