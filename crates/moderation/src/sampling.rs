//! Which moments of a video are looked at.

use crate::policy::SamplingPolicy;
use vocab::Millis;

/// Equally spaced moments: `first + i · interval` for `i < count`.
/// A value, so that an engine can turn it into one filter of one decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplingPlan {
    pub first: Millis,
    pub interval: Millis,
    pub count: u32,
}

impl SamplingPlan {
    pub fn times(&self) -> impl Iterator<Item = Millis> + use<> {
        let plan = *self;
        (0..i64::from(plan.count)).map(move |i| Millis(plan.first.0 + i * plan.interval.0))
    }
}

/// One frame a second up to the limit; a longer video has the same number of frames spread
/// over all of it. The phase is drawn from `phase_seed`, so that nobody can place a picture
/// between two samples. A video always yields at least one frame.
pub fn plan(duration: Millis, phase_seed: u64, policy: &SamplingPolicy) -> SamplingPlan {
    let duration = duration.0.max(0);
    let most = i64::from(policy.frames_max.max(1));
    let least = i64::from(policy.frames_min.max(1)).min(most);
    let mut interval = policy.interval_ms.0.max(1);
    if duration / interval < least {
        interval = (duration / least).clamp(policy.interval_min_ms.0.max(1), interval);
    }
    if (duration + interval - 1) / interval > most {
        interval = (duration + most - 1) / most;
    }
    // A clip shorter than the interval has one frame, anywhere in it.
    let span = interval.min(duration).max(1);
    let first = (phase_seed % span as u64) as i64;
    let count = if duration <= first { 1 } else { (duration - first + interval - 1) / interval };
    SamplingPlan { first: Millis(first), interval: Millis(interval), count: count.min(most) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(duration: i64, seed: u64) -> (i64, i64, u32) {
        let p = plan(Millis(duration), seed, &SamplingPolicy::default());
        (p.first.0, p.interval.0, p.count)
    }

    #[test]
    fn twelve_seconds_give_twelve_frames() {
        assert_eq!(check(12_000, 0), (0, 1000, 12));
        assert_eq!(check(12_000, 999), (999, 1000, 12));
    }

    #[test]
    fn the_phase_moves_every_frame() {
        assert_eq!(check(12_000, 2_345), (345, 1000, 12));
    }

    #[test]
    fn a_long_video_is_spread_over_sixty_frames() {
        let (_, interval, count) = check(600_000, 7);
        assert_eq!((interval, count), (10_000, 60));
    }

    #[test]
    fn a_very_short_clip_still_has_a_frame() {
        assert_eq!(check(0, 5).2, 1);
        assert_eq!((check(1, 5).0, check(1, 5).2), (0, 1));
        assert_eq!(check(400, 399).2, 1);
    }

    #[test]
    fn dense_sampling_gives_short_clips_more_frames() {
        let p = plan(Millis(8_000), 0, &SamplingPolicy::dense());
        assert_eq!((p.interval, p.count), (Millis(500), 16));
        let p = plan(Millis(2_000), 0, &SamplingPolicy::dense());
        assert_eq!((p.interval, p.count), (Millis(250), 8));
    }
}
