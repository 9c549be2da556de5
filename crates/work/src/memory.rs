//! The executable specification of [`JobStore`].

use crate::job::{Job, JobState, NewJob};
use crate::port::{Claim, Ending, Heartbeat, JobFilter, JobStore, JobStoreError, Order, Prune, Tally};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{JobId, Millis};

#[derive(Debug, Default)]
pub struct MemoryJobStore {
    jobs: Mutex<BTreeMap<JobId, Job>>,
}

impl MemoryJobStore {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found(jobs: &BTreeMap<JobId, Job>, id: JobId) -> Result<Job, JobStoreError> {
    jobs.get(&id).cloned().ok_or(JobStoreError::NotFound(id))
}

fn held(jobs: &BTreeMap<JobId, Job>, id: JobId, fence: u64) -> Result<Job, JobStoreError> {
    let job = found(jobs, id)?;
    if job.is_held(fence) { Ok(job) } else { Err(JobStoreError::Fenced(id)) }
}

fn live(jobs: &BTreeMap<JobId, Job>, kind: &str, key: &str) -> Option<Job> {
    jobs.values().find(|j| j.state.is_live() && j.kind == kind && j.key == key).cloned()
}

#[async_trait]
impl JobStore for MemoryJobStore {
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError> {
        let mut jobs = self.jobs();
        if let Some(live) = live(&jobs, &job.kind, &job.key) {
            return Ok(live);
        }
        if jobs.contains_key(&id) {
            return Err(Fault::internal(format!("job {id} exists already")).into());
        }
        let job = Job::enqueued(id, job, now);
        jobs.insert(id, job.clone());
        Ok(job)
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError> {
        let mut jobs = self.jobs();
        let mut due: Vec<Job> =
            jobs.values().filter(|j| claim.kinds.contains(&j.kind) && j.is_due(claim.now)).cloned().collect();
        due.sort_by_key(|j| (j.run_at, j.id));
        let mut claimed = Vec::new();
        for job in due {
            if claimed.len() == claim.limit {
                break;
            }
            let job = job.taken(claim.now, claim.lease);
            jobs.insert(job.id, job.clone());
            if job.state == JobState::Running {
                claimed.push(job);
            }
        }
        Ok(claimed)
    }

    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat, JobStoreError> {
        let mut jobs = self.jobs();
        let job = held(&jobs, id, fence)?.beaten(lease_until, progress_percent);
        let beat = Heartbeat { cancel_requested: job.cancel_requested };
        jobs.insert(id, job);
        Ok(beat)
    }

    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job, JobStoreError> {
        let mut jobs = self.jobs();
        let job = held(&jobs, id, fence)?.finished(ending, now);
        jobs.insert(id, job.clone());
        Ok(job)
    }

    async fn get(&self, id: JobId) -> Result<Job, JobStoreError> {
        found(&self.jobs(), id)
    }

    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError> {
        let jobs = self.jobs();
        let wanted = |j: &&Job| {
            filter.kind.as_ref().is_none_or(|k| *k == j.kind)
                && filter.key.as_ref().is_none_or(|k| *k == j.key)
                && filter.state.is_none_or(|s| s == j.state)
                && filter.before.is_none_or(|b| j.id < b)
        };
        Ok(jobs.values().rev().filter(wanted).take(filter.limit).cloned().collect())
    }

    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError> {
        let mut jobs = self.jobs();
        let job = found(&jobs, id)?;
        let other = live(&jobs, &job.kind, &job.key).map(|j| j.id);
        let job = job.steered(order, other, now)?;
        jobs.insert(id, job.clone());
        Ok(job)
    }

    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError> {
        let mut kinds: BTreeMap<String, Tally> = BTreeMap::new();
        for job in self.jobs().values() {
            if !job.state.is_live() && job.state != JobState::Dead {
                continue;
            }
            let tally = kinds.entry(job.kind.clone()).or_insert_with(|| Tally {
                kind: job.kind.clone(),
                ready: 0,
                running: 0,
                dead: 0,
                oldest_run_at: None,
            });
            match job.state {
                JobState::Running => tally.running += 1,
                JobState::Dead => tally.dead += 1,
                _ => {
                    tally.ready += 1;
                    let oldest = tally.oldest_run_at.map_or(job.run_at, |o| o.min(job.run_at));
                    tally.oldest_run_at = Some(oldest);
                }
            }
        }
        Ok(kinds.into_values().collect())
    }

    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError> {
        let mut jobs = self.jobs();
        let old = |j: &&Job| {
            let before = match j.state {
                JobState::Done | JobState::Cancelled => prune.ended_before,
                JobState::Dead => prune.dead_before,
                JobState::Ready | JobState::Running => return false,
            };
            j.finished_at.is_some_and(|at| at < before)
        };
        let ids: Vec<JobId> = jobs.values().filter(old).take(prune.limit).map(|j| j.id).collect();
        for id in &ids {
            jobs.remove(id);
        }
        Ok(ids.len())
    }
}
