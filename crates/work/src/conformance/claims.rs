//! Claiming, holding and ending.

use super::{KIND, LEASE, OTHER, Store, at, claim, claim_one, given, id, ids, new, state};
use crate::job::{JobState, NewJob};
use crate::port::{Claim, Ending, JobStoreError, Order};
use futures::future::join_all;
use std::collections::BTreeSet;
use testkit::{Case, case};

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("a_job_comes_back_as_written", a_job_comes_back_as_written),
        case("enqueue_is_idempotent_per_live_key", enqueue_is_idempotent_per_live_key),
        case("a_key_is_free_again_after_the_end", a_key_is_free_again_after_the_end),
        case("racing_enqueues_make_one_job", racing_enqueues_make_one_job),
        case("a_claim_is_never_given_twice", a_claim_is_never_given_twice),
        case("concurrent_claims_are_disjoint", concurrent_claims_are_disjoint),
        case("claims_come_oldest_first_and_of_the_kinds_asked", claims_come_oldest_first),
        case("nothing_is_claimed_before_its_time", nothing_is_claimed_before_its_time),
        case("an_expired_lease_is_claimed_with_a_larger_fence", an_expired_lease_is_claimed),
        case("a_heartbeat_keeps_the_lease", a_heartbeat_keeps_the_lease),
        case("an_old_fence_is_refused", an_old_fence_is_refused),
        case("an_ended_job_is_nobodys", an_ended_job_is_nobodys),
        case("a_retry_waits_for_its_time", a_retry_waits_for_its_time),
        case("used_up_attempts_make_a_dead_letter", used_up_attempts_make_a_dead_letter),
        case("a_worker_that_dies_uses_up_attempts", a_worker_that_dies_uses_up_attempts),
        case("a_release_costs_no_attempt", a_release_costs_no_attempt),
        case("dead_is_dead_at_once", dead_is_dead_at_once),
        case("a_running_job_is_told_to_stop", a_running_job_is_told_to_stop),
        case("a_stopped_job_of_a_dead_worker_is_cancelled", a_stopped_job_of_a_dead_worker),
    ]
}

async fn a_job_comes_back_as_written(store: Store) {
    let payload = serde_json::json!({"a": [1, null, "ü"], "b": {"c": 1.5}});
    let new = NewJob::new(KIND, "the key 😀", at(5)).with_payload(payload.clone()).with_attempts(7);
    let job = store.enqueue(id(1), new, at(2)).await.expect("enqueued");
    assert_eq!((job.id, job.kind.as_str(), job.key.as_str()), (id(1), KIND, "the key 😀"));
    assert_eq!((job.state, job.attempt, job.max_attempts), (JobState::Ready, 0, 7));
    assert_eq!((job.run_at, job.created_at, job.lease_until), (at(5), at(2), None));
    assert_eq!((&job.payload, job.fence, job.finished_at), (&payload, 0, None));
    assert_eq!(store.get(id(1)).await.expect("found"), job);
    assert!(matches!(store.get(id(2)).await, Err(JobStoreError::NotFound(i)) if i == id(2)));
}

async fn enqueue_is_idempotent_per_live_key(store: Store) {
    let first = store.enqueue(id(1), new("k", 0), at(0)).await.expect("enqueued");
    let mut other = new("k", 99);
    other.payload = serde_json::json!(2);
    assert_eq!(store.enqueue(id(2), other.clone(), at(1)).await.expect("the live one"), first);
    let running = claim_one(&store, 1).await;
    assert_eq!(store.enqueue(id(3), other, at(1)).await.expect("the live one"), running);
    let elsewhere = NewJob { kind: OTHER.to_owned(), ..new("k", 0) };
    assert_eq!(store.enqueue(id(4), elsewhere, at(1)).await.expect("another kind").id, id(4));
    assert_eq!(store.enqueue(id(5), new("k2", 0), at(1)).await.expect("another key").id, id(5));
}

async fn a_key_is_free_again_after_the_end(store: Store) {
    let endings = [Ending::Done, Ending::Cancelled, Ending::Dead { error: "no".into() }];
    for (n, ending) in (1..).zip(endings) {
        let job = store.enqueue(id(n), new("k", 0), at(0)).await.expect("enqueued");
        assert_eq!(job.id, id(n), "the one before has ended");
        let job = claim_one(&store, 0).await;
        store.finish(job.id, job.fence, ending, at(1)).await.expect("ended");
    }
}

async fn racing_enqueues_make_one_job(store: Store) {
    let racers = (1..=16).map(|n| store.enqueue(id(n), new("k", 0), at(0)));
    let made: BTreeSet<_> = join_all(racers).await.into_iter().map(|j| j.expect("enqueued").id).collect();
    assert_eq!(made.len(), 1, "all callers got the same job");
    assert_eq!(claim(&store, 0, 100).await.len(), 1);
}

async fn a_claim_is_never_given_twice(store: Store) {
    let job = given(&store, 1, 0).await;
    let claimed = claim_one(&store, 0).await;
    assert_eq!(
        (claimed.id, claimed.state, claimed.attempt, claimed.fence),
        (job.id, JobState::Running, 1, 1)
    );
    assert_eq!(claimed.lease_until, Some(at(LEASE.0)));
    assert_eq!(claim(&store, LEASE.0 - 1, 10).await, [], "the lease holds to its last millisecond");
    assert_eq!(store.get(job.id).await.expect("found"), claimed);
}

async fn concurrent_claims_are_disjoint(store: Store) {
    for n in 1..=40 {
        given(&store, n, 0).await;
    }
    let all = join_all((0..12).map(|_| claim(&store, 0, 5))).await;
    let taken: Vec<_> = all.iter().flat_map(|jobs| ids(jobs)).collect();
    let distinct: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (40, 40));
    assert!(all.iter().all(|jobs| jobs.len() <= 5));
}

async fn claims_come_oldest_first(store: Store) {
    for (n, run_at) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
        given(&store, n, run_at).await;
    }
    let elsewhere = NewJob { kind: OTHER.to_owned(), ..new("x", 0) };
    store.enqueue(id(5), elsewhere, at(0)).await.expect("enqueued");
    assert_eq!(ids(&claim(&store, 100, 3).await), [id(2), id(4), id(3)]);
    let both = Claim { kinds: vec![KIND.into(), OTHER.into()], now: at(100), lease: LEASE, limit: 9 };
    assert_eq!(ids(&store.claim(both).await.expect("claimed")), [id(5), id(1)]);
    let none = Claim { kinds: vec![], now: at(100), lease: LEASE, limit: 9 };
    assert_eq!(store.claim(none).await.expect("claimed"), []);
}

async fn nothing_is_claimed_before_its_time(store: Store) {
    given(&store, 1, 50).await;
    assert_eq!(claim(&store, 49, 10).await, []);
    assert_eq!(claim(&store, 50, 0).await, []);
    claim_one(&store, 50).await;
}

async fn an_expired_lease_is_claimed(store: Store) {
    given(&store, 1, 0).await;
    let first = claim_one(&store, 0).await;
    let second = claim_one(&store, LEASE.0).await;
    assert_eq!((second.id, second.attempt), (first.id, 2));
    assert!(second.fence > first.fence);
    assert_eq!(second.lease_until, Some(at(2 * LEASE.0)));
}

async fn a_heartbeat_keeps_the_lease(store: Store) {
    given(&store, 1, 0).await;
    let job = claim_one(&store, 0).await;
    let beat = store.heartbeat(job.id, job.fence, at(50_000), 40).await.expect("held");
    assert!(!beat.cancel_requested);
    assert_eq!(store.get(job.id).await.expect("found").progress_percent, 40);
    assert_eq!(claim(&store, LEASE.0, 10).await, []);
    claim_one(&store, 50_000).await;
}

async fn an_old_fence_is_refused(store: Store) {
    given(&store, 1, 0).await;
    let old = claim_one(&store, 0).await;
    let current = claim_one(&store, LEASE.0).await;
    let beat = store.heartbeat(old.id, old.fence, at(99_000), 1).await;
    assert!(matches!(beat, Err(JobStoreError::Fenced(i)) if i == old.id));
    let end = store.finish(old.id, old.fence, Ending::Done, at(31_000)).await;
    assert!(matches!(end, Err(JobStoreError::Fenced(i)) if i == old.id));
    assert_eq!(store.get(old.id).await.expect("found"), current, "the new holder is not disturbed");
    let ahead = store.finish(old.id, current.fence + 1, Ending::Done, at(31_000)).await;
    assert!(matches!(ahead, Err(JobStoreError::Fenced(_))));
    store.finish(current.id, current.fence, Ending::Done, at(31_000)).await.expect("held");
}

async fn an_ended_job_is_nobodys(store: Store) {
    let waiting = given(&store, 1, 0).await;
    let early = store.finish(waiting.id, waiting.fence, Ending::Done, at(0)).await;
    assert!(matches!(early, Err(JobStoreError::Fenced(_))), "nobody holds a job that waits");
    let job = claim_one(&store, 0).await;
    let done = store.finish(job.id, job.fence, Ending::Done, at(5)).await.expect("held");
    assert_eq!((done.state, done.finished_at, done.lease_until), (JobState::Done, Some(at(5)), None));
    assert_eq!(done.progress_percent, 100);
    for ending in [Ending::Done, Ending::Dead { error: "late".into() }] {
        let again = store.finish(job.id, job.fence, ending, at(6)).await;
        assert!(matches!(again, Err(JobStoreError::Fenced(_))));
    }
    assert!(store.heartbeat(job.id, job.fence, at(99_000), 1).await.is_err());
    assert_eq!(store.get(job.id).await.expect("found"), done);
    assert_eq!(claim(&store, 1_000_000, 10).await, []);
    assert!(matches!(store.heartbeat(id(9), 1, at(1), 0).await, Err(JobStoreError::NotFound(_))));
    assert!(matches!(store.finish(id(9), 1, Ending::Done, at(1)).await, Err(JobStoreError::NotFound(_))));
}

async fn a_retry_waits_for_its_time(store: Store) {
    given(&store, 1, 0).await;
    let job = claim_one(&store, 0).await;
    let ending = Ending::Retry { run_at: at(700), error: "the oven is cold".into() };
    let waiting = store.finish(job.id, job.fence, ending, at(10)).await.expect("held");
    assert_eq!((waiting.state, waiting.attempt, waiting.run_at), (JobState::Ready, 1, at(700)));
    assert_eq!(waiting.last_error.as_deref(), Some("the oven is cold"));
    assert_eq!(claim(&store, 699, 10).await, []);
    let again = claim_one(&store, 700).await;
    assert_eq!(again.attempt, 2);
    assert!(again.fence > job.fence);
}

async fn used_up_attempts_make_a_dead_letter(store: Store) {
    given(&store, 1, 0).await;
    for attempt in 1..=3 {
        let job = claim_one(&store, attempt).await;
        let ending = Ending::Retry { run_at: at(0), error: format!("burnt {attempt}") };
        let after = store.finish(job.id, job.fence, ending, at(attempt)).await.expect("held");
        assert_eq!(after.state, if attempt < 3 { JobState::Ready } else { JobState::Dead });
    }
    let dead = store.get(id(1)).await.expect("found");
    assert_eq!((dead.attempt, dead.finished_at), (3, Some(at(3))));
    assert_eq!(dead.last_error.as_deref(), Some("burnt 3"));
    assert_eq!(claim(&store, 1_000_000, 10).await, []);
}

async fn a_worker_that_dies_uses_up_attempts(store: Store) {
    let job = given(&store, 1, 0).await;
    given(&store, 2, 5).await;
    for n in 0..3 {
        assert_eq!(ids(&claim(&store, n * LEASE.0, 1).await), [id(1)]);
    }
    // The poisoned one takes no place from the next.
    assert_eq!(ids(&claim(&store, 3 * LEASE.0, 1).await), [id(2)]);
    let dead = store.get(job.id).await.expect("found");
    assert_eq!((dead.state, dead.finished_at), (JobState::Dead, Some(at(3 * LEASE.0))));
    assert!(dead.last_error.is_some(), "it says why");
}

async fn a_release_costs_no_attempt(store: Store) {
    given(&store, 1, 0).await;
    for n in 0..10 {
        let job = claim_one(&store, n).await;
        assert_eq!(job.attempt, 1);
        let released = Ending::Released { run_at: at(n + 1) };
        let job = store.finish(job.id, job.fence, released, at(n)).await.expect("held");
        assert_eq!((job.state, job.attempt), (JobState::Ready, 0));
    }
}

async fn dead_is_dead_at_once(store: Store) {
    given(&store, 1, 0).await;
    let job = claim_one(&store, 0).await;
    let dead = store.finish(job.id, job.fence, Ending::Dead { error: "no flour".into() }, at(1)).await;
    let dead = dead.expect("held");
    assert_eq!((dead.state, dead.last_error.as_deref()), (JobState::Dead, Some("no flour")));
}

async fn a_running_job_is_told_to_stop(store: Store) {
    given(&store, 1, 0).await;
    let job = claim_one(&store, 0).await;
    let asked = store.steer(job.id, Order::Cancel, at(1)).await.expect("asked");
    assert_eq!((asked.state, asked.cancel_requested), (JobState::Running, true));
    assert!(store.heartbeat(job.id, job.fence, at(40_000), 9).await.expect("held").cancel_requested);
    let retry = Ending::Retry { run_at: at(5), error: "interrupted".into() };
    let ended = store.finish(job.id, job.fence, retry, at(2)).await.expect("held");
    assert_eq!(ended.state, JobState::Cancelled, "what was asked to stop is not tried again");
}

async fn a_stopped_job_of_a_dead_worker(store: Store) {
    let job = given(&store, 1, 0).await;
    claim_one(&store, 0).await;
    store.steer(job.id, Order::Cancel, at(1)).await.expect("asked");
    assert_eq!(claim(&store, LEASE.0, 10).await, []);
    assert_eq!(state(&store, &job).await, JobState::Cancelled);
}
