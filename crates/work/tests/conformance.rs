//! The memory engine keeps its promises, and broken ones are caught.

mod saboteurs;

use saboteurs::{Broken, Flaw};
use std::sync::Arc;
use testkit::{saboteur, trials};
use work::conformance::cases;
use work::{JobStore, MemoryJobStore};

fn broken(name: &str, flaw: Flaw, expected: &'static [&'static str]) -> libtest_mimic::Trial {
    let make = move || -> Arc<dyn JobStore> { Arc::new(Broken::with(flaw)) };
    saboteur(name, cases, make, expected)
}

fn main() {
    let mut all = trials("memory", cases(), || -> Arc<dyn JobStore> { Arc::<MemoryJobStore>::default() });
    all.extend([
        broken(
            "forgets_the_fence",
            Flaw::ForgetsTheFence,
            &["an_old_fence_is_refused", "a_replay_starts_afresh_behind_its_old_fence"],
        ),
        broken(
            "reads_then_takes",
            Flaw::ReadsThenTakes,
            &["concurrent_claims_are_disjoint", "a_worker_that_dies_uses_up_attempts"],
        ),
        broken("sees_only_waiting_jobs", Flaw::SeesOnlyWaitingJobs, &["enqueue_is_idempotent_per_live_key"]),
        broken("forgets_the_time", Flaw::ForgetsTheTime, &["a_retry_waits_for_its_time"]),
        broken(
            "forgets_to_count",
            Flaw::ForgetsToCount,
            &["a_retry_waits_for_its_time", "used_up_attempts_make_a_dead_letter"],
        ),
        broken(
            "forgets_the_dead",
            Flaw::ForgetsTheDead,
            &[
                "a_claim_is_never_given_twice",
                "an_expired_lease_is_claimed_with_a_larger_fence",
                "a_heartbeat_keeps_the_lease",
                "an_old_fence_is_refused",
                "a_worker_that_dies_uses_up_attempts",
                "a_stopped_job_of_a_dead_worker_is_cancelled",
            ],
        ),
        broken("prunes_live_jobs", Flaw::PrunesLiveJobs, &["pruning_forgets_old_ended_jobs_only"]),
    ]);
    testkit::main(all)
}
