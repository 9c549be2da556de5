//! The only source of time and randomness of a run, and the record of it.

use std::fmt;
use stdx::Clock;
use vocab::Millis;

/// What every stage may know beside the query.
pub struct Ctx<'a, Id> {
    /// The moment decisions are made for; the same throughout a run.
    pub now: Millis,
    pub seed: u64,
    /// When the result is due. Compared with `clock`, which decides about budgets and nothing else.
    pub deadline: Millis,
    pub policy_version: &'static str,
    pub clock: &'a dyn Clock,
    pub trace: Trace<Id>,
}

impl<'a, Id> Ctx<'a, Id> {
    pub fn new(seed: u64, deadline: Millis, policy_version: &'static str, clock: &'a dyn Clock) -> Self {
        Self { now: clock.now(), seed, deadline, policy_version, clock, trace: Trace::default() }
    }

    pub fn is_late(&self) -> bool {
        self.clock.now() >= self.deadline
    }

    /// A number in 0..1 that depends on the seed and `of` alone.
    pub fn draw(&self, of: u64) -> f64 {
        (mix(self.seed ^ mix(of)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl<Id> fmt::Debug for Ctx<'_, Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("now", &self.now).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// SplitMix64's finaliser.
pub fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A candidate that did not make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed<Id> {
    pub id: Id,
    /// The stage.
    pub by: &'static str,
    pub reason: &'static str,
}

/// What one stage did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageRecord {
    pub name: &'static str,
    pub before: usize,
    pub after: usize,
    pub spent: Millis,
    /// The stage was late and took its degrade step instead.
    pub degraded: bool,
}

/// What happened in a run.
#[derive(Debug, Clone)]
pub struct Trace<Id> {
    pub stages: Vec<StageRecord>,
    pub removed: Vec<Removed<Id>>,
}

impl<Id> Default for Trace<Id> {
    fn default() -> Self {
        Self { stages: Vec::new(), removed: Vec::new() }
    }
}

impl<Id> Trace<Id> {
    pub fn is_degraded(&self) -> bool {
        self.stages.iter().any(|s| s.degraded)
    }
}
