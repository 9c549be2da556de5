//! Token buckets, many and bounded.

use crate::policy::Rate;
use std::collections::HashMap;
use std::hash::Hash;
use vocab::Millis;

/// Buckets kept before full ones are dropped: a full bucket says nothing.
const BUCKETS_MAX: usize = 50_000;

/// A bucket of thousandths, so that slow refills lose nothing to rounding.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    milli: u64,
    at: Millis,
}

#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    buckets: HashMap<K, Bucket>,
}

impl<K: Eq + Hash> Buckets<K> {
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: HashMap::new() }
    }

    /// Takes `n` tokens, or says how long until they are there.
    pub fn take(&mut self, key: K, n: u32, now: Millis) -> Result<(), Millis> {
        if self.buckets.len() >= BUCKETS_MAX {
            self.forget_full(now);
        }
        let full = u64::from(self.rate.burst) * 1_000;
        let rate = self.rate;
        let bucket = self.buckets.entry(key).or_insert(Bucket { milli: full, at: now });
        bucket.milli = refilled(*bucket, rate, now);
        bucket.at = bucket.at.max(now);
        // A request over the whole burst could never pass: it costs the burst.
        let cost = (u64::from(n) * 1_000).min(full);
        if bucket.milli >= cost {
            bucket.milli -= cost;
            return Ok(());
        }
        let per_ms = u64::from(rate.per_s.max(1));
        Err(Millis(i64::try_from((cost - bucket.milli).div_ceil(per_ms)).unwrap_or(i64::MAX)))
    }

    fn forget_full(&mut self, now: Millis) {
        let (rate, full) = (self.rate, u64::from(self.rate.burst) * 1_000);
        self.buckets.retain(|_, b| refilled(*b, rate, now) < full);
        if self.buckets.len() >= BUCKETS_MAX {
            // Only an attack with that many busy keys comes here; memory is worth more than its memory.
            self.buckets.clear();
        }
    }
}

/// `per_s` tokens a second are `per_s` thousandths a millisecond.
fn refilled(b: Bucket, rate: Rate, now: Millis) -> u64 {
    let elapsed = u64::try_from(now.saturating_sub(b.at).0).unwrap_or(0);
    let full = u64::from(rate.burst) * 1_000;
    b.milli.saturating_add(elapsed.saturating_mul(u64::from(rate.per_s))).min(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let mut b = Buckets::new(Rate { per_s: 10, burst: 5 });
        let now = Millis(1_000);
        for _ in 0..5 {
            assert_eq!(b.take("a", 1, now), Ok(()));
        }
        assert_eq!(b.take("a", 1, now), Err(Millis(100)));
        assert_eq!(b.take("b", 1, now), Ok(()));
        assert_eq!(b.take("a", 1, Millis(1_100)), Ok(()));
        assert_eq!(b.take("a", 1, Millis(0)), Err(Millis(100)));
    }

    #[test]
    fn memory_stays_bounded() {
        let mut b = Buckets::new(Rate { per_s: 1, burst: 2 });
        for k in 0..(BUCKETS_MAX * 2 + 10) {
            let _ = b.take(k, 1, Millis(0));
        }
        assert!(b.buckets.len() <= BUCKETS_MAX);
    }
}
