//! Which moments of a video are looked at.

use crate::policy::{CloserPolicy, SamplingPolicy};
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

/// Where Tier B looks: a grid of moments, of which those within the spans are wanted.
/// A value too, so that it is one filter of one decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloserPlan {
    pub interval: Millis,
    /// Half open, apart and in order.
    pub spans: Vec<(Millis, Millis)>,
}

impl CloserPlan {
    /// Multiples of the interval within the spans, in order.
    pub fn times(&self) -> impl Iterator<Item = Millis> + use<'_> {
        let step = self.interval.0.max(1);
        self.spans.iter().flat_map(move |(from, to)| {
            let first = (from.0 + step - 1) / step;
            (first..).map(move |k| Millis(k * step)).take_while(move |t| t < to)
        })
    }
}

/// Around each of `moments`, as far as the video goes. `None` = there is nothing to look at.
pub fn closer(moments: &[Millis], duration: Millis, policy: &CloserPolicy) -> Option<CloserPlan> {
    let around = policy.around_ms.0.max(0);
    let mut spans: Vec<(Millis, Millis)> = Vec::new();
    let mut sorted = moments.to_vec();
    sorted.sort_unstable();
    for moment in sorted {
        let (from, to) =
            (Millis((moment.0 - around).max(0)), Millis((moment.0 + around + 1).min(duration.0)));
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ if from < to => spans.push((from, to)),
            _ => {}
        }
    }
    let mut plan = CloserPlan { interval: Millis(policy.interval_ms.0.max(1)), spans };
    let most = policy.frames_max as usize;
    // Many moments of a long video: the frames stand further apart, none of the spans is left out first.
    while most > 0 && plan.times().count() > most {
        plan.interval = Millis(plan.interval.0 + policy.interval_ms.0.max(1));
    }
    (most > 0 && plan.times().next().is_some()).then_some(plan)
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

    fn closer_times(moments: &[i64], duration: i64) -> Vec<i64> {
        let moments: Vec<Millis> = moments.iter().copied().map(Millis).collect();
        let plan = closer(&moments, Millis(duration), &CloserPolicy::default());
        plan.map(|p| p.times().map(|t| t.0).collect()).unwrap_or_default()
    }

    #[test]
    fn tier_b_looks_five_times_a_second_a_second_before_and_after() {
        assert_eq!(
            closer_times(&[2_500], 60_000),
            [1_600, 1_800, 2_000, 2_200, 2_400, 2_600, 2_800, 3_000, 3_200, 3_400]
        );
    }

    #[test]
    fn tier_b_stays_within_the_video_and_looks_at_nothing_twice() {
        assert_eq!(closer_times(&[300, 100], 700), [0, 200, 400, 600]);
        let times = closer_times(&[5_000, 4_000, 9_000], 12_000);
        assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
        assert_eq!((times.first(), times.last()), (Some(&3_000), Some(&10_000)));
        assert!(closer_times(&[], 12_000).is_empty());
        assert!(closer_times(&[5_000], 0).is_empty());
    }

    #[test]
    fn tier_b_of_many_moments_is_bounded_and_leaves_none_out() {
        let moments: Vec<i64> = (0..60).map(|i| i * 10_000).collect();
        let times = closer_times(&moments, 600_000);
        assert!(times.len() <= 60 && times.len() > 30, "{}", times.len());
        let off = CloserPolicy { frames_max: 0, ..CloserPolicy::default() };
        assert_eq!(closer(&[Millis(5)], Millis(1000), &off), None);
    }
}
