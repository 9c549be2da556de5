//! How the origin's requests ended.

use crate::origin::{Answer, Tier};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use stdx::Fault;

/// Totals since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answered from memory, 304s included.
    pub hit: u64,
    /// Read from the store, or waited for somebody who did.
    pub miss: u64,
    pub partial: u64,
    pub unchanged: u64,
    pub bad_range: u64,
    pub not_found: u64,
    pub gone: u64,
    pub fault: u64,
    pub sent_bytes: u64,
    /// Held in memory now.
    pub hot_bytes: u64,
}

impl Counts {
    /// Hits in parts per million of all that was found.
    pub fn hit_ppm(&self) -> Option<u64> {
        let all = self.hit + self.miss;
        (all > 0).then(|| self.hit * 1_000_000 / all)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    hit: AtomicU64,
    miss: AtomicU64,
    partial: AtomicU64,
    unchanged: AtomicU64,
    bad_range: AtomicU64,
    not_found: AtomicU64,
    gone: AtomicU64,
    fault: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Tally {
    pub(crate) fn count(&self, answer: &Result<Answer, Fault>) {
        let add = |counter: &AtomicU64, n: u64| {
            counter.fetch_add(n, Relaxed);
        };
        let tier = |t: &Tier| add(if *t == Tier::Hit { &self.hit } else { &self.miss }, 1);
        match answer {
            Ok(Answer::Whole { entry, form, tier: t }) => {
                tier(t);
                add(&self.sent_bytes, entry.bytes(*form).len() as u64);
            }
            Ok(Answer::Part { first, last, tier: t, .. }) => {
                tier(t);
                add(&self.partial, 1);
                add(&self.sent_bytes, last - first + 1);
            }
            Ok(Answer::Unchanged { .. }) => {
                add(&self.hit, 1);
                add(&self.unchanged, 1);
            }
            Ok(Answer::BadRange { .. }) => add(&self.bad_range, 1),
            Ok(Answer::NotFound { .. }) => add(&self.not_found, 1),
            Ok(Answer::Gone { .. }) => add(&self.gone, 1),
            Err(_) => add(&self.fault, 1),
        }
    }

    pub(crate) fn counts(&self, hot_bytes: u64) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Counts {
            hit: read(&self.hit),
            miss: read(&self.miss),
            partial: read(&self.partial),
            unchanged: read(&self.unchanged),
            bad_range: read(&self.bad_range),
            not_found: read(&self.not_found),
            gone: read(&self.gone),
            fault: read(&self.fault),
            sent_bytes: read(&self.sent_bytes),
            hot_bytes,
        }
    }
}
