//! What every [`JobStore`](crate::JobStore) promises, as named cases.

mod claims;
mod ledger;

use crate::job::{Job, JobState, NewJob};
use crate::port::{Claim, JobStore};
use std::sync::Arc;
use testkit::Case;
use vocab::{JobId, Millis};

pub fn cases() -> Vec<Case<Arc<dyn JobStore>>> {
    let mut cases = claims::cases();
    cases.extend(ledger::cases());
    cases
}

type Store = Arc<dyn JobStore>;

/// Midday of some day; the times of the cases lie after it.
const T0: i64 = 1_780_000_000_000;
const KIND: &str = "kitchen.bake";
const OTHER: &str = "kitchen.wash";
const LEASE: Millis = Millis(30_000);

fn at(ms: i64) -> Millis {
    Millis(T0 + ms)
}

fn id(n: u64) -> JobId {
    JobId::from_parts(T0 + n as i64, 7)
}

fn new(key: &str, run_at_ms: i64) -> NewJob {
    NewJob { max_attempts: 3, ..NewJob::new(KIND, key, at(run_at_ms)) }
}

/// The `n`th job, of a key of its own, due at `run_at_ms`.
async fn given(store: &Store, n: u64, run_at_ms: i64) -> Job {
    store.enqueue(id(n), new(&format!("key {n}"), run_at_ms), at(0)).await.expect("enqueued")
}

async fn claim(store: &Store, now_ms: i64, limit: usize) -> Vec<Job> {
    let claim = Claim { kinds: vec![KIND.to_owned()], now: at(now_ms), lease: LEASE, limit };
    store.claim(claim).await.expect("claimed")
}

async fn claim_one(store: &Store, now_ms: i64) -> Job {
    let mut jobs = claim(store, now_ms, 1).await;
    assert_eq!(jobs.len(), 1, "one job is due at {now_ms}");
    jobs.remove(0)
}

async fn state(store: &Store, job: &Job) -> JobState {
    store.get(job.id).await.expect("found").state
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|j| j.id).collect()
}
