//! Exponential back-off with full jitter.

use crate::entropy::Entropy;
use vocab::Millis;

/// Delay before attempt `n`: uniform in `0..=min(cap, base · 2^n)` ("full jitter",
/// AWS Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub base: Millis,
    pub cap: Millis,
}

impl Backoff {
    pub fn delay(&self, attempt: u32, entropy: &dyn Entropy) -> Millis {
        let ceiling = self.ceiling(attempt);
        Millis((entropy.u64() % (ceiling.0.max(0) as u64 + 1)) as i64)
    }

    pub fn ceiling(&self, attempt: u32) -> Millis {
        let grown = self.base.0.saturating_mul(1i64.checked_shl(attempt.min(40)).unwrap_or(i64::MAX));
        Millis(grown.min(self.cap.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn delays_grow_and_stay_under_the_cap() {
        let b = Backoff { base: Millis(100), cap: Millis(10_000) };
        let e = SeededEntropy::new(1);
        for attempt in 0..80 {
            let d = b.delay(attempt, &e);
            assert!(d.0 >= 0 && d <= b.ceiling(attempt) && d.0 <= 10_000);
        }
        assert_eq!(b.ceiling(0), Millis(100));
        assert_eq!(b.ceiling(63), Millis(10_000));
    }
}
