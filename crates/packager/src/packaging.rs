//! How renditions are laid out: the choices of a profile, as a value.

use crate::policy::{RAMP_STEPS_MAX, SEGMENT_MS_MAX, SEGMENT_MS_MIN};
use serde::{Deserialize, Serialize};
use vocab::Millis;

/// Where the sound of a package is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// In every rung's segments: one request shows and sounds (ADR 0003).
    #[default]
    Muxed,
    /// A rendition of its own that all rungs share (CMAF with demuxed audio).
    Own,
}

/// How a rendition is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// An init segment and one object a segment.
    #[default]
    Segments,
    /// One object; playlists name byte ranges of it.
    Single,
}

/// The packaging of a profile. The default is muxed sound, one object a segment, segments of equal
/// length, and an I-frame playlist for every rung.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Packaging {
    pub sound: Sound,
    pub files: Files,
    /// Wished segment lengths from the first on, the last for all that follow. Empty: all as long as
    /// the profile's segments.
    pub ramp_ms: Vec<Millis>,
    /// Whether every rung has an I-frame playlist.
    pub i_frames: bool,
}

impl Default for Packaging {
    fn default() -> Self {
        Self { sound: Sound::Muxed, files: Files::Segments, ramp_ms: Vec::new(), i_frames: true }
    }
}

/// A packaging nobody can build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackagingError {
    #[error("a ramp of {0} steps is longer than {RAMP_STEPS_MAX}")]
    LongRamp(usize),
    #[error("a segment of {0} is not between {SEGMENT_MS_MIN} and {SEGMENT_MS_MAX}")]
    BadLength(Millis),
}

impl Packaging {
    /// The segment ramp of a short start: 2, 2, 2, 2, 4, then 6 s.
    pub fn ramp() -> Vec<Millis> {
        [2_000, 2_000, 2_000, 2_000, 4_000, 6_000].map(Millis).to_vec()
    }

    /// Refuses what no packager could build.
    pub fn check(&self) -> Result<(), PackagingError> {
        if self.ramp_ms.len() > RAMP_STEPS_MAX {
            return Err(PackagingError::LongRamp(self.ramp_ms.len()));
        }
        let fits = |ms: &&Millis| **ms < SEGMENT_MS_MIN || **ms > SEGMENT_MS_MAX;
        self.ramp_ms.iter().find(fits).map_or(Ok(()), |ms| Err(PackagingError::BadLength(*ms)))
    }

    /// The lengths of fragments and segments for a profile's GOP and segment.
    pub fn lengths(&self, gop: Millis, segment: Millis) -> Lengths {
        let wish = |ms: &Millis| u32::try_from(ms.0).unwrap_or(0).max(1);
        let mut segment_ms: Vec<u32> = self.ramp_ms.iter().map(wish).collect();
        if segment_ms.is_empty() {
            segment_ms.push(wish(&segment));
        }
        Lengths { fragment_ms: wish(&gop), segment_ms }
    }
}

/// Wished lengths. Real ones end at key frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths {
    /// A fragment (`moof` + `mdat`) begins at a key frame about this often.
    pub fragment_ms: u32,
    /// Segments from the first on; the last stands for all that follow. Never empty.
    pub segment_ms: Vec<u32>,
}

impl Lengths {
    /// Segments of equal length, one fragment each.
    pub fn even(ms: u32) -> Self {
        Self { fragment_ms: ms.max(1), segment_ms: vec![ms.max(1)] }
    }

    pub(crate) fn segment(&self, n: usize) -> u64 {
        let wished = self.segment_ms.get(n).or(self.segment_ms.last());
        u64::from(wished.copied().unwrap_or(self.fragment_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_muxed_even_segments_with_i_frame_playlists() {
        let p = Packaging::default();
        assert_eq!((p.sound, p.files, p.ramp_ms.len(), p.i_frames), (Sound::Muxed, Files::Segments, 0, true));
        assert_eq!(p.lengths(Millis(2000), Millis(2000)), Lengths::even(2000));
    }

    #[test]
    fn the_last_step_of_a_ramp_stands_for_all_that_follow() {
        let p = Packaging { ramp_ms: Packaging::ramp(), ..Packaging::default() };
        let lengths = p.lengths(Millis(2000), Millis(2000));
        let wished: Vec<u64> = (0..8).map(|n| lengths.segment(n)).collect();
        assert_eq!(wished, [2000, 2000, 2000, 2000, 4000, 6000, 6000, 6000]);
        assert_eq!(p.check(), Ok(()));
    }

    #[test]
    fn what_nobody_can_build_is_refused() {
        let with = |ramp_ms| Packaging { ramp_ms, ..Packaging::default() }.check();
        assert_eq!(with(vec![Millis(0)]), Err(PackagingError::BadLength(Millis(0))));
        assert_eq!(with(vec![Millis(2000); 65]), Err(PackagingError::LongRamp(65)));
    }

    #[test]
    fn a_profile_writes_words() {
        let text = r#"{"sound":"own","files":"single","ramp_ms":[2000,4000],"i_frames":false}"#;
        let p: Packaging = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&p).unwrap(), text);
        assert!(serde_json::from_str::<Packaging>(r#"{"sond":"own"}"#).is_err());
    }
}
