//! Dead letters: what gave up, and how it is tried again.

use crate::job::{Job, JobState};
use crate::port::{Ending, JobFilter, JobStore, JobStoreError, Order};
use vocab::{JobId, Millis};

/// Rows asked for at a time.
const PAGE: usize = 200;

/// Dead letters of `kind` (or all), newest first, at most `limit`.
pub async fn dead(
    store: &dyn JobStore,
    kind: Option<&str>,
    before: Option<JobId>,
    limit: usize,
) -> Result<Vec<Job>, JobStoreError> {
    let filter = JobFilter {
        kind: kind.map(str::to_owned),
        state: Some(JobState::Dead),
        before,
        limit,
        ..JobFilter::default()
    };
    store.list(filter).await
}

/// Replays every dead letter of `kind` (or all) and says how many. One that was followed by
/// a live job of the same kind and key is left alone.
pub async fn replay_all(
    store: &dyn JobStore,
    kind: Option<&str>,
    now: Millis,
) -> Result<usize, JobStoreError> {
    let mut replayed = 0;
    let mut before = None;
    loop {
        let page = dead(store, kind, before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(replayed) };
        before = Some(last.id);
        for job in page {
            match store.steer(job.id, Order::Replay, now).await {
                Ok(_) => replayed += 1,
                // Somebody else was faster; nothing is left to do for this one.
                Err(JobStoreError::WrongState { .. } | JobStoreError::Superseded { .. }) => {}
                Err(JobStoreError::NotFound(_)) => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Gives back every claim of a worker that is known to be gone, without waiting for its lease:
/// for the start of the only process over a store. The lost attempt counts, so that a job
/// which takes its process down with it does not do so for ever.
pub async fn take_back_orphans(store: &dyn JobStore, now: Millis) -> Result<usize, JobStoreError> {
    let mut taken = 0;
    let mut before = None;
    loop {
        let filter =
            JobFilter { state: Some(JobState::Running), before, limit: PAGE, ..JobFilter::default() };
        let page = store.list(filter).await?;
        let Some(last) = page.last() else { return Ok(taken) };
        before = Some(last.id);
        for job in page {
            let ending = Ending::Retry { run_at: now, error: "its worker died".to_owned() };
            match store.finish(job.id, job.fence, ending, now).await {
                Ok(_) => taken += 1,
                Err(JobStoreError::Fenced(_) | JobStoreError::NotFound(_)) => {}
                Err(e) => return Err(e),
            }
        }
    }
}
