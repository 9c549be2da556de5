//! The published part of the source as timecodes. Pure.

use super::policy::TIMECODE_FRAME_MAX;
use ::catalog::SourceFacts;
use ::transcode::LadderPlan;

/// First and last frame of the part, both included; `None` = the whole source.
pub fn clip(plan: &LadderPlan, facts: &SourceFacts) -> Option<(String, String)> {
    if plan.start_ms.0 <= 0 && plan.duration_ms >= facts.duration_ms {
        return None;
    }
    let rate = u64::from(facts.fps_milli.max(1));
    let frame_at = |ms: i64| ((ms.max(0) as u64).saturating_mul(rate) + 500_000) / 1_000_000;
    let first = frame_at(plan.start_ms.0);
    let end = frame_at(plan.start_ms.0.saturating_add(plan.duration_ms.0)).max(first + 1);
    Some((timecode(first, rate), timecode(end - 1, rate)))
}

/// `HH:MM:SS:FF`, counted from zero without dropping: a rate of 29.97 counts to 30. Beyond 100 frames a second
/// the last ones of a second cannot be named and are moved to the last that can.
pub fn timecode(frame: u64, fps_milli: u64) -> String {
    let nominal = fps_milli.div_ceil(1_000).max(1);
    let (seconds, rest) = (frame / nominal, (frame % nominal).min(TIMECODE_FRAME_MAX));
    let (h, m, s) = ((seconds / 3_600).min(23), seconds / 60 % 60, seconds % 60);
    format!("{h:02}:{m:02}:{s:02}:{rest:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::catalog::Transform;
    use ::transcode::LadderProfile;
    use vocab::{Bytes, Millis};

    fn facts(fps_milli: u32) -> SourceFacts {
        SourceFacts {
            duration_ms: Millis(12_000),
            width: 1080,
            height: 1920,
            fps_milli,
            has_audio: false,
            video_codec: "h264".into(),
            audio_codec: None,
            size_bytes: Bytes(6_000_000),
        }
    }

    fn trimmed(fps_milli: u32, start: Option<i64>, end: Option<i64>) -> Option<(String, String)> {
        let transform = Transform {
            trim_start_ms: start.map(Millis),
            trim_end_ms: end.map(Millis),
            ..Transform::default()
        };
        let facts = facts(fps_milli);
        let plan = ::transcode::plan(&facts, &transform, &LadderProfile::default()).expect("planned");
        clip(&plan, &facts)
    }

    #[test]
    fn the_whole_source_is_not_clipped() {
        assert_eq!(trimmed(30_000, None, None), None);
        assert_eq!(trimmed(30_000, Some(0), Some(12_000)), None);
    }

    #[test]
    fn a_trim_names_its_first_and_its_last_frame() {
        let all = |fps, a, b| trimmed(fps, Some(a), Some(b)).map(|(a, b)| format!("{a} {b}"));
        assert_eq!(all(30_000, 1_000, 3_000).as_deref(), Some("00:00:01:00 00:00:02:29"));
        assert_eq!(all(25_000, 1_500, 2_040).as_deref(), Some("00:00:01:13 00:00:02:00"));
        // 29.97: frame 30 is at 1.001 s and is called 00:00:01:00.
        assert_eq!(all(29_970, 1_001, 2_002).as_deref(), Some("00:00:01:00 00:00:01:29"));
        assert_eq!(trimmed(30_000, None, Some(5_000)).expect("clipped").1, "00:00:04:29");
    }

    #[test]
    fn a_frame_that_no_timecode_names_is_the_nearest_that_one_does() {
        assert_eq!(timecode(239, 240_000), "00:00:00:99");
        assert_eq!(timecode(u64::MAX, 1), "23:00:15:00");
    }
}
