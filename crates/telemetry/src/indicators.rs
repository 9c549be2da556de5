//! What was measured in the last minutes. The caller brings the time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Something a promise is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indicator {
    FirstFrame,
    Rebuffer,
    MediaHit,
    FeedPage,
    Ranker,
}

impl Indicator {
    pub const ALL: [Self; 5] =
        [Self::FirstFrame, Self::Rebuffer, Self::MediaHit, Self::FeedPage, Self::Ranker];

    /// Which percentile of its samples counts; `None` for a share.
    const fn percentile(self) -> Option<usize> {
        match self {
            Self::FirstFrame => Some(95),
            Self::FeedPage | Self::Ranker => Some(99),
            Self::Rebuffer | Self::MediaHit => None,
        }
    }
}

/// How far back an indicator looks.
pub const WINDOW_MS: i64 = 5 * 60_000;
/// Samples kept of one indicator; the oldest go first.
pub const SAMPLES_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: i64,
    part: u64,
    whole: u64,
}

/// What the samples of an indicator say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The percentile in milliseconds, or the share in parts per million.
    pub value: i64,
    /// How much that rests on: samples, or the whole of a share.
    pub weight: u64,
}

/// Rolling samples of every indicator.
#[derive(Debug, Default)]
pub struct Indicators {
    samples: [Mutex<VecDeque<Sample>>; Indicator::ALL.len()],
}

impl Indicators {
    /// A measured time.
    pub fn observe(&self, indicator: Indicator, value_ms: u64, now_ms: i64) {
        self.add(indicator, Sample { at_ms: now_ms, part: value_ms, whole: 1 });
    }

    /// `part` of `whole`, e.g. stalled and watched milliseconds.
    pub fn share(&self, indicator: Indicator, part: u64, whole: u64, now_ms: i64) {
        self.add(indicator, Sample { at_ms: now_ms, part, whole });
    }

    fn add(&self, indicator: Indicator, sample: Sample) {
        let mut samples = self.lock(indicator);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    fn lock(&self, indicator: Indicator) -> std::sync::MutexGuard<'_, VecDeque<Sample>> {
        self.samples[indicator as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of [`Indicators::measured`] alone.
    pub fn value(&self, indicator: Indicator, now_ms: i64) -> Option<i64> {
        self.measured(indicator, now_ms).map(|m| m.value)
    }

    /// `None` when nothing was measured.
    pub fn measured(&self, indicator: Indicator, now_ms: i64) -> Option<Measured> {
        let mut samples = self.lock(indicator);
        while samples.front().is_some_and(|s| now_ms.saturating_sub(s.at_ms) > WINDOW_MS) {
            samples.pop_front();
        }
        match indicator.percentile() {
            Some(percent) => {
                let value = percentile(samples.iter().map(|s| s.part).collect(), percent)?;
                Some(Measured { value, weight: samples.len() as u64 })
            }
            None => share(samples.make_contiguous()),
        }
    }
}

/// Nearest rank.
fn percentile(mut values: Vec<u64>, percent: usize) -> Option<i64> {
    let rank = (values.len() * percent).div_ceil(100).checked_sub(1)?;
    let (_, value, _) = values.select_nth_unstable(rank);
    i64::try_from(*value).ok()
}

fn share(samples: &[Sample]) -> Option<Measured> {
    let sum = |f: fn(&Sample) -> u64| samples.iter().map(|s| u128::from(f(s))).sum::<u128>();
    let (part, whole) = (sum(|s| s.part), sum(|s| s.whole));
    let value = i64::try_from((part * 1_000_000).checked_div(whole)?).ok()?;
    Some(Measured { value, weight: u64::try_from(whole).unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let i = Indicators::default();
        for ms in 1..=100 {
            i.observe(Indicator::FeedPage, ms, 0);
        }
        assert_eq!(i.measured(Indicator::FeedPage, 0), Some(Measured { value: 99, weight: 100 }));
        assert_eq!(i.value(Indicator::Ranker, 0), None);
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let i = Indicators::default();
        i.observe(Indicator::FirstFrame, 9_000, 0);
        i.observe(Indicator::FirstFrame, 100, WINDOW_MS);
        assert_eq!(i.value(Indicator::FirstFrame, WINDOW_MS), Some(9_000));
        assert_eq!(i.value(Indicator::FirstFrame, WINDOW_MS + 1), Some(100));
    }

    #[test]
    fn shares_are_weighed_by_their_whole() {
        let i = Indicators::default();
        i.share(Indicator::Rebuffer, 100, 100, 0);
        i.share(Indicator::Rebuffer, 0, 9_900, 0);
        assert_eq!(i.measured(Indicator::Rebuffer, 0), Some(Measured { value: 10_000, weight: 10_000 }));
        i.share(Indicator::MediaHit, 0, 0, 0);
        assert_eq!(i.value(Indicator::MediaHit, 0), None);
    }

    #[test]
    fn samples_are_bounded() {
        let i = Indicators::default();
        for n in 0..(2 * SAMPLES_MAX as u64) {
            i.observe(Indicator::Ranker, n, 0);
        }
        assert_eq!(i.lock(Indicator::Ranker).len(), SAMPLES_MAX);
    }
}
