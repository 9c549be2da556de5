//! What an event is once it has been read and found sound.

use serde::{Deserialize, Serialize};
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

/// What was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A video became visible.
    Impression,
    /// It is still visible; `dwell_ms` and `watched_ms` so far.
    Dwell,
    /// It is gone; final `dwell_ms` and `watched_ms`.
    ViewEnd,
    Like,
    Unlike,
    Share,
    /// Swiped away by the viewer.
    Skip,
    FirstFrame,
    Rebuffer,
    /// Bitrate, volume and the like.
    Playback,
    Error,
}

impl EventKind {
    pub const ALL: [EventKind; 11] = [
        Self::Impression,
        Self::Dwell,
        Self::ViewEnd,
        Self::Like,
        Self::Unlike,
        Self::Share,
        Self::Skip,
        Self::FirstFrame,
        Self::Rebuffer,
        Self::Playback,
        Self::Error,
    ];

    /// The stable word in JSON and rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Impression => "impression",
            Self::Dwell => "dwell",
            Self::ViewEnd => "view_end",
            Self::Like => "like",
            Self::Unlike => "unlike",
            Self::Share => "share",
            Self::Skip => "skip",
            Self::FirstFrame => "first_frame",
            Self::Rebuffer => "rebuffer",
            Self::Playback => "playback",
            Self::Error => "error",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        // The seed's own example calls the end of a view a view.
        if word == "view" {
            return Some(Self::ViewEnd);
        }
        Self::ALL.into_iter().find(|k| k.word() == word)
    }

    /// Whether an event of this kind says nothing without a video.
    pub const fn needs_video(self) -> bool {
        !matches!(self, Self::Playback | Self::Error)
    }

    /// Whether the event proves that the video was on the viewer's screen.
    pub const fn proves_shown(self) -> bool {
        matches!(
            self,
            Self::Impression | Self::Dwell | Self::ViewEnd | Self::Skip | Self::FirstFrame | Self::Rebuffer
        )
    }
}

/// What a client measured; all within the policy's bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// Time visible and playing, since the impression.
    pub dwell_ms: Option<i64>,
    /// Media time played, since the impression.
    pub watched_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    /// Whole runs of the video.
    pub loops: Option<i64>,
    /// Time to first frame, or length of a rebuffer.
    pub value_ms: Option<i64>,
    /// Error code or playback note, at most 64 characters.
    pub code: Option<String>,
}

/// One sound event, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub viewer: UserId,
    pub device: DeviceId,
    /// 0: recorded by the server, outside of any window.
    pub epoch: u64,
    pub seq: u64,
    pub kind: EventKind,
    /// When it happened, corrected for the client's clock.
    pub at: Millis,
    pub received_at: Millis,
    /// The client's own words, uncorrected.
    pub raw_ts: Option<Millis>,
    pub raw_sent_at: Option<Millis>,
    pub video: Option<VideoId>,
    pub impression: Option<ImpressionId>,
    pub measures: Measures,
}

/// One event without an envelope: the seed's `POST /event`, or the server's own observation.
#[derive(Debug, Clone)]
pub struct Single {
    pub kind: EventKind,
    pub video: Option<VideoId>,
    pub impression: Option<ImpressionId>,
    pub measures: Measures,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_word(kind.word()), Some(kind));
        }
        assert_eq!(EventKind::from_word("explode"), None);
    }
}
