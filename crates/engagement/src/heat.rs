//! Forward decay: what is hot now, without sweeping what was.

use crate::policy::EngagementPolicy;
use std::cmp::Ordering;
use std::collections::HashMap;
use vocab::{Millis, UserId, VideoId};

/// 5, 15 and 60 minutes.
pub const HALF_LIVES: [Millis; 3] = [Millis(300_000), Millis(900_000), Millis(3_600_000)];

/// Decayed sums of one video as they stood at `as_of`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Heat {
    pub h5: f64,
    pub h15: f64,
    pub h60: f64,
    pub as_of: Millis,
}

impl Heat {
    fn values(&self) -> [f64; 3] {
        [self.h5, self.h15, self.h60]
    }

    fn from_values(v: [f64; 3], as_of: Millis) -> Self {
        Self { h5: v[0], h15: v[1], h60: v[2], as_of }
    }

    /// The same heat seen at `now` (not before `as_of`).
    pub fn at(self, now: Millis) -> Self {
        if now <= self.as_of {
            return self;
        }
        let mut v = self.values();
        for (value, half_life) in v.iter_mut().zip(HALF_LIVES) {
            *value *= decay(now.saturating_sub(self.as_of), half_life);
        }
        Self::from_values(v, now)
    }

    /// Adds `milli` thousandths that happened at `at`, in whatever order moments come.
    pub fn add(self, at: Millis, milli: i64) -> Self {
        if milli == 0 {
            return self;
        }
        let mut base = self.at(at);
        let age = base.as_of.saturating_sub(at);
        let mut v = base.values();
        for (value, half_life) in v.iter_mut().zip(HALF_LIVES) {
            *value += milli as f64 / 1_000.0 * decay(age, half_life);
        }
        base = Self::from_values(v, base.as_of);
        base
    }

    /// How high it stands on the board: rising videos first, loud ones before quiet ones.
    ///
    /// `heat_15m / (heat_60m / 4 + c) · ln(1 + heat_60m)`. At a steady rate the first factor is
    /// about 1, so the second decides; a video that got everything in the last minutes has up to 4.
    pub fn score(&self, p: &EngagementPolicy) -> f64 {
        let (h15, h60) = (self.h15.max(0.0), self.h60.max(0.0));
        let score = h15 / (h60 / 4.0 + p.rise_floor.max(f64::EPSILON)) * h60.ln_1p();
        if score.is_finite() { score } else { 0.0 }
    }
}

fn decay(age: Millis, half_life: Millis) -> f64 {
    (-(age.0 as f64) / half_life.0 as f64).exp2()
}

/// Highest first; equal scores by newer id, so that the order is total.
pub fn by_score(a: &(VideoId, f64), b: &(VideoId, f64)) -> Ordering {
    b.1.total_cmp(&a.1).then(b.0.cmp(&a.0))
}

/// Keeps the order and at most `max` videos of one owner. A video of unknown owner is left out.
pub fn cap_per_owner(
    ranked: impl IntoIterator<Item = (VideoId, f64)>,
    owner_of: impl Fn(VideoId) -> Option<UserId>,
    max: usize,
) -> Vec<(VideoId, f64)> {
    let mut taken: HashMap<UserId, usize> = HashMap::new();
    ranked
        .into_iter()
        .filter(|(video, _)| {
            owner_of(*video).is_some_and(|owner| {
                let n = taken.entry(owner).or_default();
                *n += 1;
                *n <= max
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T0: Millis = Millis(1_767_225_600_000);
    const MIN: i64 = 60_000;

    #[test]
    fn heat_halves_in_its_half_life() {
        let heat = Heat::default().add(T0, 8_000).at(Millis(T0.0 + 15 * MIN));
        assert!((heat.h5 - 1.0).abs() < 1e-9 && (heat.h15 - 4.0).abs() < 1e-9);
        assert!(heat.h60 > 6.7 && heat.h60 < 6.8);
    }

    #[test]
    fn rising_beats_steady_and_loud_beats_quiet() {
        let p = EngagementPolicy::default();
        let steady =
            |rate: i64| (0..600).fold(Heat::default(), |h, m| h.add(Millis(T0.0 + m * MIN), rate * 1_000));
        let now = Millis(T0.0 + 600 * MIN);
        let burst = (590..600).fold(Heat::default(), |h, m| h.add(Millis(T0.0 + m * MIN), 10_000));
        let (loud, quiet) = (steady(10).at(now).score(&p), steady(1).at(now).score(&p));
        assert!(burst.at(now).score(&p) > loud && loud > quiet, "{} {loud} {quiet}", burst.at(now).score(&p));
        assert_eq!(Heat { h15: f64::NAN, h60: f64::INFINITY, ..Heat::default() }.score(&p), 0.0);
    }

    #[test]
    fn one_owner_cannot_fill_the_board() {
        let ranked = (1..=6u64).map(|v| (VideoId(v), 10.0 - v as f64));
        let owner = |v: VideoId| (v.0 != 6).then_some(UserId(u64::from(v.0 == 5)));
        let kept: Vec<u64> = cap_per_owner(ranked, owner, 2).into_iter().map(|(v, _)| v.0).collect();
        assert_eq!(kept, [1, 2, 5]);
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut adds in prop::collection::vec((0i64..7_200_000, -500i64..5_000), 1..40)) {
            let end = Millis(T0.0 + 8_000_000);
            let sum = |adds: &[(i64, i64)]| adds.iter().fold(Heat::default(), |h, (t, w)| h.add(Millis(T0.0 + t), *w)).at(end);
            let forward = sum(&adds);
            adds.reverse();
            let backward = sum(&adds);
            for (a, b) in forward.values().into_iter().zip(backward.values()) {
                prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{a} {b}");
            }
        }
    }
}
