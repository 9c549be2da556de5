//! Every number of packaging that somebody may want to change.

use vocab::{Bytes, Millis};

/// Steps a segment ramp may have.
pub const RAMP_STEPS_MAX: usize = 64;
/// A wished segment is no shorter …
pub const SEGMENT_MS_MIN: Millis = Millis(500);
/// … and no longer.
pub const SEGMENT_MS_MAX: Millis = Millis(30_000);

/// What an owner's side-car of captions may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionLimits {
    /// Of the file as it was sent.
    pub bytes_max: Bytes,
    pub cues_max: usize,
    /// Characters of one cue's text.
    pub cue_chars_max: usize,
    /// The latest end of a cue.
    pub end_max: Millis,
    /// Languages of one video.
    pub languages_max: usize,
}

impl CaptionLimits {
    /// For what was checked before: it was within the limits of its day, and those of today take nothing away.
    pub const fn none() -> Self {
        Self {
            bytes_max: Bytes(u64::MAX),
            cues_max: usize::MAX,
            cue_chars_max: usize::MAX,
            end_max: Millis(i64::MAX),
            languages_max: usize::MAX,
        }
    }
}

impl Default for CaptionLimits {
    fn default() -> Self {
        Self {
            bytes_max: Bytes(256 << 10),
            cues_max: 2_000,
            cue_chars_max: 500,
            // The longest source there is.
            end_max: Millis(600_000),
            languages_max: 20,
        }
    }
}
