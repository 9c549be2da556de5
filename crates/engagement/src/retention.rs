//! How many are still watching, by twentieths of the video.

pub const BINS: usize = 20;
const PPM: u64 = 1_000_000;

/// Impressions by the twentieth in which watching ended; the last = watched to the end.
pub type Reached = [u32; BINS + 1];

/// An early-swipe exponential over a completion mass: what a video of which nothing is known gets.
pub const PRIOR_PPM: [u32; BINS] = [
    1_000_000, 905_000, 825_000, 758_000, 701_000, 653_000, 612_000, 577_000, 547_000, 522_000, 501_000,
    482_000, 466_000, 452_000, 440_000, 429_000, 420_000, 412_000, 405_000, 398_000,
];

/// The twentieth in which watching ended.
pub fn bin(watched_ms: i64, duration_ms: i64) -> Option<usize> {
    if duration_ms <= 0 || watched_ms < 0 {
        return None;
    }
    let bin = watched_ms.saturating_mul(BINS as i64) / duration_ms;
    Some(usize::try_from(bin).unwrap_or(BINS).min(BINS))
}

/// Share of viewers still there when k/20 has played, in ppm; falls, never rises; starts at 1,000,000.
pub fn curve(reached: &Reached, prior_weight: u32) -> [u32; BINS] {
    let total: u64 = reached.iter().map(|n| u64::from(*n)).sum();
    let weight = u64::from(prior_weight);
    let mut out = PRIOR_PPM;
    let mut still = total;
    for (k, ppm) in out.iter_mut().enumerate() {
        if let Some(mixed) = (still * PPM + weight * u64::from(PRIOR_PPM[k])).checked_div(total + weight) {
            *ppm = u32::try_from(mixed).unwrap_or(u32::MAX);
        }
        still -= u64::from(reached[k]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_known_gives_the_prior() {
        assert_eq!(curve(&[0; 21], 20), PRIOR_PPM);
        assert_eq!(curve(&[0; 21], 0), PRIOR_PPM);
    }

    #[test]
    fn many_viewers_outweigh_the_prior() {
        let mut reached = [0u32; 21];
        reached[10] = 500_000;
        reached[20] = 500_000;
        let c = curve(&reached, 20);
        assert!(c[10] > 999_900 && c[11].abs_diff(500_000) < 100 && c[19].abs_diff(500_000) < 100, "{c:?}");
    }

    #[test]
    fn loops_end_in_the_last_bin() {
        assert_eq!(bin(50_000, 10_000), Some(20));
        assert_eq!((bin(9_999, 10_000), bin(0, 10_000), bin(1, 0)), (Some(19), Some(0), None));
    }

    proptest! {
        #[test]
        fn curves_fall(reached in prop::array::uniform21(0u32..10_000), w in 0u32..100) {
            let c = curve(&reached, w);
            prop_assert_eq!(c[0], 1_000_000);
            prop_assert!(c.windows(2).all(|p| p[0] >= p[1]), "{:?}", c);
        }
    }
}
