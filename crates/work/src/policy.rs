//! The numbers of durable work.

use std::collections::BTreeMap;
use stdx::Backoff;
use vocab::Millis;

/// Claims a new job may use before it becomes a dead letter.
pub const MAX_ATTEMPTS: u32 = 5;

#[derive(Debug, Clone)]
pub struct WorkPolicy {
    /// How long a claim holds without a heartbeat.
    pub lease: Millis,
    /// A heartbeat is sent this many times a lease.
    pub heartbeats_per_lease: i64,
    /// A changed progress is written no more often than this.
    pub progress_every: Millis,
    pub backoff: Backoff,
    /// Between tries of a job that found no room: a disk does not empty itself in a second, and each try
    /// may cost a whole encode.
    pub room_backoff: Backoff,
    /// So long after a job was made, a try that finds no room uses up no attempt.
    pub room_patience: Millis,
    /// Jobs of one kind that run at once, where `concurrency` says nothing else.
    pub concurrency_default: usize,
    pub concurrency: BTreeMap<String, usize>,
    /// How often the store is asked for due jobs when nobody wakes the runner.
    pub poll_every: Millis,
    /// Looks that find nothing double that span up to this, until somebody wakes the runner or work is found.
    pub poll_idle_max: Millis,
    /// How long a handler that was told to stop may tidy up before it is dropped.
    pub cancel_grace: Millis,
    /// How long running handlers may take to finish after shutdown was asked.
    pub drain: Millis,
    /// Done and cancelled jobs are forgotten after this.
    pub keep_ended: Millis,
    /// Dead letters are forgotten after this.
    pub keep_dead: Millis,
    pub prune_every: Millis,
    pub prune_batch: usize,
}

impl Default for WorkPolicy {
    fn default() -> Self {
        Self {
            lease: Millis::from_secs(30),
            heartbeats_per_lease: 3,
            progress_every: Millis::from_secs(2),
            backoff: Backoff { base: Millis::from_secs(1), cap: Millis::from_secs(60) },
            room_backoff: Backoff { base: Millis::from_secs(4), cap: Millis::from_secs(300) },
            room_patience: Millis::from_secs(7 * 24 * 3600),
            concurrency_default: 2,
            concurrency: BTreeMap::new(),
            poll_every: Millis::from_secs(1),
            poll_idle_max: Millis::from_secs(1),
            cancel_grace: Millis::from_secs(5),
            drain: Millis::from_secs(8),
            keep_ended: Millis::from_secs(24 * 3600),
            keep_dead: Millis::from_secs(30 * 24 * 3600),
            prune_every: Millis::from_secs(600),
            prune_batch: 1_000,
        }
    }
}

impl WorkPolicy {
    /// Jobs of `kind` that may run at once.
    pub fn concurrency_of(&self, kind: &str) -> usize {
        self.concurrency.get(kind).copied().unwrap_or(self.concurrency_default).max(1)
    }

    /// How long to wait after a look that found nothing, when it came after `pause`.
    pub fn poll_after(&self, pause: Millis) -> Millis {
        Millis(pause.0.saturating_mul(2)).min(self.poll_idle_max).max(self.poll_every)
    }

    /// Time between two heartbeats: a third of the lease, so that one may be lost.
    pub fn heartbeat_every(&self) -> Millis {
        Millis((self.lease.0 / self.heartbeats_per_lease.max(1)).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_thirty_seconds_with_three_heartbeats() {
        let p = WorkPolicy::default();
        assert_eq!(p.lease, Millis(30_000));
        assert_eq!(p.heartbeat_every(), Millis(10_000));
    }

    #[test]
    fn looks_that_find_nothing_become_rarer_only_where_it_is_allowed() {
        let mut p = WorkPolicy::default();
        assert_eq!(p.poll_after(p.poll_every), p.poll_every);
        p.poll_idle_max = Millis(5_000);
        let pauses: Vec<_> =
            std::iter::successors(Some(Millis(1_000)), |m| Some(p.poll_after(*m))).take(5).collect();
        assert_eq!(pauses, [1_000, 2_000, 4_000, 5_000, 5_000].map(Millis));
        p.poll_idle_max = Millis(0);
        assert_eq!(p.poll_after(Millis(1_000)), Millis(1_000));
    }

    #[test]
    fn five_attempts_back_off_from_one_second_to_a_minute() {
        let p = WorkPolicy::default();
        assert_eq!(MAX_ATTEMPTS, 5);
        assert_eq!((p.backoff.base, p.backoff.cap), (Millis(1_000), Millis(60_000)));
    }

    #[test]
    fn a_disk_may_stay_full_over_a_long_weekend() {
        let p = WorkPolicy::default();
        assert_eq!(p.room_patience, Millis(7 * 86_400_000));
        assert_eq!((p.room_backoff.base, p.room_backoff.cap), (Millis(4_000), Millis(300_000)));
    }

    #[test]
    fn a_drain_fits_in_the_ten_seconds_a_stop_may_take() {
        assert!(WorkPolicy::default().drain < Millis(10_000));
    }
}
